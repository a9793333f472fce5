//! How pages write money, times and spans.

use jiff::{SignedDuration, Timestamp, tz::Offset};

use crate::{lang::Lang, messages::Common};

/// An amount with its currency: `150,000원`, `₩150,000`, `US$12.34`.
pub(crate) fn money(lang: Lang, amount: u64, currency: &str) -> String {
    if currency == "USD" {
        return format!("US${}.{:02}", grouped(amount / 100), amount % 100);
    }
    let digits = grouped(amount);
    lang.pick(format!("{digits}원"), format!("₩{digits}"))
}

/// An amount as a number that machines read: `150000`, `12.34`.
pub(crate) fn decimal(amount: u64, currency: &str) -> String {
    if currency == "USD" {
        format!("{}.{:02}", amount / 100, amount % 100)
    } else {
        amount.to_string()
    }
}

/// An amount as someone would type it: `150,000`, `1,234.05`.
pub(crate) fn typed(amount: u64, currency: &str) -> String {
    if currency == "USD" {
        format!("{}.{:02}", grouped(amount / 100), amount % 100)
    } else {
        grouped(amount)
    }
}

/// What stands around an amount as it is typed, for the script: `{}원`, `₩{}`, `US${}`.
pub(crate) fn around(lang: Lang, currency: &str) -> &'static str {
    if currency == "USD" {
        return "US${}";
    }
    lang.pick("{}원", "₩{}")
}

/// A number with commas.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + 4);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Korea has had no summer time since 1988, and needs no table of zones.
pub(crate) const KOREA: Offset = Offset::constant(9);

/// A time in Korea: `2026-11-23 09:05:07`.
pub(crate) fn time(at: Timestamp) -> String {
    let there = KOREA.to_datetime(at);
    format!("{} {}", there.date(), clock(at))
}

/// A day in Korea: `2026-11-23`.
pub(crate) fn day(at: Timestamp) -> String {
    KOREA.to_datetime(at).date().to_string()
}

/// The time of day in Korea: `09:05:07`.
pub(crate) fn clock(at: Timestamp) -> String {
    let there = KOREA.to_datetime(at);
    format!(
        "{:02}:{:02}:{:02}",
        there.hour(),
        there.minute(),
        there.second()
    )
}

/// How long something takes or has taken, in its largest unit: `3분`, `2 h`.
pub(crate) fn span(lang: Lang, span: SignedDuration) -> String {
    let t = Common::of(lang);
    let secs = span.as_secs().max(0);
    let (number, unit) = match secs {
        0..60 => (secs, t.second),
        60..3_600 => (secs / 60, t.minute),
        3_600..172_800 => (secs / 3_600, t.hour),
        _ => (secs / 86_400, t.days),
    };
    lang.pick(format!("{number}{unit}"), format!("{number} {unit}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_grouped() {
        assert_eq!(money(Lang::Ko, 1_004, "KRW"), "1,004원");
        assert_eq!(money(Lang::En, 999_999_999_999, "KRW"), "₩999,999,999,999");
        assert_eq!(money(Lang::En, 123_456, "USD"), "US$1,234.56");
        assert_eq!(money(Lang::Ko, 5, "USD"), "US$0.05");
        assert_eq!(decimal(123_405, "USD"), "1234.05");
        assert_eq!(decimal(123_405, "KRW"), "123405");
        for lang in [Lang::Ko, Lang::En] {
            for currency in ["KRW", "USD"] {
                let typed = typed(123_405, currency);
                let whole = around(lang, currency).replace("{}", &typed);
                assert_eq!(whole, money(lang, 123_405, currency));
            }
        }
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(100), "100");
    }

    #[test]
    fn times_are_koreas() {
        let at: Timestamp = "2026-11-22T15:00:07Z".parse().unwrap();
        assert_eq!(time(at), "2026-11-23 00:00:07");
        assert_eq!(span(Lang::Ko, SignedDuration::from_secs(150)), "2분");
        assert_eq!(span(Lang::En, SignedDuration::from_hours(60)), "2 d");
    }
}
