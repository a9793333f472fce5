//! Mixed-tax amounts (복합과세): how a request divides its amount, and what is left of each part.

use serde::Serialize;

use crate::lint::{Finding, LintKind};
use crate::reply::Refusal;
use crate::shop::Request;

/// The parts of a mixed-tax amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TaxParts {
    /// The taxed goods without the tax (`comm_tax_mny`, `mod_tax_mny`).
    pub tax: u64,
    /// The tax on them (`comm_vat_mny`, `mod_vat_mny`).
    pub vat: u64,
    /// The tax-free goods (`comm_free_mny`, `mod_free_mny`).
    pub free: u64,
}

impl TaxParts {
    pub(crate) const NOTHING: Self = Self {
        tax: 0,
        vat: 0,
        free: 0,
    };

    fn sum(self) -> u64 {
        // Each has at most twelve digits.
        self.tax + self.vat + self.free
    }

    /// What is left when `taken` was cancelled, or why it cannot be.
    pub(crate) fn less(self, taken: Self) -> Result<Self, Refusal> {
        let rest = |left: u64, taken: u64, code, name| {
            let detail = format!("{name} is more than the {left} that is left of that part");
            left.checked_sub(taken)
                .ok_or_else(|| Refusal::new(code, detail))
        };
        Ok(Self {
            tax: rest(self.tax, taken.tax, "8098", "mod_tax_mny")?,
            vat: rest(self.vat, taken.vat, "8098", "mod_vat_mny")?,
            free: rest(self.free, taken.free, "8099", "mod_free_mny")?,
        })
    }
}

/// How a payment is taxed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tax {
    /// All of it, TG01; also when nothing is said.
    Taxed,
    /// None of it, TG02.
    Free,
    /// Some of it, TG03.
    Mixed(TaxParts),
}

impl Tax {
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::Taxed => "TG01",
            Self::Free => "TG02",
            Self::Mixed(_) => "TG03",
        }
    }

    /// The parts that the books have to follow.
    pub(crate) fn mixed(self) -> Option<TaxParts> {
        match self {
            Self::Mixed(parts) => Some(parts),
            Self::Taxed | Self::Free => None,
        }
    }

    /// The parts as the answer to an approval of `amount` tells them. Where none were sent, the
    /// taxable part is a rounded eleventh less than the amount.
    pub(crate) fn parts(self, amount: u64) -> TaxParts {
        match self {
            Self::Taxed => {
                let tax = (amount * 10 + 5) / 11;
                TaxParts {
                    tax,
                    vat: amount - tax,
                    free: 0,
                }
            }
            Self::Free => TaxParts {
                free: amount,
                ..TaxParts::NOTHING
            },
            Self::Mixed(parts) => parts,
        }
    }
}

/// How an approval's amount divides.
pub(crate) fn of_approval(request: &mut Request<'_>, amount: u64) -> Result<Tax, Refusal> {
    let names = ["comm_tax_mny", "comm_vat_mny", "comm_free_mny"];
    let flag = request.get("tax_flag");
    if !flag.is_empty() && !request.settings.tax_split {
        return Err(Refusal::new("8102", "the setting tax_split is off"));
    }
    if flag == "TG03" {
        return parts(request, names, ["8011"; 3], amount).map(Tax::Mixed);
    }
    ignored(request, names);
    match flag {
        "" | "TG01" => Ok(Tax::Taxed),
        "TG02" => Ok(Tax::Free),
        _ => Err(Refusal::new("8011", "tax_flag takes TG01, TG02 or TG03")),
    }
}

/// How a partial cancel's amount divides, if it says so.
pub(crate) fn of_cancel(
    request: &mut Request<'_>,
    amount: u64,
) -> Result<Option<TaxParts>, Refusal> {
    match request.get("tax_flag") {
        "TG03" => parts(request, OF_CANCEL, ["8078", "8080", "8079"], amount).map(Some),
        "" => {
            ignored(request, OF_CANCEL);
            Ok(None)
        }
        _ => Err(Refusal::new("8011", "tax_flag of a cancel takes TG03")),
    }
}

/// The names of a cancel's parts.
pub(crate) const OF_CANCEL: [&str; 3] = ["mod_tax_mny", "mod_vat_mny", "mod_free_mny"];

fn parts(
    request: &mut Request<'_>,
    [tax, vat, free]: [&'static str; 3],
    codes: [&'static str; 3],
    amount: u64,
) -> Result<TaxParts, Refusal> {
    let parts = TaxParts {
        tax: request.amount(tax, codes[0])?,
        vat: request.amount(vat, codes[1])?,
        free: request.amount(free, codes[2])?,
    };
    if parts.sum() == amount {
        return Ok(parts);
    }
    let detail = format!("{tax}, {vat} and {free} do not add up to the amount");
    Err(Refusal::new("8011", detail))
}

fn ignored(request: &mut Request<'_>, names: [&'static str; 3]) {
    for name in names {
        if !request.get(name).is_empty() {
            request.lint(Finding::of(LintKind::TaxPartsIgnored, name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tax_is_split_as_in_real_answers() {
        let check = |amount, tax, vat| {
            let parts = TaxParts { tax, vat, free: 0 };
            assert_eq!(Tax::Taxed.parts(amount), parts);
        };
        check(1_100, 1_000, 100);
        check(1_000, 909, 91);
        check(800, 727, 73);
        check(10_000, 9_091, 909);
        // As the specification has it, in other words: the supply with a tenth of itself is the amount, to
        // the nearest won of the supply.
        for amount in 1..=100_000_u64 {
            let TaxParts { tax, vat, free } = Tax::Taxed.parts(amount);
            assert_eq!((tax + vat, free), (amount, 0));
            let off = |tax: u64| (tax * 11).abs_diff(amount * 10);
            assert!(off(tax) < off(tax + 1), "{amount}");
            assert!(tax == 0 || off(tax) < off(tax - 1), "{amount}");
        }
    }

    #[test]
    fn each_part_has_its_own_code_for_too_much() {
        let left = TaxParts {
            tax: 80,
            vat: 8,
            free: 12,
        };
        let code = |tax, vat, free| {
            let less = left.less(TaxParts { tax, vat, free });
            less.map_err(|refusal| refusal.code.to_string())
        };
        assert_eq!(code(80, 8, 12), Ok(TaxParts::NOTHING));
        assert_eq!(code(81, 0, 0), Err("8098".into()));
        assert_eq!(code(0, 9, 0), Err("8098".into()));
        assert_eq!(code(0, 0, 13), Err("8099".into()));
    }
}
