//! What to say about a payment to a person at a shell. What programs are told is the API's.

use sugi_core::{Payment, State, Status, VoidReason};

use crate::print;

/// What to say about a payment, in one or two sentences that cannot be misread.
pub(crate) fn sentence(payment: &Payment) -> String {
    let money = print::money(
        payment.request.order.money.amount.get(),
        payment.request.order.money.currency.as_str(),
    );
    match &payment.state {
        State::Requested | State::Approving { .. } => {
            format!("{money}: on its way. Do not charge again.")
        }
        State::Approved {
            approval,
            remaining,
            ..
        } => {
            let app_no = approval.app_no.as_deref().unwrap_or("unknown");
            match payment.status() {
                Status::Approved => format!("Approved: {money}, approval number {app_no}."),
                Status::Cancelled => format!("Cancelled: all {money} given back."),
                _ => {
                    let left =
                        print::money(*remaining, payment.request.order.money.currency.as_str());
                    format!("Partly cancelled: {left} of {money} is left.")
                }
            }
        }
        State::Declined(refusal) => {
            let meaning = refusal.code.meaning();
            format!(
                "Declined ({}): {}. Nothing was charged. {}",
                refusal.code, meaning.gloss_en, refusal.message
            )
        }
        State::InDoubt(doubt) => {
            if let Some(other) = payment.other_amount() {
                let currency = payment.request.order.money.currency.as_str();
                let other = print::money(other, currency);
                return format!(
                    "IN DOUBT: KCP has {other} of it, and {money} was asked for. Nothing is given back before somebody \
                     resolves it by its number. Do not charge again."
                );
            }
            format!(
                "IN DOUBT: the card may have been charged {money} ({}). Do not charge again.",
                doubt.lost.why
            )
        }
        State::Reversing { .. } => format!(
            "Approved at KCP without anybody being told; {money} is being given back. Do not charge again yet."
        ),
        State::Reversed { .. } => {
            format!("Reversed: {money} was approved at KCP and given back in full.")
        }
        State::Void(reason) => format!("Void: nothing was charged. {}", void(reason)),
    }
}

fn void(reason: &VoidReason) -> String {
    match reason {
        VoidReason::CardGone => "The card left memory before anything was sent.".into(),
        VoidReason::NotSent { why } => format!("Nothing was sent: {why}."),
        VoidReason::Absent => {
            "KCP, asked after the uncertainty window, does not know the order.".into()
        }
        VoidReason::Attested { by, note, .. } => format!("{by} vouches for it: {note}."),
    }
}
