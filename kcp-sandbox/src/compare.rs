//! A merchant's ledger beside the true books: every difference, in one call.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::books::Books;

/// One payment as a merchant believes it to be. Payments that the merchant believes never happened
/// do not belong into the list.
///
/// ```
/// use kcp_sandbox::LedgerEntry;
/// let entry = LedgerEntry::new("26328123456789", "A-1", 1004, 0);
/// assert_eq!(entry.amount, 1004);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LedgerEntry {
    /// KCP's transaction number.
    pub tno: String,
    /// The shop's order number; not compared when empty.
    #[serde(default)]
    pub ordr_idxx: String,
    /// What was charged, in smallest units.
    pub amount: u64,
    /// What of it was cancelled.
    #[serde(default)]
    pub cancelled: u64,
    /// The state's name; not compared when absent.
    #[serde(default)]
    pub state: Option<String>,
}

impl LedgerEntry {
    /// An entry without a state.
    #[must_use]
    pub fn new(
        tno: impl Into<String>,
        ordr_idxx: impl Into<String>,
        amount: u64,
        cancelled: u64,
    ) -> Self {
        Self {
            tno: tno.into(),
            ordr_idxx: ordr_idxx.into(),
            amount,
            cancelled,
            state: None,
        }
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// `not_in_ledger`, `not_in_books`, `twice_in_ledger`, `ordr_idxx`, `amount`, `cancelled` or
    /// `state`.
    pub what: &'static str,
    /// The payment.
    pub tno: String,
    /// Its order number.
    pub ordr_idxx: String,
    /// What the merchant believes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<String>,
    /// What is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub books: Option<String>,
}

/// The outcome of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// Whether there is no difference.
    pub agree: bool,
    /// Payments compared on both sides.
    pub compared: usize,
    /// The differences.
    pub differences: Vec<Difference>,
}

/// Compares `books` with `ledger`.
pub(crate) fn compare(books: &Books, ledger: &[LedgerEntry]) -> Comparison {
    let true_ones: HashMap<&str, _> = books
        .transactions
        .iter()
        .map(|t| (t.tno.as_str(), t))
        .collect();
    let mut differences = Vec::new();
    let mut seen = HashSet::new();
    let mut compared = 0;
    for entry in ledger {
        let mut differ = |what, ledger: Option<String>, books: Option<String>| {
            differences.push(Difference {
                what,
                tno: entry.tno.clone(),
                ordr_idxx: entry.ordr_idxx.clone(),
                ledger,
                books,
            });
        };
        if !seen.insert(entry.tno.as_str()) {
            differ("twice_in_ledger", Some(entry.amount.to_string()), None);
            continue;
        }
        let Some(truth) = true_ones.get(entry.tno.as_str()) else {
            differ("not_in_books", Some(entry.amount.to_string()), None);
            continue;
        };
        compared += 1;
        let mut same = |what, ledger: String, books: String| {
            if ledger != books {
                differ(what, Some(ledger), Some(books));
            }
        };
        if !entry.ordr_idxx.is_empty() {
            same(
                "ordr_idxx",
                entry.ordr_idxx.clone(),
                truth.ordr_idxx.clone(),
            );
        }
        same("amount", entry.amount.to_string(), truth.amount.to_string());
        same(
            "cancelled",
            entry.cancelled.to_string(),
            truth.cancelled.to_string(),
        );
        if let Some(state) = &entry.state {
            same("state", state.clone(), truth.state.as_str().to_owned());
        }
    }
    for truth in books
        .transactions
        .iter()
        .filter(|t| !seen.contains(t.tno.as_str()))
    {
        differences.push(Difference {
            what: "not_in_ledger",
            tno: truth.tno.clone(),
            ordr_idxx: truth.ordr_idxx.clone(),
            ledger: None,
            books: Some(truth.amount.to_string()),
        });
    }
    Comparison {
        agree: differences.is_empty(),
        compared,
        differences,
    }
}
