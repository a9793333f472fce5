//! KCP's clock, as its answers to a shop let it be known.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::{Engine, Shop, VelocityNow};
use sugi_clock::Clock;

/// What is known of KCP's time: one reading, and when it was taken by the machine's uptime. The calendar
/// of this machine has no part in it, so setting that changes the difference and not KCP's time.
#[derive(Debug, Default)]
pub struct KcpClock {
    reading: Mutex<Option<(SignedDuration, Timestamp)>>,
}

/// An answer that took longer says too little about the moment at which it was written.
const SLOW: SignedDuration = SignedDuration::from_secs(30);
/// A reading that is older is none: two clocks that run by themselves drift apart.
const OLD: SignedDuration = SignedDuration::from_hours(24);

impl KcpClock {
    /// Takes the time out of an answer to a question that was asked when the machine had been up so long.
    pub(crate) fn note(&self, asked_up: SignedDuration, clock: &Clock, kcp: Timestamp) {
        let heard_up = clock.up();
        if heard_up - asked_up <= SLOW {
            *self.reading.lock().unwrap_or_else(PoisonError::into_inner) = Some((heard_up, kcp));
        }
    }

    /// KCP's time now; `None` while no answer of the last day has told.
    #[must_use]
    pub fn now(&self, clock: &Clock) -> Option<Timestamp> {
        let (up, kcp) = (*self.reading.lock().unwrap_or_else(PoisonError::into_inner))?;
        let passed = clock.up() - up;
        (passed <= OLD).then(|| kcp.saturating_add(passed).ok())?
    }

    /// How far this machine's calendar is ahead of KCP's; negative when it is behind.
    #[must_use]
    pub fn ahead(&self, clock: &Clock) -> Option<SignedDuration> {
        Some(clock.now().duration_since(self.now(clock)?))
    }
}

/// What is known of this machine's calendar, compared with KCP's over all shops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calendar {
    /// No answer of the last day has told KCP's time.
    Unmeasured,
    /// Within the tolerance of every shop that has heard from KCP.
    Right,
    /// Further from KCP's than a shop tolerates: nothing is concluded from times of day.
    Wrong,
}

impl Calendar {
    /// In one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unmeasured => "unmeasured",
            Self::Right => "right",
            Self::Wrong => "wrong",
        }
    }
}

impl Engine {
    /// How far this machine's calendar is ahead of KCP's, as a shop's answers tell it.
    #[must_use]
    pub fn ahead_of_kcp(&self, shop: &Shop) -> Option<SignedDuration> {
        shop.kcp_clock.ahead(&self.0.clock)
    }

    /// Whether this machine's calendar can be relied on, as one shop's answers tell it.
    #[must_use]
    pub fn calendar_at(&self, shop: &Shop) -> Calendar {
        match self.ahead_of_kcp(shop) {
            None => Calendar::Unmeasured,
            Some(ahead) if ahead.abs() <= shop.policy.clock_tolerance => Calendar::Right,
            Some(_) => Calendar::Wrong,
        }
    }

    /// The same over all shops: wrong if one says so.
    #[must_use]
    pub fn calendar(&self) -> Calendar {
        let shops = self.shops();
        let all = shops.iter().map(|shop| self.calendar_at(shop));
        all.fold(Calendar::Unmeasured, |worst, one| match (worst, one) {
            (Calendar::Wrong, _) | (_, Calendar::Wrong) => Calendar::Wrong,
            (Calendar::Right, _) | (_, Calendar::Right) => Calendar::Right,
            _ => Calendar::Unmeasured,
        })
    }

    /// How a shop's velocity limits stand.
    #[must_use]
    pub fn velocity(&self, shop: &Shop) -> VelocityNow {
        shop.velocity(self.0.clock.steady())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_follows_the_calendar_and_grows_old() {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let (clock, kcp) = (Clock::manual(at), KcpClock::default());
        let secs = SignedDuration::from_secs;
        assert_eq!(kcp.ahead(&clock), None);
        kcp.note(clock.up(), &clock, at + secs(3));
        assert_eq!(kcp.ahead(&clock), Some(secs(-3)));
        // No answer is needed to see that the calendar was set.
        clock.set_calendar(secs(3_600));
        assert_eq!(kcp.ahead(&clock), Some(secs(3_597)));
        // An answer that the machine slept over says nothing.
        let asked = clock.up();
        clock.advance(SignedDuration::from_hours(14));
        kcp.note(asked, &clock, at);
        assert_eq!(kcp.ahead(&clock), Some(secs(3_597)));
        clock.advance(SignedDuration::from_hours(11));
        assert_eq!(kcp.ahead(&clock), None);
    }
}
