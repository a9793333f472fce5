//! Names that a key alone decides, so that asking twice is asking once.
//!
//! The name stands in the journal with what was asked for. So the journal is the memory of keys: as
//! durable as the payment, the same on every node, and nothing to be lost between two writes.

use std::{fmt::Write as _, str::FromStr};

use sha2::{Digest, Sha256};
use sugi_core::PaymentId;

/// The name of what a key asks of a payment: `kind`, and digits that the payment, whose key it is and
/// the key decide. `None` if names of that kind have another form.
pub(crate) fn after<Name: FromStr>(
    kind: &str,
    payment: &PaymentId,
    scope: &str,
    key: &str,
) -> Option<Name> {
    let mut hash = Sha256::new();
    for part in [payment.as_str(), scope, key] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut name = String::from(kind);
    for byte in &hash.finalize()[..16] {
        let _ = write!(name, "{byte:02x}");
    }
    name.parse().ok()
}

#[cfg(test)]
mod tests {
    use sugi_core::{CancelId, ResolutionId};

    use super::*;

    #[test]
    fn a_name_depends_on_the_payment_on_whose_key_it_is_and_on_the_key() {
        let pay = |n| format!("pay_{n:032}").parse::<PaymentId>().unwrap();
        let name = |n, scope, key| after::<CancelId>("can_", &pay(n), scope, key).unwrap();
        assert_eq!(name(1, "a", "k"), name(1, "a", "k"));
        for other in [
            name(2, "a", "k"),
            name(1, "b", "k"),
            name(1, "a", "l"),
            name(1, "ak", ""),
        ] {
            assert_ne!(name(1, "a", "k"), other);
        }
        assert!(after::<ResolutionId>("res_", &pay(1), "a", "k").is_some());
    }
}
