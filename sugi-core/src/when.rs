//! Moments, and how long it was between two of them.
//!
//! A calendar clock can be set, so the difference of two of its readings proves nothing: the clock may
//! have been set between them. A span counts only when one clock that no one sets has read both of its
//! ends: the machine's own (how long it has been up, counted through suspend), or KCP's, as far as its
//! answers have told. Where there is no such clock the span is unknown, and nothing is concluded from it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A moment, as the process that wrote it down read its clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct When {
    /// By the machine's calendar clock: for people, for days, and for the order of a journal.
    pub at: Timestamp,
    /// By clocks that no one sets; absent where none was read, which proves nothing.
    #[serde(flatten, skip_serializing_if = "Option::is_none", default)]
    pub clock: Option<Reading>,
}

/// Clocks that no one sets, read at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reading {
    /// Which boot of which machine counts in `up_us`.
    pub boot: Boot,
    /// How long that machine had been up, suspend included, in microseconds.
    #[serde(rename = "up", with = "apart")]
    pub up_us: i64,
    /// KCP's time at that moment in seconds since 1970, as its answers to this shop let it be known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kcp_s: Option<i64>,
}

/// One boot of one machine: 48 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Boot(pub u64);

impl From<Boot> for String {
    fn from(boot: Boot) -> Self {
        format!("{:012x}", boot.0)
    }
}

impl TryFrom<String> for Boot {
    type Error = std::num::ParseIntError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        u64::from_str_radix(&text, 16).map(Self)
    }
}

/// Seconds and microseconds apart: together they would soon be as long as a card's number.
mod apart {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(up_us: &i64, to: S) -> Result<S::Ok, S::Error> {
        (up_us.div_euclid(1_000_000), up_us.rem_euclid(1_000_000)).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
        let (s, us) = <(i64, i64)>::deserialize(from)?;
        Ok(s.saturating_mul(1_000_000).saturating_add(us))
    }
}

impl From<Timestamp> for When {
    /// A moment of which only the calendar is known: it has an order, and proves no span.
    fn from(at: Timestamp) -> Self {
        Self { at, clock: None }
    }
}

/// What two readings of KCP's clock can be off by together: the way of an answer, the seconds that its
/// `Date` cuts off, and servers of KCP's that do not agree to the second.
const KCP_SLACK: SignedDuration = SignedDuration::from_secs(60);

impl When {
    /// How long it was, at least, from here to `later`, if a clock that no one sets has read both.
    #[must_use]
    pub fn measured_to(&self, later: &Self) -> Option<SignedDuration> {
        Since::from(*self).measured_to(later)
    }

    /// The same for pauses between tries, on which no conclusion rests: by the calendar where no other
    /// clock has read both.
    #[must_use]
    pub fn roughly_to(&self, later: &Self) -> SignedDuration {
        let calendar = || later.at.duration_since(self.at);
        self.measured_to(later)
            .unwrap_or_else(calendar)
            .max(SignedDuration::ZERO)
    }

    /// When a pause that began here is over, by the calendar of `now`.
    pub(crate) fn then(&self, pause: SignedDuration, now: &Self) -> Timestamp {
        in_future(now, pause - self.roughly_to(now))
    }

    /// This moment by KCP's clock: as read then, or as `other`, read in the same boot, lets it be known.
    #[must_use]
    pub fn by_kcp(&self, other: &Self) -> Option<Timestamp> {
        let (own, other) = (self.clock?, other.clock);
        let via = || {
            let other = other.filter(|other| other.boot == own.boot)?;
            Some(other.kcp_s? - (other.up_us - own.up_us) / 1_000_000)
        };
        Timestamp::from_second(own.kcp_s.or_else(via)?).ok()
    }

    /// Whether the calendar was right at this moment: within `tolerance` of KCP's time, as read then or
    /// as `other` lets it be known. A clock that could not be compared is not known to be right.
    #[must_use]
    pub fn is_right(&self, other: &Self, tolerance: SignedDuration) -> bool {
        self.by_kcp(other)
            .is_some_and(|kcp| kcp.duration_since(self.at).abs() <= tolerance)
    }

    /// Whether this moment is not before `then`: by the machine's uptime if one boot has read both, by the
    /// calendar otherwise.
    #[must_use]
    pub fn is_since(&self, then: &Self) -> bool {
        match (self.clock, then.clock) {
            (Some(now), Some(then)) if now.boot == then.boot => now.up_us >= then.up_us,
            _ => self.at >= then.at,
        }
    }

    /// Takes over KCP's time at this moment from what was heard a moment later, which is the fresher word.
    pub fn hear(&mut self, later: &Self) {
        if let Some(clock) = &mut self.clock {
            let before = clock.kcp_s.take();
            self.learn(later);
            if let Some(clock) = &mut self.clock {
                clock.kcp_s = clock.kcp_s.or(before);
            }
        }
    }

    /// Takes over KCP's time at this moment, if it was not known and `other` lets it be known.
    pub(crate) fn learn(&mut self, other: &Self) {
        let kcp = self.by_kcp(other).map(Timestamp::as_second);
        if let Some(clock) = &mut self.clock {
            clock.kcp_s = clock.kcp_s.or(kcp);
        }
    }

    /// The moment so much later, on every clock.
    #[must_use]
    pub fn after(mut self, span: SignedDuration) -> Self {
        self.at = self.at.saturating_add(span).unwrap_or(Timestamp::MAX);
        if let Some(clock) = &mut self.clock {
            let us = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
            clock.up_us = clock.up_us.saturating_add(us);
            clock.kcp_s = clock.kcp_s.map(|s| s.saturating_add(span.as_secs()));
        }
        self
    }
}

/// Since when something is over, by every clock that has read a moment after it.
///
/// A machine that was started again, or another one, cannot say how long ago it was; it counts from the
/// first moment after it that it has written down itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Since {
    /// The moment itself.
    pub when: When,
    boots: BTreeMap<Boot, i64>,
    kcp_s: Option<i64>,
}

impl From<When> for Since {
    fn from(when: When) -> Self {
        let mut since = Self {
            when,
            boots: BTreeMap::new(),
            kcp_s: None,
        };
        since.saw(&when);
        since
    }
}

impl Since {
    /// A later moment was written down: a process that has not counted yet counts from there.
    pub(crate) fn saw(&mut self, later: &When) {
        self.when.learn(later);
        let Some(clock) = later.clock else {
            return;
        };
        self.boots.entry(clock.boot).or_insert(clock.up_us);
        let own = self.when.clock.and_then(|clock| clock.kcp_s);
        self.kcp_s = self.kcp_s.or(own).or(clock.kcp_s);
    }

    /// How long ago it is at `now`, at least; `None` while no clock has read both.
    #[must_use]
    pub fn measured_to(&self, now: &When) -> Option<SignedDuration> {
        let clock = now.clock?;
        let up = self.boots.get(&clock.boot);
        let up = up.map(|up| SignedDuration::from_micros(clock.up_us - up));
        let kcp = self.kcp_s.zip(clock.kcp_s);
        let kcp = kcp.map(|(then, now)| SignedDuration::from_secs(now - then) - KCP_SLACK);
        up.max(kcp).filter(|span| !span.is_negative())
    }

    /// Whether it is `span` ago at `now`, and known to be.
    pub(crate) fn is_over(&self, span: SignedDuration, now: &When) -> bool {
        self.measured_to(now).is_some_and(|passed| passed >= span)
    }

    /// What of `span` is left at `now`: all of it where that cannot be told.
    pub(crate) fn left(&self, span: SignedDuration, now: &When) -> SignedDuration {
        (span - self.measured_to(now).unwrap_or_default()).max(SignedDuration::ZERO)
    }
}

/// The calendar's time when so much has passed from `now` on.
pub(crate) fn in_future(now: &When, left: SignedDuration) -> Timestamp {
    now.at.saturating_add(left).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn when(at: i64, boot: u64, up: i64, kcp: Option<i64>) -> When {
        When {
            at: Timestamp::from_second(at).unwrap(),
            clock: Some(Reading {
                boot: Boot(boot),
                up_us: up * 1_000_000,
                kcp_s: kcp,
            }),
        }
    }

    fn secs(n: i64) -> SignedDuration {
        SignedDuration::from_secs(n)
    }

    #[test]
    fn a_span_is_measured_on_a_clock_that_nobody_sets() {
        // The calendar jumps by 14 hours, and a second has passed.
        let (a, b) = (when(0, 1, 10, None), when(50_400, 1, 11, None));
        assert_eq!(a.measured_to(&b), Some(secs(1)));
        // Another boot: only KCP's clock has read both, less what its readings can be off by.
        let (a, b) = (when(0, 1, 10, Some(500)), when(9_999, 2, 3, Some(900)));
        assert_eq!(a.measured_to(&b), Some(secs(340)));
        // Neither: unknown, however far the calendar is.
        assert_eq!(
            when(0, 1, 1, None).measured_to(&when(9_999, 2, 1, None)),
            None
        );
        assert_eq!(
            when(0, 1, 1, None).roughly_to(&when(9, 2, 1, None)),
            secs(9)
        );
        // A machine that was set back to an earlier state proves nothing either.
        assert_eq!(when(0, 1, 9, None).measured_to(&when(9, 1, 1, None)), None);
    }

    #[test]
    fn a_machine_that_cannot_tell_counts_from_its_own_first_moment() {
        let mut since = Since::from(when(0, 1, 10, None));
        let later = when(1_000, 2, 50, None);
        assert!(!since.is_over(secs(60), &later));
        since.saw(&later);
        assert!(!since.is_over(secs(60), &when(2_000, 2, 109, None)));
        assert!(since.is_over(secs(60), &when(1_001, 2, 110, None)));
        assert_eq!(since.left(secs(60), &when(0, 2, 100, None)), secs(10));
    }

    #[test]
    fn a_calendar_is_right_when_it_was_compared_and_agrees() {
        let tolerance = secs(300);
        let before = when(1_000, 1, 10, None);
        assert!(!before.is_right(&before, tolerance), "never compared");
        // A later answer in the same boot tells what KCP's time was before it.
        assert!(before.is_right(&when(1_100, 1, 110, Some(1_150)), tolerance));
        assert!(!before.is_right(&when(1_100, 1, 110, Some(51_500)), tolerance));
        // The calendar was set right meanwhile: it was wrong then all the same.
        assert!(!before.is_right(&when(51_500, 1, 110, Some(51_500)), tolerance));
        assert!(!before.is_right(&when(1_100, 2, 110, Some(1_100)), tolerance));
    }

    #[test]
    fn a_moment_reads_back_as_it_was_written() {
        for when in [
            when(7, 9, 8, Some(6)),
            when(7, 9, 8, None),
            when(7, 9, 8, None).at.into(),
        ] {
            let text = serde_json::to_string(&when).unwrap();
            assert_eq!(serde_json::from_str::<When>(&text).unwrap(), when, "{text}");
        }
    }
}
