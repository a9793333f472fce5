//! Days as they are in Korea, for what is done once in each.

use jiff::{SignedDuration, Timestamp, civil::Date, tz};

/// Which day it is.
pub(crate) fn today(now: Timestamp) -> Date {
    tz::offset(9).to_datetime(now).date()
}

/// When it is this hour next.
pub(crate) fn next(now: Timestamp, hour: i8) -> Timestamp {
    let here = today(now).at(hour, 0, 0, 0);
    let here = tz::offset(9).to_timestamp(here).unwrap_or(Timestamp::MAX);
    if here > now {
        return here;
    }
    let day = SignedDuration::from_hours(24);
    here.saturating_add(day).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_koreas_and_the_next_hour_is_to_come() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let tomorrow: Date = "2026-11-27".parse().unwrap();
        assert_eq!(today(at("2026-11-26T15:00:00Z")), tomorrow);
        assert_ne!(today(at("2026-11-26T14:59:59Z")), tomorrow);
        let four = at("2026-11-26T19:00:00Z");
        assert_eq!(next(at("2026-11-26T18:59:59Z"), 4), four);
        assert_eq!(next(four, 4), at("2026-11-27T19:00:00Z"));
    }
}
