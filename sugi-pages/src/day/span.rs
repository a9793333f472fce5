//! A span of Korean days.

use jiff::{Timestamp, ToSpan as _, civil::Date};
use serde::Deserialize;

use crate::write;

/// The most days of a report.
const DAYS_MAX: i64 = 92;

/// What is asked for: days, or nothing for today.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SpanQuery {
    pub(crate) from: String,
    pub(crate) until: String,
}

/// From one day to another, both of them in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Date,
    pub(crate) until: Date,
}

impl SpanQuery {
    /// The span that is asked for.
    pub(crate) fn span(&self, now: Timestamp) -> Result<Span, ()> {
        let day = |text: &str| text.trim().parse::<Date>().map_err(|_| ());
        let (from, until) = match (self.from.trim(), self.until.trim()) {
            ("", "") => return Ok(Span::today(now)),
            (one, "") | ("", one) => (day(one)?, day(one)?),
            (from, until) => (day(from)?, day(until)?),
        };
        let span = Span { from, until };
        // The day after the last one has to exist as well.
        let days = span.days();
        let fits = (1..=DAYS_MAX).contains(&days) && until.checked_add(1.day()).is_ok();
        if fits { Ok(span) } else { Err(()) }
    }
}

impl Span {
    pub(crate) fn today(now: Timestamp) -> Self {
        let today = write::KOREA.to_datetime(now).date();
        Self {
            from: today,
            until: today,
        }
    }

    pub(crate) fn days(self) -> i64 {
        i64::from((self.until - self.from).get_days()) + 1
    }

    /// Its first moment, and the first one after it.
    pub(crate) fn moments(self) -> (Timestamp, Timestamp) {
        let moment = |day: Date| write::KOREA.to_timestamp(day.at(0, 0, 0, 0));
        let after = self.until.saturating_add(1.day());
        (
            moment(self.from).unwrap_or(Timestamp::MIN),
            moment(after).unwrap_or(Timestamp::MAX),
        )
    }

    pub(crate) fn title(self) -> String {
        if self.from == self.until {
            self.from.to_string()
        } else {
            format!("{} ~ {}", self.from, self.until)
        }
    }

    /// As a part of an address.
    pub(crate) fn query(self) -> String {
        format!("from={}&until={}", self.from, self.until)
    }

    /// The address of the span before, as long as this one.
    pub(crate) fn before(self) -> String {
        self.moved(-self.days())
    }

    /// The address of the span after; none if it lies in the future.
    pub(crate) fn after(self, now: Timestamp) -> Option<String> {
        (self.until < Self::today(now).until).then(|| self.moved(self.days()))
    }

    fn moved(self, days: i64) -> String {
        let moved = Self {
            from: self.from.saturating_add(days.days()),
            until: self.until.saturating_add(days.days()),
        };
        format!("/day?{}", moved.query())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(from: &str, until: &str) -> Result<Span, ()> {
        let now = "2026-11-23T15:00:00Z".parse().unwrap();
        let (from, until) = (from.into(), until.into());
        SpanQuery { from, until }.span(now)
    }

    #[test]
    fn days_are_koreas() {
        let today = ask("", "").unwrap();
        assert_eq!(today.title(), "2026-11-24");
        let (from, until) = today.moments();
        assert_eq!(from.to_string(), "2026-11-23T15:00:00Z");
        assert_eq!(until.to_string(), "2026-11-24T15:00:00Z");
        assert_eq!(today.before(), "/day?from=2026-11-23&until=2026-11-23");
        assert_eq!(today.after("2026-11-23T15:00:00Z".parse().unwrap()), None);
    }

    #[test]
    fn spans_have_a_limit() {
        assert_eq!(ask("2026-11-01", "2026-11-30").unwrap().days(), 30);
        assert_eq!(ask("2026-11-01", "").unwrap().days(), 1);
        for (from, until) in [
            ("2026-11-02", "2026-11-01"),
            ("2026-01-01", "2026-12-31"),
            ("x", ""),
            ("9999-12-31", "9999-12-31"),
        ] {
            assert_eq!(ask(from, until), Err(()), "{from} {until}");
        }
    }
}
