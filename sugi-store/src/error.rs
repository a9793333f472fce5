//! What can go wrong with a store, and what it means for money.

use sugi_core::PaymentId;

/// The store could not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Another process has the ledger open for writing.
    #[error(
        "the ledger in {path} is open in another process; stop that one first, or use its address"
    )]
    Locked {
        /// The folder.
        path: String,
    },
    /// The machine's calendar stands before the ledger's newest event: what would be written now would say
    /// that it happened before what did. Nothing was written.
    #[error(
        "this machine's clock says {now}, and the ledger's newest event is of {newest}: set the clock \
         right (`timedatectl`, or the host's NTP) and start again. If it is right and an earlier clock was \
         ahead, say so: clock_was_ahead_until = \"{newest}\" in the configuration"
    )]
    ClockBehind {
        /// What the machine's calendar says.
        now: jiff::Timestamp,
        /// When the ledger's newest event happened.
        newest: jiff::Timestamp,
    },
    /// The ledger was put back from a backup, and the time that it does not know was not checked. Nothing was written.
    #[error(
        "this ledger was restored from a backup and knows nothing after {knows_until}: nothing is sold, cancelled or \
         started on it before a person has looked up at KCP's partner site what happened since; then \
         `sugi restore --release --note \"who, where\"`"
    )]
    Held {
        /// Until when everything that happened is in it.
        knows_until: jiff::Timestamp,
    },
    /// Too much is waiting to be written. Nothing was written.
    #[error("the ledger has too much to write at once; try again in a moment")]
    Busy,
    /// The write was refused and undone. Nothing was written.
    #[error("the ledger could not be written: {why}")]
    Failed {
        /// The database's words.
        why: String,
    },
    /// Whether the write took effect is not known: read before doing anything else.
    #[error("whether the ledger was written is not known: {why}")]
    Unknown {
        /// The database's words.
        why: String,
    },
    /// The transaction at KCP that a payment was to take for its own is another payment's. Nothing was
    /// written.
    #[error("transaction {tno} is that of {payment}, so it cannot be this payment's as well")]
    Foreign {
        /// KCP's number.
        tno: String,
        /// Whose it is.
        payment: PaymentId,
    },
    /// What is stored is not what sugi writes: someone else's hand, or a newer version's.
    #[error("the ledger does not read as it should: {0}")]
    Inconsistent(#[from] IntegrityViolation),
}

/// The first thing found wrong in a ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct IntegrityViolation {
    /// Which row, in words that find it again.
    pub place: String,
    /// What is wrong with it.
    pub what: String,
}

/// How a task ended that gave no result. By itself such an error quotes what the task panicked with, which
/// may hold what was being worked on; where it was, the panic has told.
#[must_use]
pub fn broke_off(why: &tokio::task::JoinError) -> &'static str {
    if why.is_panic() {
        "the task panicked"
    } else {
        "the task was ended"
    }
}

impl StoreError {
    /// The same finding, once it is known in which row it is.
    pub(crate) fn at(self, place: &str) -> Self {
        match self {
            Self::Inconsistent(IntegrityViolation { what, .. }) => {
                Self::Inconsistent(IntegrityViolation {
                    place: place.into(),
                    what,
                })
            }
            other => other,
        }
    }
}

impl IntegrityViolation {
    pub(crate) fn in_row(payment: &str, seq: i64, what: impl Into<String>) -> Self {
        Self {
            place: format!("journal row ({payment}, {seq})"),
            what: what.into(),
        }
    }

    pub(crate) fn in_projection(payment: &str, what: impl Into<String>) -> Self {
        Self {
            place: format!("payment row {payment}"),
            what: what.into(),
        }
    }
}

/// A payment was not created. Nothing was written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CreateError {
    /// This idempotency key has made a payment already.
    #[error("this idempotency key belongs to {payment} already")]
    KeyUsed {
        /// The payment that it made.
        payment: PaymentId,
        /// Whether the request was the same one.
        same_request: bool,
    },
    /// The order has a payment that is alive: approved, or on its way, or in doubt.
    #[error("the order has a payment that is alive already: {payment}")]
    OrderLive {
        /// That payment.
        payment: PaymentId,
    },
    /// The store itself.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panicked_is_not_quoted() {
        let card = "4111111111111111".to_owned();
        let task = tokio::spawn(async move { assert!(card.is_empty(), "it was {card}") });
        let why = task.await.unwrap_err();
        assert!(
            why.to_string().contains("4111"),
            "by itself it quotes: {why}"
        );
        assert_eq!(broke_off(&why), "the task panicked");
    }
}
