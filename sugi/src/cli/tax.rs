//! How an amount divides for tax, as commands are told it.

use nhn_kcp::TaxParts;

/// All of the three, or none of them.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Tax, for a shop whose contract has a split")]
pub(crate) struct Parts {
    /// Of the amount: taxed goods, without the tax
    #[arg(long, value_name = "DIGITS", requires_all = ["vat", "tax_free"])]
    supply: Option<u64>,
    /// Of the amount: the tax on them
    #[arg(long, value_name = "DIGITS", requires_all = ["supply", "tax_free"])]
    vat: Option<u64>,
    /// Of the amount: tax-free goods
    #[arg(long, value_name = "DIGITS", requires_all = ["supply", "vat"])]
    tax_free: Option<u64>,
}

impl Parts {
    pub(crate) fn given(&self) -> Option<TaxParts> {
        Some(TaxParts {
            supply: self.supply?,
            vat: self.vat?,
            free: self.tax_free?,
        })
    }
}
