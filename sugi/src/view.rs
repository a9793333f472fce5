//! A payment as programs and people see it.

use serde_json::{Map, Value, json};
use sugi_core::{Event, Live, Mode, Payment, State, Status, VoidReason};
use sugi_store::{Entry, Summary};

use crate::print;

/// A payment in JSON, in the words of the API.
pub(crate) fn json(payment: &Payment) -> Value {
    let request = &payment.request;
    let order = &request.order;
    let mut view = json!({
        "id": payment.id,
        "state": payment.status().as_str(),
        "shop": request.shop,
        "order_no": request.order_no,
        "ordr_idxx": order.order_no,
        "amount": order.money.amount.get(),
        "cancelled_amount": payment.cancelled_amount(),
        "currency": order.money.currency,
        "authenticated": request.kind == sugi_core::Kind::Authenticated,
        "installment_months": order.installments.months(),
        "product": order.goods_name,
        "buyer": { "name": order.buyer.name, "email": order.buyer.mail, "phone": order.buyer.phone },
        "card": { "masked": request.card.to_string() },
        "by": request.by,
        "created_at": payment.created_at.to_string(),
        "updated_at": payment.updated_at.to_string(),
    });
    if let Some(fields) = view.as_object_mut() {
        add_outcome(payment, fields);
    }
    view
}

fn add_outcome(payment: &Payment, fields: &mut Map<String, Value>) {
    if let Some(approval) = payment.approval() {
        fields.insert("tno".into(), json!(approval.tno));
        let (app_no, app_time) = (
            &approval.app_no,
            approval.app_time.map(|time| time.to_string()),
        );
        let (issuer, acquirer) = (&approval.issuer, &approval.acquirer);
        fields.insert("approval".into(), json!({ "app_no": app_no, "app_time": app_time, "issuer": issuer, "acquirer": acquirer }));
    }
    match &payment.state {
        State::Declined(refusal) => {
            fields.insert(
                "declined".into(),
                json!({ "res_cd": refusal.code, "res_msg": refusal.message }),
            );
        }
        State::InDoubt(doubt) => {
            fields.insert(
                "doubt".into(),
                json!({ "since": doubt.sent_at.to_string(), "why": doubt.lost.why }),
            );
        }
        State::Void(reason) => {
            fields.insert("void".into(), json!(reason));
        }
        State::Approved {
            pending, refused, ..
        } => {
            if let Some(pending) = pending {
                fields.insert(
                    "pending_cancellation".into(),
                    json!({ "id": pending.0.id, "amount": pending.0.amount.get() }),
                );
            }
            if let Some(refused) = refused {
                let why = refused
                    .1
                    .as_ref()
                    .map(|refusal| json!({ "res_cd": refusal.code, "res_msg": refusal.message }));
                fields.insert(
                    "refused_cancellation".into(),
                    json!({ "id": refused.0.id, "amount": refused.0.amount.get(), "refusal": why }),
                );
            }
        }
        _ => {}
    }
}

/// A line of a list in JSON.
pub(crate) fn summary(line: &Summary) -> Value {
    json!({
        "id": line.id,
        "state": line.status.as_str(),
        "shop": line.shop,
        "order_no": line.order_no,
        "amount": line.amount,
        "cancelled_amount": line.cancelled,
        "currency": line.currency,
        "buyer": { "name": line.buyer_name, "phone": line.buyer_phone },
        "card": { "last4": line.last4 },
        "tno": line.tno,
        "app_no": line.app_no,
        "issuer": line.issuer,
        "by": line.by,
        "created_at": line.created_at.to_string(),
    })
}

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
        VoidReason::Absent => "KCP, asked after the quiet period, does not know the order.".into(),
        VoidReason::Attested { by, note } => format!("{by} vouches for it: {note}."),
    }
}

/// A row of a history, in words.
pub(crate) fn history(entry: &Entry) -> String {
    match &entry.event {
        Event::Requested(request) => format!("asked for by {}", request.by),
        Event::ApproveSent => "approval goes out".into(),
        Event::Approved(approval) => format!("approved as {}", approval.tno),
        Event::Declined(refusal) => format!("declined: {} {}", refusal.code, refusal.message),
        Event::Lost(lost) => match &lost.tno {
            Some(tno) => format!("answer lost: {}; its wreck shows {tno}", lost.why),
            None => format!("answer lost: {}", lost.why),
        },
        Event::Voided(reason) => format!("void. {}", void(reason)),
        Event::Looked(looked) => match &looked.seen {
            Live::Found {
                approval,
                remaining,
            } => format!("KCP has it as {}, {remaining} left", approval.tno),
            Live::Absent => "KCP does not have it".into(),
            Live::Unclear { why } => format!("a look that brought nothing: {why}"),
        },
        Event::Kept => "kept: the sale stands".into(),
        Event::ReverseDecided => "to be reversed: nobody was told that it stands".into(),
        Event::CancelAsked(order) => format!(
            "cancel of {} asked for by {}: {}",
            order.amount.get(),
            order.by,
            order.reason
        ),
        Event::CancelSent(Mode::Full) => "cancel goes out, all of it".into(),
        Event::CancelSent(Mode::Partial { amount, remaining }) => {
            format!("cancel goes out, {} of {}", amount.get(), remaining.get())
        }
        Event::CancelDone { remaining } => format!("cancelled, {remaining} left"),
        Event::CancelRefused { refusal, .. } => {
            format!("cancel refused: {} {}", refusal.code, refusal.message)
        }
        Event::CancelFailed { remaining, .. } => {
            format!("cancel failed for good, {remaining} left")
        }
        Event::CancelLost { why } => format!("the cancel's answer was lost: {why}"),
        Event::CancelNotSent { why } => format!("the cancel did not go out: {why}"),
    }
}
