//! Payments: what can be asked, one file per operation.

pub(crate) mod cancel;
pub(crate) mod create;
pub(crate) mod get;
pub(crate) mod history;
pub(crate) mod list;
pub(crate) mod resolve;
pub(crate) mod tax;
pub(crate) mod view;
pub(crate) mod wording;

use std::time::Duration;

use axum::{
    extract::{FromRequestParts, Path},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header::LOCATION, request::Parts};
use sugi_core::{Payment, PaymentId, State, Status, VoidReason};
use tokio::time::Instant;

use crate::{
    Api,
    auth::Caller,
    problem::{Code, Problem},
};

use view::View;

/// The `{id}` of an address, no matter what it is. One that is no payment's is not found.
pub(crate) struct Id(String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(
            id.map_err(|_| Problem::new(Code::PaymentNotFound, "this is no payment's id"))?
                .0,
        ))
    }
}

/// A payment that the caller may see. Those of other shops are not there for it.
async fn find(api: &Api, caller: &Caller, id: &str) -> Result<Payment, Problem> {
    let none = || Problem::new(Code::PaymentNotFound, "there is no payment with this id");
    let id: PaymentId = id.parse().map_err(|_| none())?;
    let book = api.0.app.engine.store().load(&id).await?.ok_or_else(none)?;
    if caller.key.may_use(&book.payment.request.shop) {
        Ok(book.payment)
    } else {
        Err(none())
    }
}

/// Waits, at most `max_wait`, until `enough` holds of a payment, and returns it as it is then.
///
/// `enough` is also told whether it sees the ledger's newest, and not what a worker saw last.
///
/// A payment changes workers now and then, and on a ledger of several nodes it may be worked on
/// elsewhere; in between no one here tells of it, so it is looked at again, less and less often.
async fn wait_until(
    api: &Api,
    payment: Payment,
    max_wait: Duration,
    enough: impl Fn(&Payment, bool) -> bool,
) -> Result<Payment, Problem> {
    let seen = |payment: &Payment| enough(payment, false);
    let end = Instant::now() + max_wait;
    let mut pause = Duration::from_millis(2);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let now = api.0.app.engine.watch(&payment.id, left, seen).await;
        let now = now.map_err(Problem::after_asking)?;
        let Some(now) = now else { return Ok(payment) };
        if enough(&now, true) || Instant::now() >= end {
            return Ok(now);
        }
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 2).min(Duration::from_millis(250));
    }
}

/// Whether it stands: approved, declined, refunded, or proved void.
fn is_decided(status: Status) -> bool {
    !matches!(
        status,
        Status::Requested | Status::Approving | Status::InDoubt | Status::Reversing
    )
}

/// A payment as the answer to a POST: with its address, and with `decided` or 202.
fn answer(payment: &Payment, decided: StatusCode) -> Response {
    let status = if is_decided(payment.status()) {
        decided
    } else {
        StatusCode::ACCEPTED
    };
    with_location(
        (status, axum::Json(View::of(payment))).into_response(),
        &payment.id,
    )
}

fn with_location(mut response: Response, id: &PaymentId) -> Response {
    if let Ok(at) = HeaderValue::from_str(&format!("/v1/payments/{id}")) {
        response.headers_mut().insert(LOCATION, at);
    }
    response
}

/// A payment of which nothing was ever sent is no answer from KCP: say so as a problem, so that
/// no one takes it for one. It keeps its id, and the order number is free again.
fn never_sent(payment: &Payment) -> Option<Problem> {
    let detail = match &payment.state {
        State::Void(VoidReason::NotSent { why }) => format!("KCP was not reached: {why}"),
        State::Void(VoidReason::CardGone) => "the service stopped before anything was sent".into(),
        _ => return None,
    };
    Some(Problem::new(Code::NotSent, detail).payment(&payment.id))
}
