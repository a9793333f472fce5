//! KCP's clock: fourteen digits of Korean time.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Serialize};

use crate::error::{Field, Invalid, Rule};

/// A moment as KCP writes it: `yyyyMMddHHmmss`, Korean time.
///
/// Korea is nine hours ahead of UTC all year, so no time zone database is needed.
///
/// ```
/// use nhn_kcp::KcpTime;
/// let time = KcpTime::parse("20231019133645")?;
/// assert_eq!(time.to_timestamp().to_string(), "2023-10-19T04:36:45Z");
/// assert_eq!(time.to_string(), "20231019133645");
/// # Ok::<(), nhn_kcp::Invalid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KcpTime(DateTime);

impl KcpTime {
    /// Reads the fourteen digits.
    ///
    /// # Errors
    ///
    /// [`Rule::Digits`] for another form, [`Rule::CalendarDate`] for a moment that does not exist.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        crate::text::digits(text, TIME, 14, 14, REMEDY)?;
        let part = |from: usize, to: usize| {
            text.as_bytes()[from..to]
                .iter()
                .fold(0_i16, |sum, b| sum * 10 + i16::from(b - b'0'))
        };
        // Every two-digit part fits an i8.
        #[allow(clippy::cast_possible_truncation)]
        let small = |from: usize| part(from, from + 2) as i8;
        DateTime::new(
            part(0, 4),
            small(4),
            small(6),
            small(8),
            small(10),
            small(12),
            0,
        )
        .ok()
        .filter(|time| time.year() >= 1)
        .map(Self)
        .ok_or(Invalid::new(TIME, Rule::CalendarDate, REMEDY))
    }

    /// The moment in Korea that a timestamp is; fractions of a second are cut.
    #[must_use]
    pub fn from_timestamp(at: Timestamp) -> Self {
        let civil = KST.to_datetime(at);
        Self(civil.with().subsec_nanosecond(0).build().unwrap_or(civil))
    }

    /// The same moment as a timestamp.
    #[must_use]
    pub fn to_timestamp(self) -> Timestamp {
        // Fails only within hours of the years 1 and 9999, where the bound is the nearest answer.
        TimeZone::fixed(KST)
            .to_timestamp(self.0)
            .unwrap_or(if self.0.year() > 1 {
                Timestamp::MAX
            } else {
                Timestamp::MIN
            })
    }

    /// The day in Korea.
    #[must_use]
    pub fn date(self) -> Date {
        self.0.date()
    }
}

/// Which day it is in Korea. What "today" means to KCP and to a card's expiry.
#[must_use]
pub fn korean_date(at: Timestamp) -> Date {
    KST.to_datetime(at).date()
}

impl fmt::Display for KcpTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.0;
        write!(
            f,
            "{:04}{:02}{:02}{:02}{:02}{:02}",
            t.year(),
            t.month(),
            t.day(),
            t.hour(),
            t.minute(),
            t.second()
        )
    }
}

impl std::str::FromStr for KcpTime {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

impl TryFrom<String> for KcpTime {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}

impl From<KcpTime> for String {
    fn from(time: KcpTime) -> Self {
        time.to_string()
    }
}

const TIME: Field = Field::new("time", "app_time");
const REMEDY: &str = "write yyyyMMddHHmmss in Korean time";
const KST: Offset = Offset::constant(9);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_real_moments_only() {
        assert!(KcpTime::parse("20240229235959").is_ok());
        for bad in [
            "",
            "20230229000000",
            "20231301000000",
            "20231019240000",
            "20231019006000",
            "2023101900000a",
            "00000101000000",
        ] {
            assert!(KcpTime::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn goes_to_utc_and_back() {
        for text in [
            "20231019133645",
            "00010101000000",
            "99991231235959",
            "20240101000000",
        ] {
            let time = KcpTime::parse(text).unwrap();
            assert_eq!(time.to_string(), text);
            let _ = time.to_timestamp();
        }
        let at: Timestamp = "2026-12-31T15:00:00.9Z".parse().unwrap();
        assert_eq!(KcpTime::from_timestamp(at).to_string(), "20270101000000");
        assert_eq!(korean_date(at).to_string(), "2027-01-01");
    }
}
