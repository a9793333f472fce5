//! `GET /v1/payments/{id}`: one payment, with its history.

use axum::{Json, extract::State};
use serde::Serialize;
use sugi_core::Payment;
use sugi_store::Entry;
use utoipa::ToSchema;

use crate::{
    Api,
    auth::Caller,
    document::{PathProblems, Problems},
    keys::Scope,
    problem::Problem,
};

use super::{Id, find, history::Happening, view::View};

/// A payment and everything that happened to it.
#[derive(Serialize, ToSchema)]
#[schema(as = PaymentWithHistory)]
pub(crate) struct Detail {
    #[serde(flatten)]
    payment: View,
    /// Its journal, the oldest first.
    history: Vec<Happening>,
}

/// Get a payment
///
/// The payment as it is now, and its history in plain words.
#[utoipa::path(
    get, path = "/v1/payments/{id}", tag = "payments", operation_id = "get_payment",
    params(("id" = String, Path, description = "The payment's id.", pattern = "^pay_[0-9a-f]{32}$")),
    responses((status = 200, description = "The payment.", body = Detail), Problems, PathProblems),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn get(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<Detail>, Problem> {
    caller.may(Scope::Read)?;
    let payment = find(&api, &caller, &id).await?;
    let journal = api.0.app.engine.store().journal(&payment.id).await?;
    Ok(Json(Detail::of(&payment, &journal)))
}

impl Detail {
    pub(crate) fn of(payment: &Payment, journal: &[Entry]) -> Self {
        // What was written between the two reads is told next time.
        let currency = payment.request.order.money.currency;
        let told = journal.iter().filter(|entry| entry.seq <= payment.seq);
        Self {
            payment: View::of(payment),
            history: told.map(|entry| Happening::of(entry, currency)).collect(),
        }
    }
}
