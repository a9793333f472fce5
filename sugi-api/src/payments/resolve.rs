//! `POST /v1/payments/{id}/resolution`: close a payment in doubt by what a person knows.

use std::{borrow::Cow, time::Duration};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use nhn_kcp::{Tno, normal};
use serde::{Deserialize, Serialize};
use sugi_core::{Payment, PaymentId};
use sugi_engine::{Resolution, ResolveAsk, ResolveError};
use utoipa::ToSchema;

use crate::{
    Api,
    auth::Caller,
    body::Json,
    detached,
    document::{PathProblems, Problems, WriteProblems},
    idempotency::{self, IdempotencyKey},
    keys::Scope,
    prefer::Prefer,
    problem::{Code, Problem},
    text::no_card_number,
};

use super::{Id, answer, find, is_decided, view::View, wait_until};

/// The longest wait for a caller that did not say how long: more than a call to KCP can last.
const MAX_WAIT: Duration = Duration::from_secs(45);
/// The longest text, in characters.
const TEXT_MAX: usize = 200;

/// What a person knows of a payment in doubt.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewResolution, example = json!({
    "tno": "20261123000001", "evidence": "KCP partner site", "note": "found by order number", "outcome": "reverse"
}))]
pub(crate) struct New {
    /// KCP's transaction number, if there is one: a signed inquiry has to confirm that it is of
    /// this order. Left out, the person says that KCP does not have the payment; that counts only
    /// after the uncertainty window.
    #[schema(pattern = "^[0-9]{14}$")]
    tno: Option<String>,
    /// Only of a payment whose cancellation or reversal does not end because inquiries fail: how much
    /// KCP's partner site shows to be left, in the currency's smallest unit; 0 when all is cancelled.
    /// Taken in the person's name, once nothing that was sent can take effect any more. Stands without
    /// `tno` and `outcome`.
    #[schema(minimum = 0)]
    remaining: Option<u64>,
    /// Where it was seen: KCP's partner site, the buyer's card message, a settlement file.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    evidence: String,
    /// What was seen, in the person's words; kept with the payment.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    note: String,
    /// What is to become of a payment that is found alive; `reverse` when left out. A payment whose
    /// answer contradicted the request is reversed in any case.
    #[schema(inline, value_type = Option<OutcomeWord>)]
    outcome: Option<String>,
}

/// What is to become of a payment that is found alive.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "for the document")]
enum OutcomeWord {
    Reverse,
    Keep,
}

/// Resolve a payment in doubt
///
/// With a `tno`: KCP confirms that it is this order's, and the payment is reversed or kept. Without:
/// it is closed as void in the name of who says so, and only once the uncertainty window is over, when the
/// request can no longer arrive.
///
/// Answers with the payment: 200 when it is decided, 202 when it is still being settled.
///
/// The same `Idempotency-Key` with the same body resolves once, however often and wherever it is sent:
/// the answer is the payment as it is now, with `Idempotency-Replayed: true`. A request that was refused
/// did not use its key up.
#[utoipa::path(
    post, path = "/v1/payments/{id}/resolution", tag = "payments", operation_id = "resolve_payment",
    params(
        ("id" = String, Path, description = "The payment's id.", pattern = "^pay_[0-9a-f]{32}$"),
        ("Idempotency-Key" = String, Header, description = "Your key for this request; kept as long as the payment.",
            min_length = 1, max_length = 255, pattern = "^[!-~]+$"),
        ("Prefer" = Option<String>, Header, description = "`wait=n`: how many seconds to wait, 0 to 60.",
            example = "wait=10"),
    ),
    request_body(content = New, description = "What is known.", content_type = "application/json"),
    responses(
        (status = 200, description = "Decided. The payment as it is now.", body = View,
            headers(("Location" = String, description = "The payment's address."),
                ("Idempotency-Replayed" = String, description = "`true` when the key asked for this before."))),
        (status = 202, description = "Taken; still being settled. The payment as it is now.", body = View,
            headers(("Location" = String, description = "The payment's address."),
                ("Idempotency-Replayed" = String, description = "`true` when the key asked for this before."))),
        Problems, WriteProblems, PathProblems,
    ),
    security(("api_key" = ["resolve"])),
)]
pub(crate) async fn resolve(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    key: Result<IdempotencyKey, Problem>,
    prefer: Prefer,
    body: Result<Json<New>, Problem>,
) -> Result<Response, Problem> {
    caller.may(Scope::Resolve)?;
    let (key, new) = (key?, body?.0);
    let what = resolution(new)?;
    let payment = find(&api, &caller, &id).await?;

    let by = caller.key.name.clone();
    let key = Some((by.to_string(), key.0));
    let (engine, clock, id) = (
        api.0.app.engine.clone(),
        api.0.app.clock.clone(),
        payment.id.clone(),
    );
    let taken = detached(async move {
        let taken = engine.resolve(&id, ResolveAsk { what, by, key }).await;
        taken.map_err(|why| refused(&why, &id, clock.now()))
    });
    let taken = taken.await?;
    let enough = |payment: &Payment, _| is_decided(payment.status());
    let payment = wait_until(
        &api,
        taken.payment,
        prefer.wait().unwrap_or(MAX_WAIT),
        enough,
    )
    .await?;
    let response = answer(&payment, StatusCode::OK).into_response();
    let response = if taken.before {
        idempotency::replayed(response)
    } else {
        response
    };
    Ok(prefer.applied(response))
}

fn resolution(new: New) -> Result<Resolution, Problem> {
    let note = format!(
        "{}: {}",
        text("evidence", &new.evidence)?,
        text("note", &new.note)?
    );
    let outcome = |detail, rule| {
        Problem::new(Code::InvalidValue, detail)
            .field("outcome")
            .rule(rule)
    };
    let keep = match new.outcome.as_deref() {
        None | Some("reverse") => false,
        Some("keep") => true,
        Some(_) => return Err(outcome("outcome is neither", "must be reverse or keep")),
    };
    if let Some(amount) = new.remaining {
        if new.tno.is_some() || new.outcome.is_some() {
            let detail = "remaining states what is left, so neither tno nor outcome goes with it";
            return Err(Problem::new(Code::InvalidValue, detail)
                .field("remaining")
                .rule("must stand without tno and outcome"));
        }
        return Ok(Resolution::Remaining { amount, note });
    }
    match new.tno {
        Some(tno) => {
            let tno = Tno::parse(&tno).map_err(|why| Problem::invalid(&why))?;
            Ok(Resolution::Live { tno, note, keep })
        }
        None if keep => Err(outcome(
            "a payment that is not there cannot be kept",
            "must be reverse, or left out, without a tno",
        )),
        None => Ok(Resolution::Absent { note }),
    }
}

fn text<'a>(field: &str, text: &'a str) -> Result<Cow<'a, str>, Problem> {
    no_card_number(field, text)?;
    let text = normal::text(text);
    let rule = "must be 1 to 200 characters without control characters";
    if (1..=TEXT_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        return Ok(text);
    }
    Err(Problem::new(Code::InvalidValue, format!("{field} {rule}"))
        .field(field)
        .rule(rule))
}

fn refused(why: &ResolveError, id: &PaymentId, now: jiff::Timestamp) -> Problem {
    let said = why.to_string();
    let problem = match why {
        ResolveError::UnknownPayment(_) => Problem::new(Code::PaymentNotFound, said),
        ResolveError::UnknownShop(_) => Problem::new(Code::UnknownShop, said),
        ResolveError::NotInDoubt(_) => Problem::new(Code::NotInDoubt, said),
        ResolveError::KnownAlive => Problem::new(Code::KnownAlive, said).field("tno"),
        ResolveError::TooEarly(at) => Problem::new(Code::TooEarly, said).retry_at(*at, now),
        ResolveError::KeyReused => Problem::new(Code::KeyReused, said).field("Idempotency-Key"),
        ResolveError::OrderLive(other) => {
            return Problem::new(Code::OrderLive, said).payment(other);
        }
        ResolveError::NotHeldUp => Problem::new(Code::NotInDoubt, said).field("remaining"),
        ResolveError::TooMuch { .. } => Problem::new(Code::TooMuch, said).field("remaining"),
        ResolveError::NotConfirmed(_) => Problem::new(Code::NotConfirmed, said).field("tno"),
        ResolveError::Store(why) => why.clone().into(),
    };
    problem.payment(id)
}
