//! What a payment is: the fold of its journal.

use std::sync::Arc;

use jiff::Timestamp;
use nhn_kcp::{Invalid, TaxParts, TaxSplit};

use crate::{
    Answer, Approval, Difference, Event, PaymentId, Recheck, Request, Review, Send, State, Status,
    When, state::Times,
};

/// A payment as its journal tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its name.
    pub id: PaymentId,
    /// What was asked for.
    pub request: Arc<Request>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its last event happened.
    pub updated_at: Timestamp,
    /// When it was asked for, by every clock that was read.
    pub asked: When,
    /// When its last event happened, by every clock that was read.
    pub last: When,
    /// How many events it has had; the next one gets this number.
    pub seq: u32,
    /// Where it stands.
    pub state: State,
    /// Every send of a cancel, in their order: the number of a send is its place, from 1.
    pub sends: Vec<Send>,
    /// Answers that fitted nothing which was pending when they came.
    pub late: Vec<Answer>,
    /// Inquiries that are owed because of them.
    pub reviews: Vec<Review>,
    /// The look that is owed because KCP itself declined it.
    pub recheck: Option<Recheck>,
    /// How KCP's books differ from the ledger, once the watch over settled payments found that.
    pub differs: Option<Difference>,
}

/// An event that cannot have happened to this payment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// The journal contradicts itself, or someone else was quicker.
    #[error("{event} cannot happen to a payment that is {status}")]
    Order {
        /// The event.
        event: &'static str,
        /// Where the payment stands.
        status: &'static str,
    },
    /// The payment knows this already: nothing to write down.
    #[error("{event} is known already")]
    Known {
        /// The event.
        event: &'static str,
    },
    /// A cancel of more than what is left.
    #[error("a cancel of {asked} exceeds the {remaining} that is left")]
    TooMuch {
        /// What was asked for.
        asked: u64,
        /// What is left.
        remaining: u64,
    },
    /// Tax parts of a cancel that do not add up, or are more than what is left of one.
    #[error(transparent)]
    TaxParts(Invalid),
    /// Tax parts of a cancel, and the sale has none.
    #[error("the sale's amount was not split for tax, so neither is a part of it")]
    NotSplit,
    /// One cancel at a time.
    #[error("a cancel of this payment has not ended yet")]
    CancelPending,
    /// A journal begins with `requested`, and only there.
    #[error("a journal begins with `requested`, and has it once")]
    Beginning,
}

impl Payment {
    /// Begins a payment with its first event.
    ///
    /// # Errors
    /// [`Illegal::Beginning`] unless that event is [`Event::Requested`].
    pub fn begin(id: PaymentId, when: impl Into<When>, event: Event) -> Result<Self, Illegal> {
        let when = when.into();
        let Event::Requested(request) = event else {
            return Err(Illegal::Beginning);
        };
        Ok(Self {
            id,
            request: request.into(),
            created_at: when.at,
            updated_at: when.at,
            asked: when,
            last: when,
            seq: 1,
            state: State::Requested,
            sends: Vec::new(),
            late: Vec::new(),
            reviews: Vec::new(),
            recheck: None,
            differs: None,
        })
    }

    /// Folds a whole journal.
    ///
    /// # Errors
    /// The first event that cannot have happened, or an empty journal.
    pub fn fold(
        id: PaymentId,
        journal: impl IntoIterator<Item = (impl Into<When>, Event)>,
    ) -> Result<Self, Illegal> {
        let mut journal = journal.into_iter();
        let (when, first) = journal.next().ok_or(Illegal::Beginning)?;
        journal.try_fold(Self::begin(id, when, first)?, |payment, (when, event)| {
            payment.evolve(when, event)
        })
    }

    /// The payment after one more event.
    ///
    /// # Errors
    /// When it cannot have happened; see [`Illegal`].
    pub fn evolve(mut self, when: impl Into<When>, event: Event) -> Result<Self, Illegal> {
        let when = when.into();
        // A cancel that names no parts is taken: what must name them is for whoever asks.
        let tax = match &event {
            Event::CancelAsked(order) => order.tax.map(|parts| (parts, order.amount)),
            _ => None,
        };
        let left = self.tax_left();
        let times = Times {
            asked: self.asked,
            last: self.last,
            at: when,
        };
        self.correlate(&event)?;
        self.reviews_saw(&when);
        match event {
            Event::LateAnswer(answer) => self.take_late(answer, when)?,
            event @ (Event::Differs(_) | Event::AgreesAgain) => self.case(&event)?,
            event => {
                let owed = Recheck::owed(&event, when);
                let undone = matches!(event, Event::CancelUndone { .. });
                let looked = match &event {
                    Event::Inquired(looked) => Some(looked.clone()),
                    _ => None,
                };
                self.state = self.state.evolve(times, event)?;
                if let Some(looked) = looked {
                    self.looked(&looked, when);
                    if let Some(recheck) = &mut self.recheck {
                        recheck.looked(&looked, when);
                    }
                }
                self.keep_recheck(owed);
                if undone {
                    self.reviews.retain(|review| review.more.is_none());
                }
            }
        }
        if let Some((parts, amount)) = tax {
            let left = left.ok_or(Illegal::NotSplit)?;
            parts
                .check_cancel(amount, left)
                .map_err(Illegal::TaxParts)?;
        }
        self.asked.learn(&when);
        (self.updated_at, self.last) = (when.at, when);
        self.seq += 1;
        Ok(self)
    }

    /// Where it stands, in one word.
    #[must_use]
    pub fn status(&self) -> Status {
        self.state.status()
    }

    /// KCP's transaction number, once it is known to be this payment's.
    #[must_use]
    pub fn approval(&self) -> Option<&Approval> {
        self.state.approval()
    }

    /// What KCP has of a payment in doubt, where it is another amount than was asked for. Nothing of it is
    /// undone before a person says what it is.
    #[must_use]
    pub fn other_amount(&self) -> Option<u64> {
        let State::InDoubt(doubt) = &self.state else {
            return None;
        };
        let (approval, ..) = doubt.live.as_ref()?;
        let other = approval.amount != self.request.order.money.amount;
        other.then_some(approval.amount.get())
    }

    /// How much of it was refunded, in the currency's smallest unit.
    #[must_use]
    pub fn cancelled_amount(&self) -> u64 {
        match &self.state {
            State::Approved {
                approval,
                remaining,
                ..
            } => approval.amount.get() - remaining,
            State::Reversed { approval } => approval.amount.get(),
            _ => 0,
        }
    }
    /// What is left of each part of a standing sale whose amount was split for tax; `None` for any other.
    ///
    /// Once someone has refunded past us, no one tells which part they took. Then it is the most that
    /// can be left of each, and adds up to more than what is left of the sale. (If they did so while the
    /// answer to a cancel of ours was lost, and took as much, they can be taken for us. KCP, which keeps
    /// the parts itself, refuses what is wrong for that.)
    #[must_use]
    pub fn tax_left(&self) -> Option<TaxParts> {
        let (
            Some(TaxSplit::Mixed(parts)),
            State::Approved {
                remaining, cancels, ..
            },
        ) = (self.request.order.tax, &self.state)
        else {
            return None;
        };
        let known = cancels.iter().filter_map(|cancel| cancel.tax);
        let left = known.fold(parts, |left, taken| {
            // More than a part was never taken of it: it was checked when it was asked for.
            left.checked_sub(taken).unwrap_or(left)
        });
        let most = |part: u64| part.min(*remaining);
        Some(TaxParts {
            supply: most(left.supply),
            vat: most(left.vat),
            free: most(left.free),
        })
    }
}
