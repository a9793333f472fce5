//! The calendar and the uptime of a machine, or of a test that moves them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};
use sha2::{Digest, Sha256};
use sugi_core::{Boot, Reading, When};
use tokio::sync::Notify;

use crate::random::random_bytes;

/// The clocks of a machine, or two that a test moves by hand. They are two and never one:
///
/// * the *calendar* ([`now`](Self::now)) is read anew each time, because it may be set at any time, and
///   rightly: it says which day it is, and when something happened;
/// * the machine's *uptime* ([`up`](Self::up)) runs evenly, through suspend as well, and no one sets it:
///   it says how long something took. Time-outs, pauses and windows are measured on it.
#[derive(Debug, Clone)]
pub struct Clock {
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Real(Start),
    ManualTime(Arc<ManualTime>),
}

/// Both clocks of the machine at one moment, and which boot of it counts.
#[derive(Debug, Clone, Copy)]
struct Start {
    boot: Boot,
    calendar: Timestamp,
    up: SignedDuration,
}

#[derive(Debug)]
struct ManualTime {
    start: Start,
    /// How far both clocks were moved, in microseconds.
    moved_us: AtomicI64,
    /// How far the calendar alone was set, in microseconds.
    set_us: AtomicI64,
    moved: Notify,
}

/// The longest sleep before the clocks are looked at again: timers stand still while a machine sleeps.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

impl Clock {
    /// The machine's clocks.
    #[must_use]
    pub fn real() -> Self {
        Self {
            kind: Kind::Real(Start {
                boot: this_boot(),
                calendar: Timestamp::now(),
                up: uptime(),
            }),
        }
    }

    /// Clocks that stand still until they are moved.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        let hand = ManualTime {
            start: Start {
                boot: Boot(u64::from_le_bytes(random_bytes()) >> 16),
                calendar: start,
                up: SignedDuration::from_hours(1),
            },
            moved_us: AtomicI64::new(0),
            set_us: AtomicI64::new(0),
            moved: Notify::new(),
        };
        Self {
            kind: Kind::ManualTime(Arc::new(hand)),
        }
    }

    /// The calendar's time, to the microsecond: what the ledger keeps.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let now = match &self.kind {
            Kind::Real(_) => Timestamp::now(),
            Kind::ManualTime(hand) => {
                let moved = hand.moved_us.load(Ordering::SeqCst);
                let us = moved.saturating_add(hand.set_us.load(Ordering::SeqCst));
                later(hand.start.calendar, SignedDuration::from_micros(us))
            }
        };
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// How long the machine has been up, suspend included. Only the difference of two readings means
    /// something.
    #[must_use]
    pub fn up(&self) -> SignedDuration {
        match &self.kind {
            Kind::Real(_) => uptime(),
            Kind::ManualTime(hand) => {
                hand.start.up + SignedDuration::from_micros(hand.moved_us.load(Ordering::SeqCst))
            }
        }
    }

    /// The time as it went on evenly since these clocks were made. For windows that live in this process:
    /// setting the calendar neither ends nor prolongs them. It is for no ledger and no person:
    /// [`calendar_of`](Self::calendar_of) makes it fit for both.
    #[must_use]
    pub fn steady(&self) -> Timestamp {
        let start = self.start();
        later(start.calendar, self.up() - start.up)
    }

    /// What the calendar will say at a moment of [`steady`](Self::steady) time.
    #[must_use]
    pub fn calendar_of(&self, steady: Timestamp) -> Timestamp {
        later(self.now(), steady.duration_since(self.steady()))
    }

    /// Now, by the calendar and by the clocks that no one sets; `kcp` is KCP's time, if it is known.
    #[must_use]
    pub fn when(&self, kcp: Option<Timestamp>) -> When {
        When {
            at: self.now(),
            clock: Some(Reading {
                boot: self.start().boot,
                up_us: i64::try_from(self.up().as_micros()).unwrap_or(i64::MAX),
                kcp_s: kcp.map(Timestamp::as_second),
            }),
        }
    }

    /// Moves clocks by hand; the machine's do not listen.
    pub fn advance(&self, by: SignedDuration) {
        self.by_hand_move(by, |hand| &hand.moved_us);
    }

    /// Sets the calendar of clocks by hand ahead or back, as an administrator or NTP does.
    pub fn set_calendar(&self, by: SignedDuration) {
        self.by_hand_move(by, |hand| &hand.set_us);
    }

    fn by_hand_move(&self, by: SignedDuration, which: impl Fn(&ManualTime) -> &AtomicI64) {
        if let Kind::ManualTime(hand) = &self.kind {
            let us = i64::try_from(by.as_micros()).unwrap_or(0);
            which(hand).fetch_add(us, Ordering::SeqCst);
            hand.moved.notify_waiters();
        }
    }

    fn start(&self) -> Start {
        match &self.kind {
            Kind::Real(start) => *start,
            Kind::ManualTime(hand) => hand.start,
        }
    }

    /// Waits until so much has passed.
    pub async fn sleep(&self, span: SignedDuration) {
        let end = self.up() + span;
        self.sleep_while(|| end - self.up()).await;
    }

    /// Waits until the calendar says that it is `at`.
    pub async fn sleep_until(&self, at: Timestamp) {
        self.sleep_while(|| at.duration_since(self.now())).await;
    }

    /// Sleeps as long as something is left.
    async fn sleep_while(&self, left: impl Fn() -> SignedDuration) {
        loop {
            let moved = match &self.kind {
                Kind::ManualTime(hand) => Some(hand.moved.notified()),
                Kind::Real(_) => None,
            };
            let left = left();
            if !left.is_positive() {
                return;
            }
            match moved {
                Some(moved) => moved.await,
                None => tokio::time::sleep(left.unsigned_abs().min(LOOK_AGAIN)).await,
            }
        }
    }
}

fn later(at: Timestamp, span: SignedDuration) -> Timestamp {
    let end = if span.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    at.saturating_add(span).unwrap_or(end)
}

/// How long the machine has been up, suspend included.
fn uptime() -> SignedDuration {
    // Elsewhere than on Linux no other clock is as good: there this one runs through suspend as well.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let clock = ClockId::Monotonic;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let clock = ClockId::Boottime;
    let up = clock_gettime(clock);
    let nanos = i32::try_from(up.tv_nsec).unwrap_or_default();
    SignedDuration::new(up.tv_sec, nanos)
}

/// What tells this boot of this machine from every other: the kernel's own name for it, and the name space
/// that its uptime is counted in. Where there is none, this process is a boot of its own: a span that
/// began before it cannot be measured then, and is counted again.
fn this_boot() -> Boot {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let space = std::fs::read_link("/proc/self/ns/time");
    let mut bytes = [0; 8];
    match kernel {
        Ok(kernel) => {
            let space = space.unwrap_or_default();
            let name = format!("{} {}", kernel.trim(), space.display());
            bytes[..6].copy_from_slice(&Sha256::digest(name)[..6]);
        }
        Err(_) => bytes[..6].copy_from_slice(&random_bytes::<6>()),
    }
    Boot(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(n: i64) -> SignedDuration {
        SignedDuration::from_hours(n)
    }

    #[test]
    fn setting_the_calendar_takes_no_time() {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let clock = Clock::manual(start);
        let (before, up) = (clock.when(None), clock.up());
        clock.set_calendar(hours(14));
        assert_eq!(clock.now(), start + hours(14));
        assert_eq!((clock.up(), clock.steady()), (up, start));
        assert_eq!(
            before.measured_to(&clock.when(None)),
            Some(SignedDuration::ZERO)
        );
        clock.advance(hours(1));
        assert_eq!(clock.steady(), start + hours(1));
        assert_eq!(before.measured_to(&clock.when(None)), Some(hours(1)));
        // In an hour of even time the calendar will be an hour on from what it is now.
        assert_eq!(clock.calendar_of(start + hours(2)), clock.now() + hours(1));
        clock.set_calendar(hours(-20));
        assert_eq!(clock.now(), start + hours(-5));
    }

    #[test]
    fn two_clocks_of_one_machine_measure_together() {
        let (a, b) = (Clock::real().when(None), Clock::real().when(None));
        assert!(a.measured_to(&b).is_some());
        let other = Clock::manual(Timestamp::UNIX_EPOCH).when(None);
        assert_eq!(a.measured_to(&other), None);
    }
}
