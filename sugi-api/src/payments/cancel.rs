//! `POST /v1/payments/{id}/cancellations`: give money back.

use std::time::Duration;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use nhn_kcp::{Amount, CancelReason};
use serde::Deserialize;
use sugi_core::{CancelId, Event, Payment, Refusal, State as Stands};
use sugi_engine::{CancelAsk, CancelError};
use sugi_store::Entry;
use utoipa::ToSchema;

use crate::{
    Api,
    auth::Caller,
    body::{Json, Object, Whole},
    detached,
    document::{PathProblems, Problems, WriteProblems},
    idempotency::{self, IdempotencyKey},
    keys::Scope,
    prefer::Prefer,
    problem::{Code, Problem},
    text::no_card_number,
};

use super::{Id, find, tax::NewTax, view::View, wait_until, with_location};

/// The longest wait for a caller that did not say how long: more than a call to KCP can last.
const MAX_WAIT: Duration = Duration::from_secs(45);

/// A cancellation to be carried out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCancellation, example = json!({ "amount": 500, "reason": "고객 변심" }))]
pub(crate) struct New {
    /// How much to give back, in the currency's smallest unit; all that is left when left out.
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 999_999_999_999_u64)]
    amount: Option<Whole>,
    /// How the amount divides for tax: for a part of a payment whose amount was divided, see its
    /// `remaining_tax`. Without an amount the rest divides by itself.
    #[schema(value_type = Option<NewTax>)]
    tax: Option<Object<NewTax>>,
    /// Why, as told to KCP. At most 100 bytes of UTF-8; a Korean letter takes 3 bytes.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
        example = "고객 변심"
    )]
    reason: String,
}

/// Cancel a payment, in whole or in part
///
/// Answers with the payment: 201 when the money was refunded, 202 when that is still on its way
/// (it goes on by itself; get the payment from its address), 409 when it did not happen. Never more
/// is refunded than what is left. One cancellation of a payment runs at a time.
///
/// A part of a payment with `tax` says how it divides; of no part more is refunded than what is left
/// of it. KCP documents these fields for its older module, not for key-in: have it confirm them for
/// your contract, and try it, before you rely on it.
///
/// The same `Idempotency-Key` with the same body never gives back twice: the answer is how that
/// cancellation ended, with `Idempotency-Replayed: true`.
#[utoipa::path(
    post, path = "/v1/payments/{id}/cancellations", tag = "payments", operation_id = "cancel_payment",
    params(
        ("id" = String, Path, description = "The payment's id.", pattern = "^pay_[0-9a-f]{32}$"),
        ("Idempotency-Key" = String, Header, description = "Your key for this request; kept as long as the payment.",
            min_length = 1, max_length = 255, pattern = "^[!-~]+$"),
        ("Prefer" = Option<String>, Header, description = "`wait=n`: how many seconds to wait, 0 to 60.",
            example = "wait=10"),
    ),
    request_body(content = New, description = "The cancellation.", content_type = "application/json"),
    responses(
        (status = 201, description = "Given back. The payment as it is now.", body = View,
            headers(("Location" = String, description = "The payment's address."),
                ("Idempotency-Replayed" = String, description = "`true` when the key asked for this before."))),
        (status = 202, description = "Still on its way. The payment as it is now.", body = View,
            headers(("Location" = String, description = "The payment's address."),
                ("Idempotency-Replayed" = String, description = "`true` when the key asked for this before."))),
        Problems, WriteProblems, PathProblems,
    ),
    security(("api_key" = ["cancel"])),
)]
pub(crate) async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    key: Result<IdempotencyKey, Problem>,
    prefer: Prefer,
    body: Result<Json<New>, Problem>,
) -> Result<Response, Problem> {
    caller.may(Scope::Cancel)?;
    let (key, new) = (key?, body?.0);
    let amount = new
        .amount
        .map(|amount| Amount::new(amount.0))
        .transpose()
        .map_err(|why| Problem::invalid(&why))?;
    let tax = new.tax.map(|Object(tax)| tax.parts());
    no_card_number("reason", &new.reason)?;
    let reason = CancelReason::parse(&new.reason).map_err(|why| Problem::invalid(&why))?;
    let payment = find(&api, &caller, &id).await?;

    let by = caller.key.name.clone();
    let key = Some((by.to_string(), key.0));
    let (engine, id, seq) = (api.0.app.engine.clone(), payment.id.clone(), payment.seq);
    let asked = detached(async move {
        let ask = CancelAsk {
            amount,
            seen: None,
            tax,
            reason,
            by,
            key,
        };
        engine
            .cancel(&id, ask)
            .await
            .map_err(|why| refused(&why, &id))
    });
    let asked = asked.await?;
    let payment = end_of(&api, payment, &asked, prefer.wait()).await?;
    let journal = api.0.app.store.journal(&payment.id).await;
    let journal = journal.map_err(Problem::after_asking)?;
    let response = respond(&payment, &asked, &journal).unwrap_or_else(IntoResponse::into_response);
    let replayed = journal
        .iter()
        .filter(|entry| entry.seq <= seq)
        .any(|entry| is_ask(entry, &asked));
    let response = if replayed {
        idempotency::replayed(response)
    } else {
        response
    };
    Ok(prefer.applied(response))
}

fn is_ask(entry: &Entry, asked: &CancelId) -> bool {
    matches!(&entry.event, Event::CancelAsked(order) if order.id == *asked)
}

/// How a cancellation ended.
enum End {
    Done,
    Refused(Option<Refusal>),
    /// Not yet.
    Open,
}

/// Waits for the end of a cancellation; without a preference, for its first word: also that KCP's
/// answer was lost.
async fn end_of(
    api: &Api,
    payment: Payment,
    asked: &CancelId,
    wait: Option<Duration>,
) -> Result<Payment, Problem> {
    let enough = |payment: &Payment, newest| match state_of(payment, asked) {
        Some(End::Done | End::Refused(_)) => true,
        Some(End::Open) => wait.is_none() && has_tried(payment),
        // Not asked for yet, as far as the worker knows; or over, and another was asked for since.
        None => newest,
    };
    wait_until(api, payment, wait.unwrap_or(MAX_WAIT), enough).await
}

fn has_tried(payment: &Payment) -> bool {
    matches!(&payment.state, Stands::Approved { pending: Some(pending), .. }
        if pending.1.is_held_up())
}

/// What a payment tells of a cancellation; nothing of one that was refused before another.
fn state_of(payment: &Payment, asked: &CancelId) -> Option<End> {
    let Stands::Approved {
        cancels,
        pending,
        refused,
        ..
    } = &payment.state
    else {
        return None;
    };
    let refusal = refused
        .as_ref()
        .filter(|refused| refused.0.id == *asked)
        .map(|refused| refused.1.clone());
    match () {
        () if cancels
            .iter()
            .any(|cancel| cancel.id.as_ref() == Some(asked)) =>
        {
            Some(End::Done)
        }
        () if pending
            .as_ref()
            .is_some_and(|pending| pending.0.id == *asked) =>
        {
            Some(End::Open)
        }
        () => refusal.map(End::Refused),
    }
}

fn respond(payment: &Payment, asked: &CancelId, journal: &[Entry]) -> Result<Response, Problem> {
    let end = match state_of(payment, asked) {
        Some(end) => end,
        None => from_journal(payment, asked, journal)?,
    };
    let status = match end {
        End::Done => StatusCode::CREATED,
        End::Open => StatusCode::ACCEPTED,
        End::Refused(Some(refusal)) => {
            let detail = format!(
                "KCP refused it: {} {}",
                refusal.code,
                refusal.code.meaning().gloss_en
            );
            return Err(left(
                Problem::new(Code::CancelRefused, detail).kcp(&refusal),
                payment,
            ));
        }
        End::Refused(None) => {
            let detail = "KCP's books show that it did not take effect";
            return Err(left(Problem::new(Code::CancelFailed, detail), payment));
        }
    };
    Ok(with_location(
        (status, axum::Json(View::of(payment))).into_response(),
        &payment.id,
    ))
}

/// The end of a cancellation that the payment does not tell of any more, because another one was
/// asked for since.
fn from_journal(payment: &Payment, asked: &CancelId, journal: &[Entry]) -> Result<End, Problem> {
    let mut then: Option<Payment> = None;
    let mut end = None;
    for entry in journal {
        let next = match then.take() {
            None => Payment::begin(payment.id.clone(), entry.at, entry.event.clone()),
            Some(then) => then.evolve(entry.when(), entry.event.clone()),
        };
        let next = next.map_err(|why| Problem::new(Code::LedgerInconsistent, why.to_string()))?;
        end = state_of(&next, asked).or(end);
        then = Some(next);
    }
    end.ok_or_else(|| {
        Problem::new(
            Code::LedgerInconsistent,
            "the cancellation is not in the journal",
        )
    })
}

fn left(problem: Problem, payment: &Payment) -> Problem {
    let problem = problem.payment(&payment.id);
    match &payment.state {
        Stands::Approved { remaining, .. } => problem.remaining(*remaining),
        _ => problem,
    }
}

fn refused(why: &CancelError, id: &sugi_core::PaymentId) -> Problem {
    let said = why.to_string();
    let problem = match why {
        CancelError::UnknownPayment(_) => Problem::new(Code::PaymentNotFound, said),
        CancelError::UnknownShop(_) => Problem::new(Code::UnknownShop, said),
        CancelError::NotApproved(_) => Problem::new(Code::NotCancellable, said),
        CancelError::NothingLeft => Problem::new(Code::NothingLeft, said).remaining(0),
        CancelError::MoreLeft { left, .. } => Problem::new(Code::TooMuch, said).remaining(*left),
        CancelError::Above { .. } => Problem::new(Code::TooMuch, said).field("amount"),
        CancelError::TooMuch { remaining, .. } => Problem::new(Code::TooMuch, said)
            .field("amount")
            .remaining(*remaining),
        CancelError::WholeOnly(_) => Problem::new(Code::WholeOnly, said).field("amount"),
        CancelError::NotSplit | CancelError::PartsWithoutAmount => {
            Problem::new(Code::InvalidValue, said).field("tax")
        }
        CancelError::PartsMissing { .. } => Problem::new(Code::TaxMissing, said).field("tax"),
        CancelError::Parts(why) => Problem::invalid(why),
        CancelError::PartsTooMuch { .. } => Problem::new(Code::TooMuch, said).field("tax"),
        CancelError::KeyReused => Problem::new(Code::KeyReused, said).field("Idempotency-Key"),
        CancelError::Pending => Problem::new(Code::CancelPending, said).retry_after(1),
        CancelError::Store(why) => why.clone().into(),
    };
    problem.payment(id)
}
