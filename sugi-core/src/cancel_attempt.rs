//! One cancel on its way: the same few steps whether a person asked for it or we reverse.
//!
//! A cancel can always be resolved. It names a `tno`, so KCP's books can be looked at; a partial
//! one carries the remainder it expects, so sending it twice takes effect once; a full one can
//! only take effect once anyway. So where inquiries fail, it is sent again after the uncertainty
//! window, and the answer is evidence; and where that settles nothing either, a person may state
//! what KCP's partner site shows.

use jiff::{SignedDuration, Timestamp};
use nhn_kcp::{Amount, TaxParts};
use serde::{Deserialize, Serialize};

use crate::mutation::{Mutation, is_on};
use crate::{
    CancelOrder, Event, Inquired, Live, Policy, Refusal, Says, SendNo, Since, When,
    todo::ProcessContext, when::in_future,
};

/// How a cancel is put to KCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum Mode {
    /// `STSC`: everything, of an approval that no one has cancelled any part of.
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
pub struct CancelAttempt {
    /// How much to take off.
    pub amount: u64,
    /// How that divides for tax. A reversal has none: of a sale that is still whole it needs none, and
    /// what is left of each part of any other no one here can know.
    pub tax: Option<TaxParts>,
    /// What was left before it.
    pub remaining: u64,
    /// How much of what is left it takes.
    pub take: Take,
    /// Where it stands.
    pub step: Step,
    /// Since when it stands there.
    pub since: When,
    /// How many tries have ended without an end.
    pub tries: u32,
    /// When the newest send whose answer never came was given up: it may still take effect for a quiet
    /// period from then.
    pub unanswered: Option<Since>,
    /// How many sends were given up without an answer since.
    pub open: u32,
    /// KCP's last refusal, and what it says of the books.
    pub refusal: Option<(Refusal, Says)>,
    /// The newest send was refused, at this time.
    pub refused_at: Option<When>,
    /// How many inquiries in a row have told nothing.
    pub blind: u32,
    /// What the last look since the last send showed: when it was asked, and the remainder.
    pub seen: Option<(When, u64)>,
}

/// How much of what is left a cancel takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Take {
    /// Exactly what was asked for.
    Exactly,
    /// What was asked for, which was all that was left; if less is left by now, that.
    Rest,
    /// All that is left, no matter what that is: a reversal, which no refusal ends.
    Whole,
}

/// What to do about a cancel next.
pub(crate) enum Next {
    Wait(Timestamp),
    Record(Event),
    Send(Mode),
    Look,
}

impl CancelAttempt {
    /// A cancel that a person asked for.
    pub(crate) fn asked(order: &CancelOrder, remaining: u64, at: When) -> Self {
        let take = if order.all { Take::Rest } else { Take::Exactly };
        Self {
            tax: order.tax,
            ..Self::new(order.amount.get(), remaining, take, None, at)
        }
    }

    /// A reversal of all that is left, just seen to be `remaining`.
    pub(crate) fn all(remaining: u64, asked_at: When, at: When) -> Self {
        let seen = Some((asked_at, remaining));
        Self::new(remaining, remaining, Take::Whole, seen, at)
    }

    fn new(amount: u64, remaining: u64, take: Take, seen: Option<(When, u64)>, at: When) -> Self {
        let step = Step::Due;
        let (tries, unanswered, refusal) = (0, None, None);
        Self {
            amount,
            tax: None,
            remaining,
            take,
            step,
            since: at,
            tries,
            unanswered,
            refusal,
            open: 0,
            refused_at: None,
            blind: 0,
            seen,
        }
    }

    /// What an event does to it; `None` when it cannot have happened.
    pub(crate) fn evolve(&mut self, at: When, event: Event) -> Option<()> {
        self.saw(&at);
        match (self.step, event) {
            (Step::Due | Step::Unsure, Event::CancelSent { mode, .. }) => self.sent(mode, at),
            (Step::Sent, Event::CancelLost { .. }) => self.lost(at),
            (Step::Sent, Event::CancelNotSent { .. }) => self.not_sent(at),
            // Also of a send that was given up: it says what became of it.
            (Step::Sent | Step::Unsure, Event::CancelRefused { refusal, says, .. }) => {
                self.refused(refusal, says, at);
            }
            (
                _,
                Event::Inquired(Inquired {
                    seen: Live::Found { remaining, .. },
                    asked_at,
                    ..
                }),
            ) => {
                self.looked(Some((asked_at, remaining)), at);
            }
            (_, Event::Inquired(_)) => self.looked(None, at),
            _ => return None,
        }
        Some(())
    }

    /// A later moment was written down: a process that has not counted yet counts from there.
    fn saw(&mut self, later: &When) {
        if let Some(given_up) = &mut self.unanswered {
            given_up.saw(later);
        }
    }

    fn sent(&mut self, mode: Mode, at: When) {
        // What is sent is what counts from here on: it takes all that the last look showed.
        if let (
            Take::Rest | Take::Whole,
            Mode::Partial {
                amount, remaining, ..
            },
        ) = (self.take, mode)
        {
            (self.amount, self.remaining) = (amount.get(), remaining.get());
        }
        (self.seen, self.refused_at, self.blind) = (None, None, 0);
        self.go(Step::Sent, at);
    }

    fn lost(&mut self, at: When) {
        self.unanswered = Some(at.into());
        self.open = self.open.saturating_add(1);
        self.go(Step::Unsure, at);
    }

    fn not_sent(&mut self, at: When) {
        self.tried();
        self.go(Step::Due, at);
    }

    /// Whether the cancel ended with this refusal.
    pub(crate) fn refused(&mut self, refusal: Refusal, says: Says, at: When) -> bool {
        self.saw(&at);
        // The newest send had been given up, and this is its answer after all.
        if self.step == Step::Unsure {
            self.open = self.open.saturating_sub(1);
        }
        if self.open == 0 {
            self.unanswered = None;
        }
        let ends = says == Says::Stands && self.take != Take::Whole && self.unanswered.is_none();
        self.refusal = Some((refusal, says));
        self.refused_at = Some(at);
        self.tried();
        self.go(Step::Unsure, at);
        ends
    }

    fn looked(&mut self, seen: Option<(When, u64)>, at: When) {
        self.tried();
        self.blind = if seen.is_some() {
            0
        } else {
            self.blind.saturating_add(1)
        };
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
        process_context: ProcessContext,
        policy: &Policy,
    ) -> Next {
        match self.step {
            Step::Due => self.send_when(self.next_try(now, policy), total, now),
            Step::Sent => match process_context.until_given_up(&self.since, now, policy) {
                Some(until) => Next::Wait(until),
                None => Next::Record(Event::CancelLost {
                    send: newest,
                    why: "nobody is left who could hear the answer".into(),
                }),
            },
            Step::Unsure => match &self.seen {
                Some((asked_at, left)) => self.judge(asked_at, *left, total, now, policy),
                None => self.without_a_look(total, now, policy),
            },
        }
    }

    /// When the next try is due.
    fn next_try(&self, now: &When, policy: &Policy) -> Timestamp {
        self.since.then(policy.pause(self.tries), now)
    }

    /// Whether nothing that was sent of it could take effect any more at this moment. Another node's
    /// send may have gone out just before it was given up.
    fn is_settled(&self, at: &When, policy: &Policy) -> bool {
        let life = policy.call_life + policy.uncertainty_window;
        let given_up = self.unanswered.as_ref();
        given_up.is_none_or(|given_up| given_up.is_over(life, at))
    }

    /// How long it is until then: all of that time where no clock can tell.
    pub(crate) fn settles_in(&self, now: &When, policy: &Policy) -> SignedDuration {
        let life = policy.call_life + policy.uncertainty_window;
        let given_up = self.unanswered.as_ref();
        given_up.map_or(SignedDuration::ZERO, |given_up| given_up.left(life, now))
    }

    /// Whether inquiries have told nothing for as long as the backoff schedule is.
    pub(crate) fn is_blind(&self, policy: &Policy) -> bool {
        policy.is_used_up(self.blind)
    }

    /// Whether it goes on for a time that no one can tell: its answer was lost, an inquiry failed, or it
    /// could not be sent.
    #[must_use]
    pub fn is_held_up(&self) -> bool {
        self.unanswered.is_some() || self.blind > 0 || (self.step == Step::Due && self.tries > 0)
    }

    /// Nothing is seen of KCP's books yet. Where inquiries fail, it is sent again once nothing earlier
    /// can take effect: a full cancel takes effect once, and a partial one names the remainder. That all
    /// of it is cancelled already is then as good as having looked.
    fn without_a_look(&self, total: u64, now: &When, policy: &Policy) -> Next {
        let retry_at = self.next_try(now, policy);
        let settled = self.is_settled(now, policy);
        if !(self.is_blind(policy) && settled) || is_on(Mutation::NeverSentAgain) {
            return look_when(retry_at, now);
        }
        match (&self.refused_at, &self.refusal) {
            (Some(at), Some((_, Says::Gone))) => self.judge(at, 0, total, now, policy),
            // It stands by itself, and an earlier send was not answered: only the books can tell.
            (Some(_), Some((_, Says::Stands))) if self.take != Take::Whole => {
                look_when(retry_at, now)
            }
            _ => self.send_when(retry_at, total, now),
        }
    }

    /// KCP's books show `left`. Did our cancel take effect, can it still, or must it go again?
    fn judge(&self, asked_at: &When, left: u64, total: u64, now: &When, policy: &Policy) -> Next {
        let settled = self.is_settled(asked_at, policy) || is_on(Mutation::CancelFailedEarly);
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
        let wait_until_settled = || {
            let given_up = self.unanswered.as_ref();
            let settles_at = match given_up.map(|given_up| given_up.measured_to(now)) {
                Some(Some(_)) => in_future(now, self.settles_in(now, policy)),
                // No clock can tell how long it was: once it is looked at, one counts from there.
                Some(None) | None => retry_at,
            };
            look_when(settles_at, now)
        };

        if self.take == Take::Whole {
            return if left == 0 {
                done()
            } else {
                self.send_when(retry_at, total, now)
            };
        }
        let gone = self.remaining.saturating_sub(left);
        let stands = matches!(self.refusal, Some((_, Says::Stands)));
        // Refused for how the books stand: they are looked at, and it is not tried again as it was.
        let by_state = matches!(&self.refusal, Some((refusal, _)) if refusal.stands);
        let ends = stands || by_state || policy.is_used_up(self.tries);
        match gone {
            // The ledger says less than KCP: that is for an inquiry of its own, once this has ended.
            _ if left > self.remaining && ends && settled => Next::Record(Event::CancelFailed {
                refusal: self.refusal.clone().map(|(refusal, _)| refusal),
                remaining: self.remaining,
            }),
            _ if left > self.remaining => look_when(retry_at, now),
            0 if ends && settled => fail(),
            0 if ends => wait_until_settled(),
            0 => self.send_when(retry_at, total, now),
            // All is gone, which is what was asked for, whoever did it.
            _ if left == 0 && gone == self.amount => done(),
            // All that was left was asked for, and someone gave a part of it back at KCP: ours was
            // refused for that, so the rest is still to be cancelled. How it divides for tax no one knows.
            _ if self.take == Take::Rest
                && left > 0
                && self.tax.is_none()
                && !stands
                && !is_on(Mutation::RestNotAdjusted) =>
            {
                self.send_when(retry_at, total, now)
            }
            // Exactly ours is gone, and ours was under way: it arrived.
            _ if gone == self.amount && self.unanswered.is_some() => done(),
            // Someone else cancelled as well. Once nothing of ours can still land, the books are
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
            Some((_, left)) if self.take != Take::Exactly => *left,
            _ => self.remaining,
        };
        let amount = match self.take {
            Take::Exactly => self.amount,
            Take::Rest => left.min(self.amount),
            Take::Whole => left,
        };
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
