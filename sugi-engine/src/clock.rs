//! Where time and chance come in. No other file of the product reads a clock or draws a number.
#![allow(clippy::disallowed_methods, reason = "this is the one place")]

use std::{
    fmt::Write as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use sugi_core::{CancelId, PaymentId, WebhookId};
use tokio::sync::Notify;

/// A clock: the machine's, or one that a test moves by hand.
///
/// The machine's goes on evenly: when it is set while the process runs, the step is not taken,
/// because a quiet period that a jump has ended has not been waited for. Small corrections are.
#[derive(Debug, Clone)]
pub struct Clock {
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Real(Arc<Mutex<Anchor>>),
    ByHand(Arc<ByHand>),
}

/// What the machine's clock said at some moment.
#[derive(Debug)]
struct Anchor {
    at: Timestamp,
    moment: Instant,
}

/// The largest correction that is taken at once.
const CORRECTION: SignedDuration = SignedDuration::from_secs(1);

impl Anchor {
    /// The time as it goes on evenly, brought nearer to the machine's clock if that is near.
    fn now(&mut self, wall: Timestamp, moment: Instant) -> Timestamp {
        let passed = SignedDuration::try_from(moment - self.moment).unwrap_or(SignedDuration::ZERO);
        let even = self.at.saturating_add(passed).unwrap_or(Timestamp::MAX);
        let at = if wall.duration_since(even).abs() < CORRECTION {
            wall.max(self.at)
        } else {
            even
        };
        *self = Self { at, moment };
        at
    }
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
        let anchor = Anchor {
            at: Timestamp::now(),
            moment: Instant::now(),
        };
        Self {
            kind: Kind::Real(Arc::new(Mutex::new(anchor))),
        }
    }

    /// A clock that stands still until it is moved.
    #[must_use]
    pub fn by_hand(start: Timestamp) -> Self {
        let hand = ByHand {
            now: AtomicI64::new(start.as_microsecond()),
            moved: Notify::new(),
        };
        Self {
            kind: Kind::ByHand(Arc::new(hand)),
        }
    }

    /// The time, to the microsecond: what the ledger keeps.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let us = match &self.kind {
            Kind::ByHand(hand) => hand.now.load(Ordering::SeqCst),
            Kind::Real(anchor) => {
                let mut anchor = anchor.lock().unwrap_or_else(PoisonError::into_inner);
                anchor
                    .now(Timestamp::now(), Instant::now())
                    .as_microsecond()
            }
        };
        Timestamp::from_microsecond(us).unwrap_or(Timestamp::MAX)
    }

    /// Moves a clock by hand; the machine's does not listen.
    pub fn advance(&self, by: SignedDuration) {
        if let Kind::ByHand(hand) = &self.kind {
            hand.now
                .fetch_add(i64::try_from(by.as_micros()).unwrap_or(0), Ordering::SeqCst);
            hand.moved.notify_waiters();
        }
    }

    /// Waits until it is `at`.
    pub async fn sleep_until(&self, at: Timestamp) {
        loop {
            let moved = match &self.kind {
                Kind::ByHand(hand) => Some(hand.moved.notified()),
                Kind::Real(_) => None,
            };
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

/// A new webhook's name: sorts by time.
#[must_use]
pub fn new_webhook_id() -> WebhookId {
    named("wh_")
}

/// A name for this node that no other has.
pub(crate) fn new_node_name() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

/// A new API key: 256 bits of chance.
#[must_use]
pub fn new_api_key() -> String {
    format!("sugi_{}", new_secret())
}

/// A new secret: 256 bits of chance, as 64 hexadecimal digits.
#[must_use]
pub fn new_secret() -> String {
    let mut text = String::with_capacity(64);
    for byte in chance::<32>() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Chance that cannot be foreseen.
#[must_use]
pub fn chance<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    if getrandom::fill(&mut bytes).is_err() {
        // A machine without chance must not hand out secrets that can be guessed.
        std::process::abort();
    }
    bytes
}

/// A new wish's name: sorts by time.
#[must_use]
pub fn new_wish_id() -> String {
    format!("wish_{}", uuid::Uuid::now_v7().simple())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_does_not_jump_and_one_that_is_corrected_follows() {
        let (wall, moment) = (
            Timestamp::from_second(1_800_000_000).unwrap(),
            Instant::now(),
        );
        let mut anchor = Anchor { at: wall, moment };
        let later = |ms: u64| moment + Duration::from_millis(ms);
        let at = |ms: i64| wall + SignedDuration::from_millis(ms);
        assert_eq!(anchor.now(at(1_000), later(1_000)), at(1_000));
        // Set an hour ahead, and an hour back: only what has passed counts.
        assert_eq!(anchor.now(at(3_602_000), later(2_000)), at(2_000));
        assert_eq!(anchor.now(at(-3_600_000), later(3_000)), at(3_000));
        // A little fast, a little slow: followed, but never backwards.
        assert_eq!(anchor.now(at(4_300), later(4_000)), at(4_300));
        assert_eq!(anchor.now(at(4_100), later(4_100)), at(4_300));
    }
}
