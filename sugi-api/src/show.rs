//! A payment as the API shows it, for programs of our own that show payments as well: the same
//! words everywhere.

use nhn_kcp::Currency;
use serde_json::Value;
use sugi_core::{Difference, Event, Payment};
use sugi_store::{Entry, Summary};

use crate::payments::{get::Detail, history, list::Line, view::View};

/// A payment, as `POST /v1/payments` answers it.
#[must_use]
pub fn payment(payment: &Payment) -> Value {
    json(&View::of(payment))
}

/// A payment with its history, as `GET /v1/payments/{id}` answers it.
#[must_use]
pub fn payment_with_history(payment: &Payment, journal: &[Entry]) -> Value {
    json(&Detail::of(payment, journal))
}

/// A payment in a list, as `GET /v1/payments` answers it.
#[must_use]
pub fn summary(summary: Summary) -> Value {
    json(&Line::of(summary))
}

/// What happened to a payment in this currency, in a sentence.
#[must_use]
pub fn event(event: &Event, currency: Currency) -> String {
    history::describe(event, currency)
}

/// How KCP's books differ from the ledger about a settled payment, in a clause.
#[must_use]
pub fn differs(difference: &Difference, money: &dyn Fn(u64) -> String) -> String {
    history::differs(difference, money)
}

fn json(view: &impl serde::Serialize) -> Value {
    // Views hold strings, numbers and maps with text keys: nothing that JSON could refuse.
    serde_json::to_value(view).unwrap_or_default()
}
