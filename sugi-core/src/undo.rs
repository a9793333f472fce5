//! One cancel on its way: the same few steps whether a person asked for it or we reverse.
//!
//! A cancel can always be resolved. It names a `tno`, so KCP's books can be looked at; a partial
//! one carries the remainder it expects, so sending it twice takes effect once; a full one can
//! only take effect once anyway.

use jiff::Timestamp;
use nhn_kcp::{Amount, TaxParts};
use serde::{Deserialize, Serialize};

use crate::{
    Event, Live, Looked, Policy, Refusal, SendNo, Since, When, todo::Hands, when::in_future,
};

/// How a cancel is put to KCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum Mode {
    /// `STSC`: everything, of an approval that nobody has cancelled any part of.
    Full,
    /// `STPC`: a part, or the rest after a part. KCP compares `remaining` with its books and
    /// refuses when they differ.
    Partial {
        /// How much to take off.
        amount: Amount,
        /// What is left before it, as we know it.
        remaining: Amount,
        /// How the amount divides for tax, where the sale's did.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        tax: Option<TaxParts>,
    },
}

/// Where a cancel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// To be sent.
    Due,
    /// Its intent is written down; it may be on the wire.
    Sent,
    /// Its end is not known by an answer: look at KCP's books.
    Unsure,
}

/// A cancel that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Undo {
    /// How much to take off.
    pub amount: u64,
    /// How that divides for tax. A reversal has none: of a sale that is still whole it needs none, and
    /// what is left of each part of any other nobody here can know.
    pub tax: Option<TaxParts>,
    /// What was left before it.
    pub remaining: u64,
    /// Take all that is left, whatever that is: a reversal. Otherwise exactly `amount`.
    pub whole: bool,
    /// Where it stands.
    pub step: Step,
    /// Since when it stands there.
    pub since: When,
    /// How many tries have ended without an end.
    pub tries: u32,
    /// When the newest send whose answer never came was given up: it may still take effect for a quiet
    /// period from then.
    pub unanswered: Option<Since>,
    /// KCP's last refusal, and whether it stands by itself.
    pub refusal: Option<(Refusal, bool)>,
    /// What the last look since the last send showed: when it was asked, and the remainder.
    pub seen: Option<(When, u64)>,
}

/// What to do about a cancel next.
pub(crate) enum Next {
    Wait(Timestamp),
    Record(Event),
    Send(Mode),
    Look,
}

impl Undo {
    /// A cancel of exactly `amount`.
    pub(crate) fn part(amount: Amount, tax: Option<TaxParts>, remaining: u64, at: When) -> Self {
        Self {
            tax,
            ..Self::new(amount.get(), remaining, false, None, at)
        }
    }

    /// A reversal of all that is left, just seen to be `remaining`.
    pub(crate) fn all(remaining: u64, asked_at: When, at: When) -> Self {
        Self::new(remaining, remaining, true, Some((asked_at, remaining)), at)
    }

    fn new(amount: u64, remaining: u64, whole: bool, seen: Option<(When, u64)>, at: When) -> Self {
        let step = Step::Due;
        let (tries, unanswered, refusal) = (0, None, None);
        Self {
            amount,
            tax: None,
            remaining,
            whole,
            step,
            since: at,
            tries,
            unanswered,
            refusal,
            seen,
        }
    }

    /// What an event does to it; `None` when it cannot have happened.
    pub(crate) fn evolve(&mut self, at: When, event: Event) -> Option<()> {
        if let Some(given_up) = &mut self.unanswered {
            given_up.saw(&at);
        }
        match (self.step, event) {
            (Step::Due | Step::Unsure, Event::CancelSent { mode, .. }) => self.sent(mode, at),
            (Step::Sent, Event::CancelLost { .. }) => self.lost(at),
            (Step::Sent, Event::CancelNotSent { .. }) => self.not_sent(at),
            // Also of a send that was given up: it says what became of it.
            (Step::Sent | Step::Unsure, Event::CancelRefused { refusal, look, .. }) => {
                self.refused(refusal, look, at);
            }
            (
                _,
                Event::Looked(Looked {
                    seen: Live::Found { remaining, .. },
                    asked_at,
                    ..
                }),
            ) => {
                self.looked(Some((asked_at, remaining)), at);
            }
            (_, Event::Looked(_)) => self.looked(None, at),
            _ => return None,
        }
        Some(())
    }

    fn sent(&mut self, mode: Mode, at: When) {
        // What is sent is what counts from here on: a reversal takes all that the last look showed.
        if let (
            true,
            Mode::Partial {
                amount, remaining, ..
            },
        ) = (self.whole, mode)
        {
            (self.amount, self.remaining) = (amount.get(), remaining.get());
        }
        self.seen = None;
        self.go(Step::Sent, at);
    }

    fn lost(&mut self, at: When) {
        self.unanswered = Some(at.into());
        self.go(Step::Unsure, at);
    }

    fn not_sent(&mut self, at: When) {
        self.tried();
        self.go(Step::Due, at);
    }

    /// Whether the cancel ended with this refusal.
    pub(crate) fn refused(&mut self, refusal: Refusal, look: bool, at: When) -> bool {
        let ends = !look && !self.whole && self.unanswered.is_none();
        let stands = !look || refusal.stands;
        self.refusal = Some((refusal, stands));
        // Which send it refuses cannot be told while an earlier one is still unanswered.
        self.unanswered = self.unanswered.take().map(|_| at.into());
        self.tried();
        self.go(Step::Unsure, at);
        ends
    }

    fn looked(&mut self, seen: Option<(When, u64)>, at: When) {
        self.tried();
        self.seen = seen.or(self.seen);
        // A look never disturbs a cancel that is on the wire: its own end is still to come.
        if self.step != Step::Sent {
            self.go(Step::Unsure, at);
        }
    }

    fn tried(&mut self) {
        self.tries = self.tries.saturating_add(1);
    }

    fn go(&mut self, step: Step, at: When) {
        (self.step, self.since) = (step, at);
    }

    /// What comes next. `newest`: the number of its newest send, where it was sent.
    pub(crate) fn next(
        &self,
        total: u64,
        newest: SendNo,
        now: &When,
        hands: Hands,
        policy: &Policy,
    ) -> Next {
        match self.step {
            Step::Due => self.send_when(self.next_try(now, policy), total, now),
            Step::Sent => match hands.until_given_up(&self.since, now, policy) {
                Some(until) => Next::Wait(until),
                None => Next::Record(Event::CancelLost {
                    send: newest,
                    why: "nobody is left who could hear the answer".into(),
                }),
            },
            Step::Unsure => match &self.seen {
                Some((asked_at, left)) => self.judge(asked_at, *left, total, now, policy),
                None => look_when(self.next_try(now, policy), now),
            },
        }
    }

    /// When the next try is due.
    fn next_try(&self, now: &When, policy: &Policy) -> Timestamp {
        self.since.then(policy.pause(self.tries), now)
    }

    /// KCP's books show `left`. Did our cancel take effect, can it still, or must it go again?
    fn judge(&self, asked_at: &When, left: u64, total: u64, now: &When, policy: &Policy) -> Next {
        // Another node's send may have gone out just before this one was given up.
        let life = policy.call_life + policy.quiet;
        let given_up = self.unanswered.as_ref();
        let settled = given_up.is_none_or(|given_up| given_up.is_over(life, asked_at));
        let settles_at = given_up.map(|given_up| in_future(now, given_up.left(life, now)));
        let retry_at = self.next_try(now, policy);
        let fail = || {
            let refusal = self.refusal.clone().map(|(refusal, _)| refusal);
            Next::Record(Event::CancelFailed {
                refusal,
                remaining: left,
            })
        };
        let done = || {
            Next::Record(Event::CancelDone {
                send: None,
                remaining: left,
            })
        };
        // Only something that is still under way can make waiting worth while.
        let wait_until_settled = || look_when(settles_at.unwrap_or(retry_at), now);

        if self.whole {
            return if left == 0 {
                done()
            } else {
                self.send_when(retry_at, total, now)
            };
        }
        let gone = self.remaining.saturating_sub(left);
        let stands = matches!(self.refusal, Some((_, true)));
        let ends = stands || policy.is_beyond_ladder(self.tries);
        match gone {
            _ if left > self.remaining => look_when(retry_at, now),
            0 if ends && settled => fail(),
            0 if ends => wait_until_settled(),
            0 => self.send_when(retry_at, total, now),
            // All is gone, which is what was asked for, whoever did it.
            _ if left == 0 && gone == self.amount => done(),
            // Exactly ours is gone, and ours was under way: it arrived.
            _ if gone == self.amount && self.unanswered.is_some() => done(),
            // Somebody else cancelled as well. Once nothing of ours can still land, the books are
            // the truth; if they leave room for ours, believe that it is in them: to say that it
            // failed would invite a second one.
            _ if !settled => wait_until_settled(),
            _ if gone >= self.amount && self.unanswered.is_some() => done(),
            _ => fail(),
        }
    }

    fn send_when(&self, due: Timestamp, total: u64, now: &When) -> Next {
        if now.at < due {
            return Next::Wait(due);
        }
        let left = match &self.seen {
            Some((_, left)) if self.whole => *left,
            _ => self.remaining,
        };
        let amount = if self.whole { left } else { self.amount };
        match (Amount::new(amount), Amount::new(left)) {
            (Ok(amount), Ok(remaining)) if amount.get() < total => {
                let tax = self.tax;
                Next::Send(Mode::Partial {
                    amount,
                    remaining,
                    tax,
                })
            }
            (Ok(_), Ok(_)) => Next::Send(Mode::Full),
            _ => Next::Record(Event::CancelDone {
                send: None,
                remaining: left,
            }),
        }
    }
}

fn look_when(due: Timestamp, now: &When) -> Next {
    if now.at >= due {
        Next::Look
    } else {
        Next::Wait(due)
    }
}
