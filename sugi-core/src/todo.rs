//! What must happen next: from a payment, the time, a shop's policy and what this process holds.
//! Nothing is remembered between two questions, so asking again after a crash is asking at all.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::Offset};
use nhn_kcp::{OrderNo, Tno};

use crate::mutation::{Mutation, is_on};
use crate::{
    Event, Lost, Mode, Payment, Policy, Review, SendNo, Source, State, Step, VoidReason, When,
    cancel_attempt::Next, doubt::Doubt, when::in_future,
};

/// What the asking process holds, which no journal can tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ProcessContext {
    /// No one else can be in flight with KCP for this payment: this process has the ledger to
    /// itself, and no other task of it works on this payment.
    pub alone: bool,
    /// Someone still waits for the outcome of the sale.
    pub waiting: bool,
    /// How long this process itself has seen the payment stand where it stands: what it may count where
    /// no clock has read the beginning.
    pub watched: SignedDuration,
}

impl ProcessContext {
    /// Until when a call that began `since` may still be heard by its caller; `None` when no one
    /// can be left to hear it.
    pub(crate) fn until_given_up(
        self,
        since: &When,
        now: &When,
        policy: &Policy,
    ) -> Option<Timestamp> {
        let passed = since.measured_to(now).unwrap_or_default();
        let left = policy.call_life - passed.max(self.watched);
        (!self.alone && left.is_positive()).then(|| in_future(now, left))
    }
}

/// What must happen next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Todo {
    /// Nothing, unless someone asks for something. A payment in doubt that rests waits for
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
pub fn todo(
    payment: &Payment,
    now: impl Into<When>,
    process_context: ProcessContext,
    policy: &Policy,
) -> Todo {
    let now = &now.into();
    let todo = of_state(payment, now, process_context, policy);
    let due = |review: &Review| {
        let next = review.since.then(policy.pause(review.tries), now);
        // Where no clock can tell how long it was, asking lets one count from there.
        match &review.more {
            Some((first, ..)) if first.measured_to(now).is_some() => {
                next.max(in_future(now, first.left(policy.uncertainty_window, now)))
            }
            _ => next,
        }
    };
    if todo == Todo::Rest
        && let Some(remaining) = payment.reviews.iter().find_map(|review| {
            let (first, newest, left) = review.more.as_ref()?;
            first
                .is_over(policy.uncertainty_window, newest)
                .then_some(*left)
        })
    {
        return Todo::Record(Event::CancelUndone { remaining });
    }
    match (
        todo,
        payment.reviews.iter().min_by_key(|review| due(review)),
    ) {
        (Todo::Rest | Todo::Wait(_), Some(review)) if now.at >= due(review) => {
            Todo::Call(Call::Inquire {
                tno: review.tno.clone(),
            })
        }
        (Todo::Rest, Some(review)) => Todo::Wait(due(review)),
        (Todo::Wait(until), Some(review)) => Todo::Wait(until.min(due(review))),
        (todo, _) => todo,
    }
}

fn of_state(
    payment: &Payment,
    now: &When,
    process_context: ProcessContext,
    policy: &Policy,
) -> Todo {
    let (newest, send) = (payment.newest_send(), payment.next_send());
    match &payment.state {
        State::Requested => once_nobody_else(&payment.asked, now, process_context, policy, || {
            Event::Voided(VoidReason::CardGone)
        }),
        State::Approving { sent_at } => {
            once_nobody_else(sent_at, now, process_context, policy, || {
                let why = "nobody is left who could hear the answer".into();
                Event::Lost(Lost {
                    why,
                    tno: None,
                    contradicts: false,
                })
            })
        }
        State::InDoubt(doubt) => in_doubt(payment, doubt, now, process_context, policy),
        State::Reversing {
            approval,
            cancel_attempt,
            ..
        } => act(
            send,
            cancel_attempt.next(approval.amount.get(), newest, now, process_context, policy),
            &approval.tno,
            None,
        ),
        State::Approved {
            approval,
            pending: Some(pending),
            ..
        } => {
            let (order, cancel_attempt) = &**pending;
            act(
                send,
                cancel_attempt.next(approval.amount.get(), newest, now, process_context, policy),
                &approval.tno,
                Some(&order.reason),
            )
        }
        State::Declined(_) => match &payment.recheck {
            Some(recheck) => recheck.next(payment, now, policy),
            None => Todo::Rest,
        },
        State::Approved { .. } | State::Reversed { .. } | State::Void(_) => Todo::Rest,
    }
}

/// The moment from which the payment's time runs that others must let pass: see [`ProcessContext::watched`].
#[must_use]
pub fn waits_since(payment: &Payment) -> Option<When> {
    match &payment.state {
        State::Requested => Some(payment.asked),
        State::Approving { sent_at } => Some(*sent_at),
        State::InDoubt(doubt) => Some(doubt.lost_at.when),
        State::Reversing { cancel_attempt, .. } => Some(cancel_attempt.since),
        State::Approved { pending, .. } => pending.as_ref().map(|pending| pending.1.since),
        State::Declined(_) | State::Reversed { .. } | State::Void(_) => None,
    }
}

/// A process that may still be at work on this gets the time that its call can last.
fn once_nobody_else(
    since: &When,
    now: &When,
    process_context: ProcessContext,
    policy: &Policy,
    event: impl FnOnce() -> Event,
) -> Todo {
    match process_context.until_given_up(since, now, policy) {
        Some(until) if !is_on(Mutation::GivenUpWhileAwaited) => Todo::Wait(until),
        _ => Todo::Record(event()),
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
    now: &When,
    process_context: ProcessContext,
    policy: &Policy,
) -> Todo {
    if let Some((approval, remaining, _, source)) = &doubt.live {
        let fits = approval.amount == payment.request.order.money.amount;
        // It is not what was asked for, so nothing of it is undone on our own account: what it is says a
        // person, who can look further than an inquiry.
        if !fits && *remaining > 0 && !matches!(source, Source::Person { .. }) {
            return Todo::Rest;
        }
        let whole = fits && *remaining == approval.amount.get();
        // Whose caller was told that nothing was charged has moved on: only a person keeps that.
        let wanted = matches!(source, Source::Person { keep: true, .. })
            || (process_context.waiting && policy.keep_if_waiting && !doubt.reopened);
        let keep = whole && wanted && !doubt.lost.contradicts;
        return Todo::Record(if keep {
            Event::Kept
        } else {
            Event::ReverseDecided
        });
    }
    let window = if is_on(Mutation::AbsenceProvedEarly) {
        SignedDuration::ZERO
    } else {
        policy.uncertainty_window
    };
    let late_enough = |asked_at: &When| doubt.lost_at.is_over(window, asked_at);
    let denied = doubt.number_denied(window);
    let by_order = policy.looks_up(&payment.request);
    if by_order && denied && absence_is_proved(doubt, window, policy) {
        return Todo::Record(Event::Voided(VoidReason::Absent));
    }
    // Where a number and the order can both be asked for, they take turns.
    let by_number = doubt
        .number()
        .filter(|_| !by_order || doubt.inquiries.is_multiple_of(2));
    if !by_order && (by_number.is_none() || denied) {
        return Todo::Rest;
    }
    // The look that can prove absence is made the moment it can, not a rung of the backoff schedule later.
    let next_look = doubt.since.then(policy.pause(doubt.inquiries), now);
    let at = if late_enough(&doubt.since) {
        next_look
    } else {
        next_look.min(in_future(now, doubt.lost_at.left(window, now)))
    };
    match by_number {
        _ if now.at < at => Todo::Wait(at),
        // Never cancelled on the strength of a number read off a truncated response: look whose it is first.
        Some(tno) => Todo::Call(Call::Inquire { tno: tno.clone() }),
        None => look_up(payment, doubt, policy),
    }
}

/// The moments on whose calendar an absence rests: when the approval was sent and when it was given up,
/// which say what days count, and when KCP was asked about each of those.
fn moments<'a>(doubt: &'a Doubt, policy: &Policy) -> impl Iterator<Item = &'a When> {
    let asked = days(doubt, policy).filter_map(|day| doubt.absent.get(&day));
    [&doubt.sent_at, &doubt.lost_at.when]
        .into_iter()
        .chain(asked)
}

/// Why time closes no doubt, where it could.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockDoubt {
    /// This machine's calendar was not compared with KCP's when it mattered.
    Unmeasured,
    /// It was, and was so far ahead of KCP's at worst; negative when it was behind.
    Wrong(SignedDuration),
}

/// Whether a payment in doubt stays open because the calendar cannot be relied on: the approval may have
/// been booked on another day than those that KCP was asked about.
#[must_use]
pub fn clock_doubt(payment: &Payment, policy: &Policy) -> Option<ClockDoubt> {
    let State::InDoubt(doubt) = &payment.state else {
        return None;
    };
    if !policy.looks_up(&payment.request) || doubt.live.is_some() {
        return None;
    }
    let mut worst = SignedDuration::ZERO;
    for when in moments(doubt, policy) {
        let Some(kcp) = when.by_kcp(when) else {
            return Some(ClockDoubt::Unmeasured);
        };
        let ahead = when.at.duration_since(kcp);
        if ahead.abs() > worst.abs() {
            worst = ahead;
        }
    }
    (worst.abs() > policy.clock_tolerance).then_some(ClockDoubt::Wrong(worst))
}

/// KCP, asked after the request could live no longer, did not know the order on any day that counts.
fn absence_is_proved(doubt: &Doubt, window: SignedDuration, policy: &Policy) -> bool {
    let late_enough = |asked_at: &When| doubt.lost_at.is_over(window, asked_at);
    let right = |when: &When| when.is_right(when, policy.clock_tolerance);
    moments(doubt, policy).all(right)
        && days(doubt, policy).count() <= DAYS_MOST
        && days(doubt, policy).all(|day| doubt.absent.get(&day).is_some_and(late_enough))
}

/// How far our clock and KCP's may be apart.
pub(crate) const SKEW: SignedDuration = SignedDuration::from_hours(1);

/// The Korean days on which KCP can have booked it: two near midnight, by whichever clock.
fn days(doubt: &Doubt, policy: &Policy) -> impl Iterator<Item = Date> + use<> {
    let first = korean_day(doubt.sent_at.at - SKEW);
    let last = korean_day(doubt.lost_at.when.at + policy.uncertainty_window + SKEW);
    std::iter::successors(Some(first), |day| day.tomorrow().ok())
        .take_while(move |day| *day <= last)
        .take(DAYS_MOST + 1)
}

/// How many days are asked about at most; where more could count, no look proves an absence.
const DAYS_MOST: usize = 32;

/// The day in Korea, which has had no summer time since 1988.
pub(crate) fn korean_day(at: Timestamp) -> Date {
    Offset::constant(9).to_datetime(at).date()
}

/// Asks about the day that was asked about longest ago.
fn look_up(payment: &Payment, doubt: &Doubt, policy: &Policy) -> Todo {
    let day = days(doubt, policy)
        .min_by_key(|day| doubt.absent.get(day).map(|asked_at| asked_at.at))
        .unwrap_or(korean_day(doubt.sent_at.at));
    Todo::Call(Call::LookUp {
        ordr_idxx: payment.request.order.order_no.clone(),
        day,
    })
}

/// Whether a person may state what KCP's partner site shows to be left of this payment: a cancel or a
/// reversal of it has not ended, nothing of it can take effect any more, and inquiries tell nothing.
///
/// # Errors
/// The time from which on they may, when it is too early; `None` when it ends by itself, or there is none.
pub fn may_attest_remaining(
    payment: &Payment,
    now: impl Into<When>,
    process_context: ProcessContext,
    policy: &Policy,
) -> Result<(), Option<Timestamp>> {
    let now = &now.into();
    let cancel_attempt = payment.state.cancel_attempt().ok_or(None)?;
    if cancel_attempt.step == Step::Sent
        || cancel_attempt.seen.is_some()
        || cancel_attempt.blind == 0
    {
        return Err(None);
    }
    // This process may have watched it for so long itself: what it waits for began before that.
    let life = policy.call_life + policy.uncertainty_window;
    let left = cancel_attempt
        .settles_in(now, policy)
        .min(life - process_context.watched);
    if left.is_positive() {
        return Err(Some(in_future(now, left)));
    }
    Ok(())
}

/// Whether a person may close this payment in doubt as void: the request cannot live any longer,
/// and if KCP ever gave a number for it, KCP has denied that number since.
///
/// # Errors
/// The time from which on they may, when it is too early; `None` when it is not in doubt, or when
/// something of it is known to live.
pub fn may_attest_absence(
    payment: &Payment,
    now: impl Into<When>,
    process_context: ProcessContext,
    policy: &Policy,
) -> Result<(), Option<Timestamp>> {
    let now = &now.into();
    let State::InDoubt(doubt) = &payment.state else {
        return Err(None);
    };
    let window = if is_on(Mutation::AbsenceAttestedEarly) {
        SignedDuration::ZERO
    } else {
        policy.uncertainty_window
    };
    let denied = doubt.number_denied(window);
    let left = doubt.lost_at.left(window, now);
    let left = left.min(window - process_context.watched);
    match () {
        () if doubt.live.is_some() => Err(None),
        () if left.is_positive() => Err(Some(in_future(now, left))),
        () if !denied => Err(None),
        () => Ok(()),
    }
}
