//! From what KCP answered to what is written down.
//!
//! The client has already said whether an answer is a yes, a no or neither. Here it is decided what
//! that means for this payment. How a code is read is written down with the event, so an old
//! journal folds the same when codes are learnt to mean something else.

use nhn_kcp::{
    ApproveError, CancelError, CancelMeaning, Cancellation, InquireError, LostWhy, Operation,
    Says as Verdict, Tno, Transaction, TransactionState,
};

use crate::{
    Approval, Event, Inquired, Live, Lost, Mode, Payment, Policy, Refusal, Says, SendNo,
    VoidReason, When,
    todo::{Call, SKEW},
};

/// The answer to an approval.
#[must_use]
pub fn approval(answer: Result<nhn_kcp::Approval, ApproveError>) -> Event {
    match answer {
        Ok(approval) => Event::Approved(Box::new(approval.into())),
        Err(ApproveError::Declined(refusal)) => {
            let issuer = refusal.code.verdict(Operation::Approve).issuer;
            Event::Declined(Refusal {
                issuer,
                ..refusal.into()
            })
        }
        Err(ApproveError::NotSent(why)) => Event::Voided(VoidReason::NotSent {
            why: why.to_string(),
        }),
        Err(ApproveError::Unknown(lost)) => {
            // KCP itself said something else than was asked: whatever it booked, it is not this sale.
            let contradicts = matches!(
                lost.why,
                LostWhy::WrongAmount { .. }
                    | LostWhy::WrongCardAmount
                    | LostWhy::WrongCurrency
                    | LostWhy::WrongOrder
            );
            Event::Lost(Lost {
                why: lost.why.to_string(),
                tno: lost.tno,
                contradicts,
            })
        }
    }
}

/// The answer to the send of a cancel that was put as `mode`.
#[must_use]
pub fn cancel(send: SendNo, mode: Mode, answer: Result<Cancellation, CancelError>) -> Event {
    match answer {
        Ok(_) => cancelled(send, mode),
        Err(CancelError::Refused(refusal)) => refused(send, mode, refusal.into()),
        Err(CancelError::NotSent(why)) => Event::CancelNotSent {
            send,
            why: why.to_string(),
        },
        Err(CancelError::Unknown(lost)) => Event::CancelLost {
            send,
            why: lost.why.to_string(),
        },
    }
}

/// KCP carried a cancel out. What is left follows from what was asked: KCP compared it with its
/// books, and its own figure is documented in two ways.
#[must_use]
pub fn cancelled(send: SendNo, mode: Mode) -> Event {
    let remaining = match mode {
        Mode::Full => 0,
        Mode::Partial {
            amount, remaining, ..
        } => remaining.get().saturating_sub(amount.get()),
    };
    Event::CancelDone {
        send: Some(send),
        remaining,
    }
}

/// KCP refused a cancel. Some refusals stand by themselves; the others say that its books are not
/// what we thought, or that it does not know itself, and ask for a look.
#[must_use]
pub fn refused(send: SendNo, mode: Mode, refusal: Refusal) -> Event {
    let operation = match mode {
        Mode::Full => Operation::Cancel,
        Mode::Partial { .. } => Operation::PartialCancel,
    };
    let gone = refusal.code.cancel_meaning() == CancelMeaning::AlreadyCancelled;
    let (says, stands) = match refusal.code.verdict(operation).says {
        Verdict::RefusedByState | Verdict::ReadAgain if gone => (Says::Gone, false),
        Verdict::Refused => (Says::Stands, true),
        Verdict::RefusedByState => (Says::Look, true),
        Verdict::ReadAgain => (Says::Look, false),
        Verdict::Done | Verdict::NotFound | Verdict::InDoubt => {
            return Event::CancelLost {
                send,
                why: format!("answered {}, after which the outcome is open", refusal.code),
            };
        }
    };
    let refusal = Refusal { stands, ..refusal };
    Event::CancelRefused {
        send,
        refusal,
        says,
    }
}

/// What a look showed, as an event.
#[must_use]
pub fn look(
    payment: &Payment,
    call: &Call,
    asked_at: When,
    policy: &Policy,
    answer: Result<Transaction, InquireError>,
) -> Event {
    let asked = match call {
        Call::Inquire { tno } => Some(tno),
        _ => None,
    };
    Event::Inquired(Inquired {
        seen: seen(payment, asked, &asked_at, policy, answer),
        source: call.source(),
        asked_at,
    })
}

/// What a look showed. It counts only if it is beyond doubt about this payment.
#[must_use]
pub fn seen(
    payment: &Payment,
    asked: Option<&Tno>,
    asked_at: &When,
    policy: &Policy,
    answer: Result<Transaction, InquireError>,
) -> Live {
    let unclear = |why: String| Live::Unclear { why };
    let found = match answer {
        Ok(found) => found,
        Err(InquireError::NotFound(_)) => return Live::Absent,
        Err(why) => return unclear(why.to_string()),
    };
    if asked.is_some_and(|tno| *tno != found.tno) {
        return unclear(format!(
            "asked about one transaction, answered about {}",
            found.tno
        ));
    }
    // Once a number is known to be ours, KCP need not tell again whose it is.
    let known = payment
        .approval()
        .is_some_and(|approval| approval.tno == found.tno);
    if !known {
        // A number that KCP gave to another order was misread, and that does not change any more.
        let foreign = |no: &nhn_kcp::OrderNo| *no != payment.request.order.order_no;
        match is_ours(&found, payment, asked_at, policy) {
            Err(why) if found.order_no.as_ref().is_some_and(foreign) => {
                return Live::Foreign { why };
            }
            Err(why) => return unclear(why),
            Ok(()) => {}
        }
    }
    let remaining = match (found.remaining, &found.state) {
        (_, TransactionState::Other(state)) => {
            return unclear(format!("KCP gives it the state {state}"));
        }
        (Some(left), _) if left <= found.amount.get() => left,
        (None, TransactionState::Approved) => found.amount.get(),
        (None, TransactionState::Cancelled) => 0,
        _ => return unclear("KCP does not say how much is left".into()),
    };
    Live::Found {
        approval: Box::new(learnt(found, payment)),
        remaining,
    }
}

/// What is left of an event whose transaction turned out to be another payment's: that it was heard, and
/// nothing that could be kept or undone. `None` for what names no transaction as this payment's.
#[must_use]
pub fn of_another(event: &Event, why: String) -> Option<Event> {
    match event {
        Event::Approved(approval) => Some(Event::Lost(Lost {
            why,
            tno: Some(approval.tno.clone()),
            contradicts: true,
        })),
        Event::Inquired(looked) if matches!(looked.seen, Live::Found { .. }) => {
            let seen = Live::Foreign { why };
            let looked = looked.clone();
            Some(Event::Inquired(Inquired { seen, ..looked }))
        }
        _ => None,
    }
}

/// Whether a transaction is this payment's. The order's number alone does not prove it: a shop may have
/// KCP told the merchant's bare number, which others use as well. So everything else that KCP tells must fit,
/// but for the amount: KCP can have booked another one than was asked. That is this payment, and nothing
/// is done about it unless a person says so: see [`todo`](crate::todo::todo).
fn is_ours(
    found: &Transaction,
    payment: &Payment,
    asked_at: &When,
    policy: &Policy,
) -> Result<(), String> {
    let tno = &found.tno;
    let request = &payment.request;
    match &found.order_no {
        None => return Err(format!("KCP does not say which order {tno} belongs to")),
        Some(order_no) if *order_no != request.order.order_no => {
            return Err(format!("{tno} belongs to another order"));
        }
        Some(_) => {}
    }
    // Our time of the request says so only if it is known to have been right.
    let was_right = payment.asked.is_right(asked_at, policy.clock_tolerance);
    let earlier = |time: nhn_kcp::KcpTime| time.to_timestamp() < payment.created_at - SKEW;
    if was_right && found.app_time.is_some_and(earlier) {
        return Err(format!(
            "{tno} was approved before this payment was asked for"
        ));
    }
    let ends = |card: nhn_kcp::MaskedCard| (card.first6().to_owned(), card.last4().to_owned());
    if found
        .card
        .is_some_and(|card| ends(card) != ends(request.card))
    {
        return Err(format!("{tno} was paid with another card"));
    }
    let currency = request.order.money.currency;
    let other = |told: &String| !told.is_empty() && *told != currency.kcp_code();
    if found.extra.get("currency").is_some_and(other) {
        return Err(format!("{tno} was paid in another currency"));
    }
    let amount = request.order.money.amount;
    if !request.has_number_of_its_own() && found.amount != amount {
        return Err(format!("{tno} is of another amount"));
    }
    Ok(())
}

/// An approval learnt by looking, with what we knew of it before.
fn learnt(found: Transaction, payment: &Payment) -> Approval {
    let before = payment
        .approval()
        .filter(|before| before.tno == found.tno)
        .cloned();
    let before = before.unwrap_or_else(|| Approval::bare(found.tno, found.amount));
    Approval {
        amount: found.amount,
        app_no: before.app_no.or(found.app_no),
        app_time: before.app_time.or(found.app_time),
        issuer: before.issuer.or(found.issuer),
        ..before
    }
}

impl Approval {
    /// An approval of which only the number and the amount are known.
    #[must_use]
    pub fn bare(tno: Tno, amount: nhn_kcp::Amount) -> Self {
        Self {
            tno,
            amount,
            app_no: None,
            app_time: None,
            issuer: None,
            acquirer: None,
            partial_cancel: None,
            interest: None,
            check_card: None,
            corporate_card: None,
            extra: std::collections::BTreeMap::new(),
        }
    }
}

/// What is kept of the rest of an answer: what KCP's support asks for, and what settlement needs.
/// Anything else stays out, so that nothing which KCP might echo can come to rest.
const KEPT: &[&str] = &[
    "trace_no",
    "pg_txid",
    "van_cd",
    "van_apptime",
    "bizx_numb",
    "mcht_taxno",
    "mall_taxno",
    "res_tax_flag",
    "res_tax_mny",
    "res_vat_mny",
    "res_free_mny",
    "isp_issuer_cd",
    "isp_issuer_nm",
    "card_other_pay_type",
];

/// The name under which the extra fields of an approval say which texts of KCP's answer could not be read
/// whole: it is none of KCP's.
const DAMAGED: &str = "damaged_texts";

fn damaged(names: &[String]) -> Option<(String, String)> {
    (!names.is_empty()).then(|| (DAMAGED.to_owned(), names.join(" ")))
}

impl From<nhn_kcp::Approval> for Approval {
    fn from(heard: nhn_kcp::Approval) -> Self {
        Self {
            tno: heard.tno,
            amount: heard.amount,
            app_no: heard.app_no,
            app_time: heard.app_time,
            issuer: heard.issuer,
            acquirer: heard.acquirer,
            partial_cancel: heard.partial_cancel_allowed,
            interest: heard.interest,
            check_card: heard.check_card,
            corporate_card: heard.corporate,
            extra: heard
                .extra
                .into_iter()
                .filter(|(name, _)| KEPT.contains(&name.as_str()))
                .chain(damaged(&heard.damaged))
                .collect(),
        }
    }
}

impl From<nhn_kcp::Refusal> for Refusal {
    fn from(refusal: nhn_kcp::Refusal) -> Self {
        Self {
            code: refusal.code,
            message: refusal.message,
            trace_no: refusal.trace_no,
            issuer: false,
            stands: false,
        }
    }
}
