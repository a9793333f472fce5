//! Amounts, currencies, and instalment plans.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Field, Invalid, Rule};

/// A currency that KCP's card API takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Currency {
    /// Korean won. Its smallest unit is one won.
    #[serde(rename = "KRW")]
    Krw,
    /// US dollar. Its smallest unit is one cent, and KCP counts cents: $10.55 is `1055`.
    ///
    /// Needs a separate contract with KCP.
    #[serde(rename = "USD")]
    Usd,
}

impl Currency {
    /// The code in KCP's field `currency`: `410` or `840`.
    #[must_use]
    pub const fn kcp_code(self) -> &'static str {
        match self {
            Self::Krw => "410",
            Self::Usd => "840",
        }
    }

    /// The ISO 4217 letters: `KRW` or `USD`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Krw => "KRW",
            Self::Usd => "USD",
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Currency {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "KRW" => Ok(Self::Krw),
            "USD" => Ok(Self::Usd),
            _ => Err(Invalid::new(
                CURRENCY,
                Rule::Form("KRW or USD"),
                "KCP takes no other",
            )),
        }
    }
}

/// A number of a currency's smallest units (won, US cents), from 1 to 999,999,999,999.
///
/// The upper bound is the 12 digits of KCP's fields. It is never zero: nothing can be approved or
/// cancelled for nothing. What is left of a payment can be zero and is therefore a plain `u64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Amount(u64);

impl Amount {
    /// The largest amount that fits KCP's 12 digits.
    pub const MAX: Self = Self(999_999_999_999);

    /// An amount of so many smallest units.
    ///
    /// # Errors
    ///
    /// [`Rule::Range`] for 0 and for more than 12 digits.
    pub const fn new(units: u64) -> Result<Self, Invalid> {
        if units >= 1 && units <= Self::MAX.0 {
            Ok(Self(units))
        } else {
            Err(Invalid::new(AMOUNT, AMOUNT_RULE, "count won, or US cents"))
        }
    }

    /// Reads an amount written in digits, as KCP writes it.
    ///
    /// # Errors
    ///
    /// [`Rule::Digits`] for anything but digits: the guide allows no comma or other sign.
    /// [`Rule::Range`] for zero.
    ///
    /// ```
    /// use nhn_kcp::Amount;
    /// assert_eq!(Amount::parse("1004")?.get(), 1004);
    /// assert!(Amount::parse("1,004").is_err());
    /// # Ok::<(), nhn_kcp::Invalid>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        crate::text::digits(
            text,
            AMOUNT,
            1,
            12,
            "leave out commas, signs, and decimal points",
        )?;
        let units = text
            .bytes()
            .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        Self::new(units)
    }

    /// The number of smallest units.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The sum, if it still fits.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        let sum = self.0 + other.0;
        if sum <= Self::MAX.0 {
            Some(Self(sum))
        } else {
            None
        }
    }

    /// The difference, if anything is left. Equal amounts leave nothing, which is no `Amount`.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        if self.0 > other.0 {
            Some(Self(self.0 - other.0))
        } else {
            None
        }
    }
}

/// The digits, as KCP takes them: no separators.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::str::FromStr for Amount {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

impl TryFrom<u64> for Amount {
    type Error = Invalid;

    fn try_from(units: u64) -> Result<Self, Invalid> {
        Self::new(units)
    }
}

impl From<Amount> for u64 {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

/// An amount and its currency.
///
/// ```
/// use nhn_kcp::Money;
/// assert_eq!(Money::won(1004)?.to_string(), "1,004 KRW");
/// assert_eq!(Money::usd_cents(1055)?.to_string(), "10.55 USD");
/// # Ok::<(), nhn_kcp::Invalid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// How many smallest units.
    pub amount: Amount,
    /// Of which currency.
    pub currency: Currency,
}

impl Money {
    /// So many won.
    ///
    /// # Errors
    ///
    /// As [`Amount::new`].
    pub const fn won(units: u64) -> Result<Self, Invalid> {
        match Amount::new(units) {
            Ok(amount) => Ok(Self {
                amount,
                currency: Currency::Krw,
            }),
            Err(invalid) => Err(invalid),
        }
    }

    /// So many US cents: $10.55 is 1055.
    ///
    /// # Errors
    ///
    /// As [`Amount::new`].
    pub const fn usd_cents(units: u64) -> Result<Self, Invalid> {
        match Amount::new(units) {
            Ok(amount) => Ok(Self {
                amount,
                currency: Currency::Usd,
            }),
            Err(invalid) => Err(invalid),
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = self.amount.get();
        match self.currency {
            Currency::Krw => write!(f, "{} KRW", Grouped(units)),
            Currency::Usd => write!(f, "{}.{:02} USD", Grouped(units / 100), units % 100),
        }
    }
}

/// A number with a comma before every third digit from the right.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1000 {
            return write!(f, "{}", self.0);
        }
        write!(f, "{},{:03}", Grouped(self.0 / 1000), self.0 % 1000)
    }
}

/// In how many monthly instalments the buyer pays the card company: a lump sum, or 2 to 12 months.
///
/// KCP's field `quota`. The guide wants exactly two digits; that 1 means nothing and that 12 is the
/// most are read from KCP's payment window (inferred for key-in). Stored as the number of months.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(try_from = "u8", into = "u8")]
pub struct Installments(u8);

impl Installments {
    /// Paid at once: `quota` 00.
    pub const LUMP_SUM: Self = Self(0);

    /// The least that may be paid in instalments: 50,000 won.
    pub const MIN_WON: u64 = 50_000;

    /// A plan of so many months; 0 is the lump sum.
    ///
    /// # Errors
    ///
    /// [`Rule::Months`] for 1 and for more than 12.
    pub const fn new(months: u8) -> Result<Self, Invalid> {
        match months {
            0 | 2..=12 => Ok(Self(months)),
            _ => Err(Invalid::new(
                QUOTA,
                Rule::Months { min: 2, max: 12 },
                "1 month is a lump sum",
            )),
        }
    }

    /// The number of months; 0 for a lump sum.
    #[must_use]
    pub const fn months(self) -> u8 {
        self.0
    }

    /// KCP's two digits: `00`, `02` … `12`.
    #[must_use]
    pub const fn kcp_quota(self) -> &'static str {
        const QUOTAS: [&str; 13] = [
            "00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12",
        ];
        QUOTAS[self.0 as usize]
    }

    /// Checks the plan against the amount: instalments are for won, from [`Self::MIN_WON`] on.
    ///
    /// # Errors
    ///
    /// [`Rule::Agree`] names the one of the two that does not hold.
    pub fn check(self, money: Money) -> Result<(), Invalid> {
        let agree = |with| Err(Invalid::new(QUOTA, Rule::Agree(with), "offer a lump sum"));
        if self == Self::LUMP_SUM {
            Ok(())
        } else if money.currency != Currency::Krw {
            agree("be a lump sum for amounts that are not in won")
        } else if money.amount.get() < Self::MIN_WON {
            agree("be a lump sum for amounts under 50,000 won")
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for Installments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("lump sum"),
            months => write!(f, "{months} months"),
        }
    }
}

impl TryFrom<u8> for Installments {
    type Error = Invalid;

    fn try_from(months: u8) -> Result<Self, Invalid> {
        Self::new(months)
    }
}

impl From<Installments> for u8 {
    fn from(plan: Installments) -> Self {
        plan.0
    }
}

const CURRENCY: Field = Field::new("currency", "currency");
const AMOUNT: Field = Field::new("amount", "amount");
const QUOTA: Field = Field::new("instalments", "quota");
const AMOUNT_RULE: Rule = Rule::Range {
    min: 1,
    max: Amount::MAX.0,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_digits_from_1_to_12_of_them() {
        for good in ["1", "1004", "999999999999", "000000001004"] {
            assert!(Amount::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "0",
            "000",
            "1,004",
            "+1",
            "-1",
            "1.0",
            " 1",
            "1 ",
            "abc",
            "1000000000000",
            "１",
        ] {
            assert!(Amount::parse(bad).is_err(), "{bad}");
        }
        assert!(Amount::new(0).is_err());
        assert!(Amount::new(1_000_000_000_000).is_err());
    }

    #[test]
    fn sums_and_differences_stay_amounts() {
        let (a, b) = (Amount::new(10).unwrap(), Amount::new(4).unwrap());
        assert_eq!(a.checked_sub(b), Amount::new(6).ok());
        assert_eq!(a.checked_sub(a), None);
        assert_eq!(b.checked_sub(a), None);
        assert_eq!(a.checked_add(b), Amount::new(14).ok());
        assert_eq!(Amount::MAX.checked_add(b), None);
    }

    #[test]
    fn money_reads_as_people_write_it() {
        assert_eq!(Money::won(7).unwrap().to_string(), "7 KRW");
        assert_eq!(Money::won(1_000_004).unwrap().to_string(), "1,000,004 KRW");
        assert_eq!(Money::usd_cents(5).unwrap().to_string(), "0.05 USD");
        assert_eq!(
            Money::usd_cents(100_000).unwrap().to_string(),
            "1,000.00 USD"
        );
    }

    #[test]
    fn instalments_are_0_or_2_to_12_and_from_50000_won() {
        for months in 0..=u8::MAX {
            let ok = Installments::new(months).is_ok();
            assert_eq!(ok, months == 0 || (2..=12).contains(&months), "{months}");
        }
        assert_eq!(Installments::LUMP_SUM.kcp_quota(), "00");
        assert_eq!(Installments::new(5).unwrap().kcp_quota(), "05");
        assert_eq!(Installments::new(12).unwrap().kcp_quota(), "12");
        let three = Installments::new(3).unwrap();
        assert!(three.check(Money::won(49_999).unwrap()).is_err());
        assert!(three.check(Money::won(50_000).unwrap()).is_ok());
        assert!(three.check(Money::usd_cents(10_000_000).unwrap()).is_err());
        assert!(Installments::LUMP_SUM.check(Money::won(1).unwrap()).is_ok());
    }

    #[test]
    fn stored_values_are_parsed_again() {
        assert_eq!(
            serde_json::to_string(&Money::won(1004).unwrap()).unwrap(),
            r#"{"amount":1004,"currency":"KRW"}"#
        );
        assert!(serde_json::from_str::<Money>(r#"{"amount":0,"currency":"KRW"}"#).is_err());
        assert!(serde_json::from_str::<Money>(r#"{"amount":1,"currency":"EUR"}"#).is_err());
        assert!(serde_json::from_str::<Installments>("1").is_err());
        assert_eq!(
            serde_json::from_str::<Installments>("3").unwrap().months(),
            3
        );
    }
}
