//! How amounts divide for tax, as the API takes and shows it.

use nhn_kcp::{TaxParts, TaxSplit};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::Whole;

/// How the amount divides for tax, for shops whose contract with KCP has it. The parts add up to
/// the amount.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTax {
    /// The value of the taxed goods, without the tax.
    #[schema(value_type = u64, maximum = 999_999_999_999_u64)]
    supply: Whole,
    /// The tax on it.
    #[schema(value_type = u64, maximum = 999_999_999_999_u64)]
    vat: Whole,
    /// The value of the tax-free goods.
    #[schema(value_type = u64, maximum = 999_999_999_999_u64)]
    tax_free: Whole,
}

/// How an amount divides for tax.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tax)]
pub(crate) struct TaxView {
    /// The value of the taxed goods, without the tax.
    supply: u64,
    /// The tax on it.
    vat: u64,
    /// The value of the tax-free goods.
    tax_free: u64,
}

impl NewTax {
    pub(crate) fn parts(&self) -> TaxParts {
        TaxParts {
            supply: self.supply.0,
            vat: self.vat.0,
            free: self.tax_free.0,
        }
    }
}

impl TaxView {
    /// A payment's own, if its amount was divided when it was asked for.
    pub(crate) fn of_split(split: TaxSplit, amount: u64) -> Option<Self> {
        match split {
            TaxSplit::Mixed(parts) => Some(parts.into()),
            TaxSplit::TaxFree => Some(Self {
                supply: 0,
                vat: 0,
                tax_free: amount,
            }),
            // KCP works it out, and does not say so here.
            TaxSplit::Taxable => None,
        }
    }
}

impl From<TaxParts> for TaxView {
    fn from(TaxParts { supply, vat, free }: TaxParts) -> Self {
        Self {
            supply,
            vat,
            tax_free: free,
        }
    }
}
