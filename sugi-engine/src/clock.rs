//! Where time and chance come in. No other file of the product reads a clock or draws a number.
#![allow(clippy::disallowed_methods, reason = "this is the one place")]

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use sugi_core::{CancelId, PaymentId};
use tokio::sync::Notify;

/// A clock: the machine's, or one that a test moves by hand.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    by_hand: Option<Arc<ByHand>>,
}

#[derive(Debug, Default)]
struct ByHand {
    /// How far it was moved, in microseconds past the machine's clock at its making.
    now: AtomicI64,
    moved: Notify,
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn real() -> Self {
        Self::default()
    }

    /// A clock that stands still until it is moved.
    #[must_use]
    pub fn by_hand(start: Timestamp) -> Self {
        let hand = ByHand {
            now: AtomicI64::new(start.as_microsecond()),
            moved: Notify::new(),
        };
        Self {
            by_hand: Some(Arc::new(hand)),
        }
    }

    /// The time, to the microsecond: what the ledger keeps.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let us = match &self.by_hand {
            Some(hand) => hand.now.load(Ordering::SeqCst),
            None => Timestamp::now().as_microsecond(),
        };
        Timestamp::from_microsecond(us).unwrap_or(Timestamp::MAX)
    }

    /// Moves a clock by hand; the machine's does not listen.
    pub fn advance(&self, by: SignedDuration) {
        if let Some(hand) = &self.by_hand {
            hand.now
                .fetch_add(i64::try_from(by.as_micros()).unwrap_or(0), Ordering::SeqCst);
            hand.moved.notify_waiters();
        }
    }

    /// Waits until it is `at`.
    pub async fn sleep_until(&self, at: Timestamp) {
        loop {
            let moved = self.by_hand.as_ref().map(|hand| hand.moved.notified());
            let left = at.duration_since(self.now());
            if !left.is_positive() {
                return;
            }
            match moved {
                Some(moved) => moved.await,
                // The machine's clock may be set while we sleep: look again from time to time.
                None => tokio::time::sleep(left.unsigned_abs().min(Duration::from_mins(1))).await,
            }
        }
    }
}

/// A new payment's name: sorts by time.
#[must_use]
pub fn new_payment_id() -> PaymentId {
    named("pay_")
}

/// A new cancel's name: sorts by time.
#[must_use]
pub fn new_cancel_id() -> CancelId {
    named("can_")
}

fn named<T: std::str::FromStr>(prefix: &str) -> T {
    loop {
        let mut name = String::from(prefix);
        let _ = write!(name, "{}", uuid::Uuid::now_v7().simple());
        // The form is right by construction; the loop only spares an unwrap.
        if let Ok(name) = name.parse() {
            return name;
        }
    }
}
