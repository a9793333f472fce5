//! What of a payment's life is told to others: to a merchant's own programs, by feed and webhook.
//!
//! A journal has more rows than anybody outside wants to hear of: intents, tries, looks that brought
//! nothing. News is a row after which a payment looks different to whoever sees it from outside. So
//! a receiver of all public events of a payment knows where it stands; the walk in `src/explore` holds it to
//! that.

use crate::mutation::{Mutation, is_on};
use crate::{CancelId, Difference, Payment, State, Status};

/// A row of the journal that others hear of, by what it means to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(
    missing_docs,
    reason = "each is what became of a payment, in the word of its state"
)]
pub enum PublicEvent {
    Approved,
    Declined,
    InDoubt,
    Reversing,
    Reversed,
    PartiallyCancelled,
    Cancelled,
    Void,
    /// A cancel that was asked for is over and did not happen. (Money that someone gave back past sugi
    /// may have been noticed with it.)
    CancelRefused,
    /// It was settled, and KCP's books were found to differ from the ledger.
    Differs,
}

/// What can be seen of a payment from outside, as far as it decides what is news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicSnapshot {
    status: Status,
    cancelled: u64,
    refused: Option<CancelId>,
    differs: Option<Difference>,
}

impl PublicSnapshot {
    /// A glance at a payment.
    #[must_use]
    pub fn at(payment: &Payment) -> Self {
        let refused = match &payment.state {
            State::Approved { refused, .. } => refused.as_ref().map(|refused| refused.0.id.clone()),
            _ => None,
        };
        Self {
            status: payment.status(),
            cancelled: payment.cancelled_amount(),
            refused,
            differs: payment.differs.clone(),
        }
    }
}

impl PublicEvent {
    /// All of it, in the order of a payment's life.
    pub const ALL: [Self; 10] = [
        Self::Approved,
        Self::Declined,
        Self::InDoubt,
        Self::Reversing,
        Self::Reversed,
        Self::PartiallyCancelled,
        Self::Cancelled,
        Self::Void,
        Self::CancelRefused,
        Self::Differs,
    ];

    /// What a row made of a payment that looked so before, if that is news.
    ///
    /// ```
    /// # use sugi_core::{PublicSnapshot, PublicEvent, Payment};
    /// # fn of(before: &Payment, after: &Payment) {
    /// let told: Option<PublicEvent> = PublicEvent::between(&PublicSnapshot::at(before), after);
    /// # }
    /// ```
    #[must_use]
    pub fn between(before: &PublicSnapshot, after: &Payment) -> Option<Self> {
        let now = PublicSnapshot::at(after);
        if now.refused.is_some()
            && now.refused != before.refused
            && !is_on(Mutation::FailureNotTold)
        {
            return Some(Self::CancelRefused);
        }
        if now.differs.is_some() && now.differs != before.differs {
            return Some(Self::Differs);
        }
        if (now.status, now.cancelled) == (before.status, before.cancelled) {
            return None;
        }
        match now.status {
            // Whoever asked for the sale knows that it was asked for.
            Status::Requested | Status::Approving => None,
            Status::Approved => Some(Self::Approved),
            Status::Declined => Some(Self::Declined),
            Status::InDoubt => Some(Self::InDoubt),
            Status::Reversing => Some(Self::Reversing),
            Status::Reversed => Some(Self::Reversed),
            Status::PartiallyCancelled => Some(Self::PartiallyCancelled),
            Status::Cancelled => Some(Self::Cancelled),
            Status::Void => Some(Self::Void),
        }
    }

    /// As feed and webhooks spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "payment.approved",
            Self::Declined => "payment.declined",
            Self::InDoubt => "payment.in_doubt",
            Self::Reversing => "payment.reversing",
            Self::Reversed => "payment.reversed",
            Self::PartiallyCancelled => "payment.partially_cancelled",
            Self::Cancelled => "payment.cancelled",
            Self::Void => "payment.void",
            Self::CancelRefused => "payment.cancel_refused",
            Self::Differs => "payment.differs",
        }
    }
}

impl std::str::FromStr for PublicEvent {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut all = Self::ALL.into_iter();
        all.find(|public_event| public_event.as_str() == text)
            .ok_or(())
    }
}
