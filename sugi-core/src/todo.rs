//! What must happen next: from a payment, the time, a shop's policy and what this process holds.
//! Nothing is remembered between two questions, so asking again after a crash is asking at all.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::Offset};
use nhn_kcp::{OrderNo, Tno};

use crate::{
    Event, Lost, Mode, Payment, Policy, Review, SendNo, Source, State, VoidReason, doubt::Doubt,
    undo::Next,
};

/// What the asking process holds, which no journal can tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Hands {
    /// Nobody else can be on the line with KCP for this payment: this process has the ledger to
    /// itself, and no other task of it works on this payment.
    pub alone: bool,
    /// Somebody still waits for the outcome of the sale.
    pub waiting: bool,
}

/// What must happen next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Todo {
    /// Nothing, unless somebody asks for something. A payment in doubt that rests waits for
    /// evidence from a person.
    Rest,
    /// Nothing before this time.
    Wait(Timestamp),
    /// Write this down: it follows from what is known already.
    Record(Event),
    /// Ask KCP. A cancel's intent, [`Event::CancelSent`], is to be written down first. (An approval is
    /// never a thing to do later: its intent is written with its request, by whoever holds the card.)
    Call(Call),
}

/// A call to KCP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Cancel, whole or in part.
    Cancel {
        /// The number of this send.
        send: SendNo,
        /// Of which transaction.
        tno: Tno,
        /// How.
        mode: Mode,
        /// Why, for KCP's books: the asker's reason, or none for a reversal.
        reason: Option<nhn_kcp::CancelReason>,
    },
    /// Look at one transaction.
    Inquire {
        /// Which.
        tno: Tno,
    },
    /// Look for an order among a Korean day's transactions.
    LookUp {
        /// The order as KCP was told it.
        ordr_idxx: OrderNo,
        /// The day.
        day: Date,
    },
}

impl Call {
    /// In whose name what this call shows is written down.
    #[must_use]
    pub fn source(&self) -> Source {
        match self {
            Self::LookUp { day, .. } => Source::OrderLookup { day: *day },
            Self::Inquire { tno } | Self::Cancel { tno, .. } => {
                Source::Inquiry { tno: tno.clone() }
            }
        }
    }
}

/// What must happen next to `payment` at `now`.
#[must_use]
pub fn todo(payment: &Payment, now: Timestamp, hands: Hands, policy: &Policy) -> Todo {
    let todo = of_state(payment, now, hands, policy);
    let due = |review: &Review| review.since + policy.pause(review.tries);
    match (
        todo,
        payment.reviews.iter().min_by_key(|review| due(review)),
    ) {
        (Todo::Rest | Todo::Wait(_), Some(review)) if now >= due(review) => {
            Todo::Call(Call::Inquire {
                tno: review.tno.clone(),
            })
        }
        (Todo::Rest, Some(review)) => Todo::Wait(due(review)),
        (Todo::Wait(until), Some(review)) => Todo::Wait(until.min(due(review))),
        (todo, _) => todo,
    }
}

fn of_state(payment: &Payment, now: Timestamp, hands: Hands, policy: &Policy) -> Todo {
    let (newest, send) = (payment.newest_send(), payment.next_send());
    match &payment.state {
        State::Requested => once_nobody_else(payment.created_at, now, hands, policy, || {
            Event::Voided(VoidReason::CardGone)
        }),
        State::Approving { sent_at } => once_nobody_else(*sent_at, now, hands, policy, || {
            let why = "nobody is left who could hear the answer".into();
            Event::Lost(Lost {
                why,
                tno: None,
                contradicts: false,
            })
        }),
        State::InDoubt(doubt) => in_doubt(payment, doubt, now, hands, policy),
        State::Reversing { approval, undo, .. } => act(
            send,
            undo.next(approval.amount.get(), newest, now, hands.alone, policy),
            &approval.tno,
            None,
        ),
        State::Approved {
            approval,
            pending: Some(pending),
            ..
        } => {
            let (order, undo) = &**pending;
            act(
                send,
                undo.next(approval.amount.get(), newest, now, hands.alone, policy),
                &approval.tno,
                Some(&order.reason),
            )
        }
        State::Approved { .. } | State::Declined(_) | State::Reversed { .. } | State::Void(_) => {
            Todo::Rest
        }
    }
}

/// A process that may still be at work on this gets the time that its call can last.
fn once_nobody_else(
    since: Timestamp,
    now: Timestamp,
    hands: Hands,
    policy: &Policy,
    event: impl FnOnce() -> Event,
) -> Todo {
    let given_up_at = since + policy.call_life;
    if hands.alone || now >= given_up_at {
        Todo::Record(event())
    } else {
        Todo::Wait(given_up_at)
    }
}

fn act(send: SendNo, next: Next, tno: &Tno, reason: Option<&nhn_kcp::CancelReason>) -> Todo {
    match next {
        Next::Wait(until) => Todo::Wait(until),
        Next::Record(event) => Todo::Record(event),
        Next::Send(mode) => Todo::Call(Call::Cancel {
            send,
            tno: tno.clone(),
            mode,
            reason: reason.cloned(),
        }),
        Next::Look => Todo::Call(Call::Inquire { tno: tno.clone() }),
    }
}

fn in_doubt(
    payment: &Payment,
    doubt: &Doubt,
    now: Timestamp,
    hands: Hands,
    policy: &Policy,
) -> Todo {
    if let Some((approval, remaining, _, source)) = &doubt.live {
        let whole = approval.amount == payment.request.order.money.amount
            && *remaining == approval.amount.get();
        // Whose caller was told that nothing was charged has moved on: only a person keeps that.
        let wanted = matches!(source, Source::Person { keep: true, .. })
            || (hands.waiting && policy.keep_if_waiting && !doubt.reopened);
        let keep = whole && wanted && !doubt.lost.contradicts;
        return Todo::Record(if keep {
            Event::Kept
        } else {
            Event::ReverseDecided
        });
    }
    let settles_at = doubt.lost_at + policy.quiet;
    let denied = doubt.number_denied(settles_at);
    if policy.order_lookup && denied && absence_is_proved(doubt, settles_at, policy) {
        return Todo::Record(Event::Voided(VoidReason::Absent));
    }
    // Where a number and the order can both be asked for, they take turns.
    let by_number = doubt
        .number()
        .filter(|_| !policy.order_lookup || doubt.looks.is_multiple_of(2));
    if !policy.order_lookup && (by_number.is_none() || denied) {
        return Todo::Rest;
    }
    // The look that can prove absence is made the moment it can, not a rung of the ladder later.
    let next_look = doubt.since + policy.pause(doubt.looks);
    let at = if doubt.since < settles_at {
        next_look.min(settles_at)
    } else {
        next_look
    };
    match by_number {
        _ if now < at => Todo::Wait(at),
        // Never cancelled on the strength of a number read off a wreck: look whose it is first.
        Some(tno) => Todo::Call(Call::Inquire { tno: tno.clone() }),
        None => look_up(payment, doubt, policy),
    }
}

/// KCP, asked after the request could live no longer, did not know the order on any day that counts.
fn absence_is_proved(doubt: &Doubt, settles_at: Timestamp, policy: &Policy) -> bool {
    let late_enough = |asked_at: &Timestamp| *asked_at >= settles_at;
    days(doubt, policy).all(|day| doubt.absent.get(&day).is_some_and(late_enough))
}

/// How far our clock and KCP's may be apart.
pub(crate) const SKEW: SignedDuration = SignedDuration::from_hours(1);

/// The Korean days on which KCP can have booked it: two near midnight, by whichever clock.
fn days(doubt: &Doubt, policy: &Policy) -> impl Iterator<Item = Date> + use<> {
    let first = korean_day(doubt.sent_at - SKEW);
    let last = korean_day(doubt.lost_at + policy.quiet + SKEW);
    std::iter::successors(Some(first), |day| day.tomorrow().ok())
        .take_while(move |day| *day <= last)
}

/// The day in Korea, which has had no summer time since 1988.
fn korean_day(at: Timestamp) -> Date {
    Offset::constant(9).to_datetime(at).date()
}

/// Asks about the day that was asked about longest ago.
fn look_up(payment: &Payment, doubt: &Doubt, policy: &Policy) -> Todo {
    let day = days(doubt, policy)
        .min_by_key(|day| doubt.absent.get(day))
        .unwrap_or(korean_day(doubt.sent_at));
    Todo::Call(Call::LookUp {
        ordr_idxx: payment.request.order.order_no.clone(),
        day,
    })
}

/// Whether a person may close this payment in doubt as void: the request cannot live any longer,
/// and if KCP ever gave a number for it, KCP has denied that number since.
///
/// # Errors
/// The time from which on they may, when it is too early; `None` when it is not in doubt, or when
/// something of it is known to live.
pub fn may_attest_absence(
    payment: &Payment,
    now: Timestamp,
    policy: &Policy,
) -> Result<(), Option<Timestamp>> {
    let State::InDoubt(doubt) = &payment.state else {
        return Err(None);
    };
    let settles_at = doubt.lost_at + policy.quiet;
    let denied = doubt.number_denied(settles_at);
    match () {
        () if doubt.live.is_some() => Err(None),
        () if now < settles_at => Err(Some(settles_at)),
        () if !denied => Err(None),
        () => Ok(()),
    }
}
