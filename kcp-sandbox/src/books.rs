//! The true books: every payment that exists, whoever was told about it.

use serde::Serialize;

use crate::tax::TaxParts;

/// How far a payment has been cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing is cancelled (KCP: STSR).
    Approved,
    /// A part is cancelled (KCP: STPC).
    PartiallyCancelled,
    /// All of it is cancelled (KCP: STSC).
    Cancelled,
}

impl State {
    /// The name used in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::PartiallyCancelled => "partially_cancelled",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One cancel of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Cancel {
    /// What was cancelled, in the currency's smallest unit.
    pub amount: u64,
    /// What was left after it.
    pub remaining: u64,
    /// `STSC` or `STPC`.
    pub mod_type: &'static str,
    /// How a mixed-tax amount was divided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax: Option<TaxParts>,
    /// When (RFC 3339, Korean time).
    pub at: String,
}

/// One payment in the books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Transaction {
    /// KCP's transaction number, 14 digits.
    pub tno: String,
    /// The shop.
    pub site_cd: String,
    /// The shop's order number.
    pub ordr_idxx: String,
    /// What was charged, in the currency's smallest unit (won; US cents).
    pub amount: u64,
    /// What of it has been cancelled.
    pub cancelled: u64,
    /// What is left of it.
    pub remaining: u64,
    /// How far it is cancelled.
    pub state: State,
    /// How a mixed-tax amount (TG03) was divided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax: Option<TaxParts>,
    /// What is left of each of those parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax_remaining: Option<TaxParts>,
    /// `410` won, `840` US dollars.
    pub currency: String,
    /// `authenticated` (11121000) or `unauthenticated` (11111000).
    pub kind: &'static str,
    /// Instalments, two digits.
    pub quota: String,
    /// The masked card number: first six digits and at most the last four.
    pub card_no: String,
    /// The issuer's code.
    pub card_cd: String,
    /// The approval number.
    pub app_no: String,
    /// When the request arrived (RFC 3339, Korean time).
    pub order_seen_at: String,
    /// When the books changed; later than `order_seen_at` if a fault held the approval up.
    pub approved_at: String,
    /// The cancels, in order.
    pub cancels: Vec<Cancel>,
}

/// An approval that was asked for and refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Declined {
    /// The shop's order number, empty when the request had none that could be read.
    pub ordr_idxx: String,
    /// The code it was refused with.
    pub res_cd: String,
    /// When (RFC 3339, Korean time).
    pub at: String,
}

/// A copy of the books at one moment.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sandbox = kcp_sandbox::Sandbox::start().await?;
/// let books = sandbox.books();
/// assert!(books.transactions.is_empty());
/// assert_eq!(books.charged(), 0);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Books {
    /// Every payment, in the order in which the books changed.
    pub transactions: Vec<Transaction>,
    /// Refused approvals, oldest first.
    pub declined: Vec<Declined>,
    /// How many older refused approvals are no longer listed.
    pub declined_dropped: u64,
}

impl Books {
    /// The payments of one order number; more than one means that it was charged more than once.
    #[must_use]
    pub fn of_order(&self, ordr_idxx: &str) -> Vec<&Transaction> {
        self.transactions
            .iter()
            .filter(|t| t.ordr_idxx == ordr_idxx)
            .collect()
    }

    /// The payment with this transaction number.
    #[must_use]
    pub fn by_tno(&self, tno: &str) -> Option<&Transaction> {
        self.transactions.iter().find(|t| t.tno == tno)
    }

    /// What remains charged over all payments, in smallest units, no matter what their currency.
    #[must_use]
    pub fn charged(&self) -> u64 {
        self.transactions.iter().map(|t| t.remaining).sum()
    }
}
