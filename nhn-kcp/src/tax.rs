//! How an amount divides for tax.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Field, Invalid, Rule};
use crate::money::Amount;

/// How an amount divides for tax (`tax_flag` and the `comm_…_mny` fields).
///
/// Needs a contract with KCP that says so. Without the contract these fields can charge another
/// amount than was asked, or are refused with CC35 or 8102: send them only when KCP told you to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaxSplit {
    /// Everything is taxable (`TG01`); KCP works the tax out.
    Taxable,
    /// Everything is tax-free (`TG02`).
    TaxFree,
    /// Some of both (`TG03`). The three parts add up to the amount.
    Mixed(TaxParts),
}

/// The parts of a mixed-tax amount, in the currency's smallest unit. Each can be zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TaxParts {
    /// The value of the taxable goods without the tax (`comm_tax_mny`, `mod_tax_mny`).
    pub supply: u64,
    /// The tax on it (`comm_vat_mny`, `mod_vat_mny`).
    pub vat: u64,
    /// The value of the tax-free goods (`comm_free_mny`, `mod_free_mny`).
    pub free: u64,
}

impl TaxSplit {
    /// The split of an amount into these parts: tax-free if all of it is, else mixed.
    ///
    /// # Errors
    ///
    /// [`Rule::Agree`] when they do not add up to the amount.
    pub fn of(amount: Amount, parts: TaxParts) -> Result<Self, Invalid> {
        let split = Self::Mixed(parts);
        split.check(amount)?;
        Ok(if parts.free == amount.get() {
            Self::TaxFree
        } else {
            split
        })
    }

    /// KCP's `tax_flag`.
    #[must_use]
    pub const fn kcp_flag(self) -> &'static str {
        match self {
            Self::Taxable => "TG01",
            Self::TaxFree => "TG02",
            Self::Mixed(_) => "TG03",
        }
    }

    /// The parts, where there is more than one kind.
    #[must_use]
    pub const fn parts(self) -> Option<TaxParts> {
        match self {
            Self::Mixed(parts) => Some(parts),
            Self::Taxable | Self::TaxFree => None,
        }
    }

    /// Checks that the parts add up to the amount (KCP: 8011, 8564).
    ///
    /// # Errors
    ///
    /// [`Rule::Agree`] when they do not.
    pub fn check(self, amount: Amount) -> Result<(), Invalid> {
        match self {
            Self::Mixed(parts) if parts.total() != Some(amount.get()) => {
                Err(does_not_add_up("comm_tax_mny"))
            }
            _ => Ok(()),
        }
    }
}

impl TaxParts {
    /// The parts of a price of which `taxed` holds the tax and `free` is free of it, as Korean shops, their
    /// invoices and KCP divide it: supply is taxed ÷ 1.1, rounded half up, and VAT is the rest.
    ///
    /// Another rounding is a won away in nearly half of all prices, and then a shop cannot cancel by the
    /// parts that its own books have.
    ///
    /// ```
    /// use nhn_kcp::TaxParts;
    /// let parts = TaxParts::of_price(1_000, 400);
    /// assert_eq!(parts, TaxParts { supply: 909, vat: 91, free: 400 });
    /// ```
    #[must_use]
    pub const fn of_price(taxed: u64, free: u64) -> Self {
        // Ten elevenths, of the whole elevens and of what is beyond them, so that no price overflows.
        let supply = taxed / 11 * 10 + (taxed % 11 * 10 + 5) / 11;
        Self {
            supply,
            vat: taxed - supply,
            free,
        }
    }

    /// What they add up to, if that is a number at all.
    #[must_use]
    pub const fn total(self) -> Option<u64> {
        match self.supply.checked_add(self.vat) {
            Some(taxed) => taxed.checked_add(self.free),
            None => None,
        }
    }

    /// What is left of each part when these are taken from it; `None` if any has less.
    ///
    /// ```
    /// use nhn_kcp::TaxParts;
    /// let sale = TaxParts { supply: 800, vat: 80, free: 124 };
    /// let taken = TaxParts { supply: 100, vat: 10, free: 0 };
    /// assert_eq!(sale.checked_sub(taken), Some(TaxParts { supply: 700, vat: 70, free: 124 }));
    /// assert_eq!(taken.checked_sub(sale), None);
    /// ```
    #[must_use]
    pub const fn checked_sub(self, taken: Self) -> Option<Self> {
        match (
            self.supply.checked_sub(taken.supply),
            self.vat.checked_sub(taken.vat),
            self.free.checked_sub(taken.free),
        ) {
            (Some(supply), Some(vat), Some(free)) => Some(Self { supply, vat, free }),
            _ => None,
        }
    }

    /// Checks what a cancel takes back of a mixed-tax sale: the parts add up to its amount (KCP: 8011,
    /// 8078 to 8080), and none is more than what is left of that part (8098, 8099).
    ///
    /// # Errors
    ///
    /// [`Rule::Agree`] names the rule that does not hold.
    pub fn check_cancel(self, amount: Amount, left: Self) -> Result<(), Invalid> {
        if self.total() != Some(amount.get()) {
            return Err(does_not_add_up("mod_tax_mny"));
        }
        if left.checked_sub(self).is_none() {
            let field = Field::new("tax parts", "mod_tax_mny");
            let rule = Rule::Agree("be no more than what is left of each part");
            return Err(Invalid::new(
                field,
                rule,
                "take from the parts that are left",
            ));
        }
        Ok(())
    }
}

/// In words: `800 supply, 80 VAT, 124 tax-free`.
impl fmt::Display for TaxParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { supply, vat, free } = self;
        write!(f, "{supply} supply, {vat} VAT, {free} tax-free")
    }
}

fn does_not_add_up(kcp_field: &'static str) -> Invalid {
    let field = Field::new("tax parts", kcp_field);
    let rule = Rule::Agree("add up to the amount");
    Invalid::new(field, rule, "divide the amount, not the single items")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(supply: u64, vat: u64, free: u64) -> TaxParts {
        TaxParts { supply, vat, free }
    }

    #[test]
    fn mixed_tax_adds_up() {
        let amount = Amount::new(100).unwrap();
        let check = |parts| TaxSplit::Mixed(parts).check(amount);
        assert!(check(parts(80, 8, 12)).is_ok());
        assert!(check(parts(80, 8, 13)).is_err());
        assert!(check(parts(u64::MAX, 101, 0)).is_err());
        assert!(TaxSplit::Taxable.check(amount).is_ok());
        let of = |parts| TaxSplit::of(amount, parts);
        assert_eq!(of(parts(0, 0, 100)), Ok(TaxSplit::TaxFree));
        assert_eq!(of(parts(91, 9, 0)), Ok(TaxSplit::Mixed(parts(91, 9, 0))));
        assert!(of(parts(0, 0, 99)).is_err());
    }

    #[test]
    fn a_price_divides_as_shops_and_kcp_divide_it() {
        // Seen in KCP's answers.
        for (taxed, supply, vat) in [(1_100, 1_000, 100), (1_000, 909, 91), (800, 727, 73)] {
            assert_eq!(TaxParts::of_price(taxed, 0), parts(supply, vat, 0));
        }
        for taxed in 1..=100_000 {
            let TaxParts { supply, vat, free } = TaxParts::of_price(taxed, 7);
            assert_eq!((supply + vat, free), (taxed, 7));
            // No other whole number is as near to taxed ÷ 1.1, so no rule for halves is needed.
            assert!((11 * supply).abs_diff(10 * taxed) * 2 < 11, "{taxed}");
        }
        assert_eq!(TaxParts::of_price(0, 5), parts(0, 0, 5));
        let most = TaxParts::of_price(u64::MAX, 0);
        assert_eq!(most.total(), Some(u64::MAX));
    }

    #[test]
    fn a_cancel_takes_no_more_of_a_part_than_is_left_of_it() {
        let (amount, left) = (Amount::new(100).unwrap(), parts(80, 8, 12));
        let check = |parts: TaxParts| parts.check_cancel(amount, left);
        assert!(check(parts(80, 8, 12)).is_ok());
        for (wrong, rule) in [
            (parts(80, 8, 11), "add up"),
            (parts(81, 8, 11), "left"),
            (parts(79, 9, 12), "left"),
            (parts(79, 8, 13), "left"),
        ] {
            let refused = check(wrong).unwrap_err().to_string();
            assert!(refused.contains(rule), "{wrong}: {refused}");
        }
    }

    #[test]
    fn a_split_that_was_stored_reads_back() {
        // The spelling of journals that were written before parts had a type of their own.
        let json = r#"{"mixed":{"supply":80,"vat":8,"free":12}}"#;
        let split = TaxSplit::Mixed(parts(80, 8, 12));
        assert_eq!(serde_json::from_str::<TaxSplit>(json).unwrap(), split);
        assert_eq!(serde_json::to_string(&split).unwrap(), json);
    }
}
