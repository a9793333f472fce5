//! Someone outside, who sees nothing of a payment but its news.

use sugi_core::{CancelId, Payment, PublicEvent, PublicSnapshot, State, Status};

/// The cancel that was asked for and has not ended.
fn asked(payment: &Payment) -> Option<&CancelId> {
    match &payment.state {
        State::Approved {
            pending: Some(pending),
            ..
        } => Some(&pending.0.id),
        _ => None,
    }
}

/// What a row made of a payment is told whenever it can be seen from outside, in a word that is true.
pub(super) fn hears(before: &Payment, after: &Payment) {
    let told = PublicEvent::between(&PublicSnapshot::at(before), after);
    let seen = |payment: &Payment| (payment.status(), payment.cancelled_amount());
    if told.is_none() {
        let silent = seen(before) == seen(after) || after.status() == Status::Approving;
        assert!(silent, "nobody was told: {before:#?} {after:#?}");
        assert!(
            asked(before).is_none() || asked(before) == asked(after),
            "a cancel ended, and nobody was told: {before:#?} {after:#?}"
        );
    }
    if let Some(told) = told.filter(|told| *told != PublicEvent::CancelRefused) {
        let word = told.as_str().strip_prefix("payment.");
        assert_eq!(word, Some(after.status().as_str()), "{before:#?}");
    }
}
