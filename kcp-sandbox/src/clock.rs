//! The one file of this crate that reads the clock and draws chance.
//!
//! Everything else takes the time and random numbers as arguments, so that a test decides them.
#![allow(
    clippy::disallowed_methods,
    reason = "the single place where real time and real chance enter"
)]

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use tokio::sync::watch;

/// Korean time: a fixed offset. Korea has no daylight saving, and a host may lack a time zone file.
const KOREA: Offset = Offset::constant(9);

/// Real time plus an offset that tests move.
#[derive(Debug)]
pub(crate) struct Clock {
    offset_ms: AtomicI64,
    moved: watch::Sender<()>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            offset_ms: AtomicI64::new(0),
            moved: watch::Sender::new(()),
        }
    }

    /// Now, as this sandbox sees it.
    pub(crate) fn now(&self) -> Timestamp {
        shift(Timestamp::now(), self.offset_ms.load(Ordering::Acquire))
    }

    /// How far this clock is ahead of the real one, in milliseconds.
    pub(crate) fn offset_ms(&self) -> i64 {
        self.offset_ms.load(Ordering::Acquire)
    }

    /// Moves the clock forward and wakes everything that waits for a time.
    pub(crate) fn advance(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let add = |offset_ms: i64| Some(offset_ms.saturating_add(by_ms));
        // The closure always gives a value, so this never fails.
        let _ = self
            .offset_ms
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
        self.wake();
    }

    /// Sets the clock to `to`; it runs on from there.
    pub(crate) fn set(&self, to: Timestamp) {
        self.set_offset_ms(
            to.as_millisecond()
                .saturating_sub(Timestamp::now().as_millisecond()),
        );
    }

    /// Back to real time.
    pub(crate) fn reset(&self) {
        self.set_offset_ms(0);
    }

    fn set_offset_ms(&self, offset_ms: i64) {
        self.offset_ms.store(offset_ms, Ordering::Release);
        self.wake();
    }

    fn wake(&self) {
        // Fails only when no one waits, which is fine.
        let _ = self.moved.send(());
    }

    /// Waits until this clock has moved on by `span`, by real time passing or by being advanced.
    pub(crate) async fn sleep(&self, span: Duration) {
        let mut moved = self.moved.subscribe();
        let until_ms = self.now().as_millisecond().saturating_add(millis(span));
        loop {
            let left_ms = until_ms.saturating_sub(self.now().as_millisecond());
            let Ok(left_ms) = u64::try_from(left_ms) else {
                return;
            };
            if left_ms == 0 {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(left_ms)) => {}
                _ = moved.changed() => {}
            }
        }
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

fn shift(at: Timestamp, by_ms: i64) -> Timestamp {
    at.saturating_add(jiff::SignedDuration::from_millis(by_ms))
        .unwrap_or(at)
}

/// `yyyyMMddHHmmss` in Korean time, as KCP prints times.
pub(crate) fn kcp_time(at: Timestamp) -> String {
    let t = KOREA.to_datetime(at);
    let mut text = String::with_capacity(14);
    push_digits(&mut text, i64::from(t.year()), 4);
    for part in [t.month(), t.day(), t.hour(), t.minute(), t.second()] {
        push_digits(&mut text, i64::from(part), 2);
    }
    text
}

/// `(year, month)` in Korean time, which is what a card's expiry is compared with.
pub(crate) fn korean_month(at: Timestamp) -> (i16, i8) {
    let t = KOREA.to_datetime(at);
    (t.year(), t.month())
}

/// The two digits of the year and the three of the day in the year, which start a `tno`.
pub(crate) fn year_and_day(at: Timestamp) -> (i16, i16) {
    let t = KOREA.to_datetime(at);
    (t.year() % 100, t.date().day_of_year())
}

/// RFC 3339 with milliseconds and `+09:00`, for the control port.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    at.to_zoned(TimeZone::fixed(KOREA))
        .strftime("%Y-%m-%dT%H:%M:%S%.3f%:z")
        .to_string()
}

/// As in the `Date` of an HTTP answer.
pub(crate) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Appends `value` in decimal, padded with zeros on the left to `width` digits.
pub(crate) fn push_digits(text: &mut String, value: i64, width: usize) {
    use std::fmt::Write as _;
    let _ = write!(text, "{value:0width$}");
}

/// A number drawn from the operating system, or a fixed one where it gives none: the sandbox uses
/// chance only to keep the numbers of two worlds apart, never for a secret.
pub(crate) fn random_u64() -> u64 {
    getrandom::u64().unwrap_or(0x5eed)
}

/// Fills `bytes` from the operating system.
///
/// # Errors
///
/// When the operating system has no randomness to give.
pub(crate) fn random_bytes(bytes: &mut [u8]) -> Result<(), getrandom::Error> {
    getrandom::fill(bytes)
}

/// Real time, for dates in certificates: those are checked by programs that do not know this clock.
pub(crate) fn real_now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_korean() {
        let at: Timestamp = "2026-11-23T18:05:09.123Z".parse().unwrap();
        assert_eq!(kcp_time(at), "20261124030509");
        assert_eq!(rfc3339(at), "2026-11-24T03:05:09.123+09:00");
        assert_eq!(http_date(at), "Mon, 23 Nov 2026 18:05:09 GMT");
        assert_eq!(korean_month(at), (2026, 11));
        assert_eq!(year_and_day(at), (26, 328));
    }

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_clock_is_moved() {
        let clock = std::sync::Arc::new(Clock::new());
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_hours(24)).await }
        });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_hours(25));
        tokio::time::timeout(Duration::from_secs(5), sleeper)
            .await
            .unwrap()
            .unwrap();
        assert!(clock.offset_ms() >= 25 * 3_600_000);
    }
}
