//! What a payment is: the fold of its journal.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{Approval, Event, PaymentId, Request, State, Status};

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
    /// How many events it has had; the next one gets this number.
    pub seq: u32,
    /// Where it stands.
    pub state: State,
}

/// An event that cannot have happened to this payment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// The journal contradicts itself, or somebody else was quicker.
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
    pub fn begin(id: PaymentId, at: Timestamp, event: Event) -> Result<Self, Illegal> {
        let Event::Requested(request) = event else {
            return Err(Illegal::Beginning);
        };
        Ok(Self {
            id,
            request: request.into(),
            created_at: at,
            updated_at: at,
            seq: 1,
            state: State::Requested,
        })
    }

    /// Folds a whole journal.
    ///
    /// # Errors
    /// The first event that cannot have happened, or an empty journal.
    pub fn fold(
        id: PaymentId,
        journal: impl IntoIterator<Item = (Timestamp, Event)>,
    ) -> Result<Self, Illegal> {
        let mut journal = journal.into_iter();
        let (at, first) = journal.next().ok_or(Illegal::Beginning)?;
        journal.try_fold(Self::begin(id, at, first)?, |payment, (at, event)| {
            payment.evolve(at, event)
        })
    }

    /// The payment after one more event.
    ///
    /// # Errors
    /// When it cannot have happened; see [`Illegal`].
    pub fn evolve(mut self, at: Timestamp, event: Event) -> Result<Self, Illegal> {
        self.state = self.state.evolve(self.created_at, at, event)?;
        self.updated_at = at;
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
        match &self.state {
            State::Approved { approval, .. }
            | State::Reversing { approval, .. }
            | State::Reversed { approval } => Some(approval),
            State::InDoubt(doubt) => doubt.live.as_ref().map(|(approval, ..)| &**approval),
            State::Requested | State::Approving { .. } | State::Declined(_) | State::Void(_) => {
                None
            }
        }
    }

    /// How much of it was given back, in the currency's smallest unit.
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
}
