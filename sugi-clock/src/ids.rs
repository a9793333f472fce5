//! New names: each sorts by the time at which it was made, and no other machine makes the same.

use std::fmt::Write as _;

use sugi_core::{CancelId, PaymentId, WebhookId};

/// A new payment's name: sorts by time.
#[must_use]
pub fn new_payment_id() -> PaymentId {
    named("pay_")
}

/// A new cancel's name: sorts by time.
#[must_use]
pub fn new_cancel_id() -> CancelId {
    named("can_")
}

/// A new webhook's name: sorts by time.
#[must_use]
pub fn new_webhook_id() -> WebhookId {
    named("wh_")
}

/// A name for this node that no other has.
#[must_use]
pub fn new_node_name() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

/// A new approval request's name: sorts by time.
#[must_use]
pub fn new_approval_request_id() -> String {
    format!("apr_{}", uuid::Uuid::now_v7().simple())
}

fn named<T: std::str::FromStr>(prefix: &str) -> T {
    loop {
        let mut name = String::from(prefix);
        let _ = write!(name, "{}", uuid::Uuid::now_v7().simple());
        // The form is right by construction; the loop only spares an unwrap.
        if let Ok(name) = name.parse() {
            return name;
        }
    }
}
