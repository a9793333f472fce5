//! `DELETE /v1/webhooks/{id}`: have it told no more.

use axum::extract::State;
use http::StatusCode;

use crate::{
    Api,
    auth::Caller,
    detached,
    document::{PathProblems, Problems},
    keys::Scope,
    problem::Problem,
};

use super::{Id, find};

/// Take a webhook away
///
/// With it goes what it was still to be told. The events themselves stay, at `GET /v1/events`.
#[utoipa::path(
    delete, path = "/v1/webhooks/{id}", tag = "events", operation_id = "delete_webhook",
    params(("id" = String, Path, description = "The webhook's id.", pattern = "^wh_[0-9a-f]{32}$")),
    responses((status = 204, description = "It is gone."), Problems, PathProblems),
    security(("api_key" = ["webhooks"])),
)]
pub(crate) async fn remove(
    State(api): State<Api>,
    caller: Caller,
    id: Result<Id, Problem>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Webhooks)?;
    let webhook = find(&api, &caller, &id?.0).await?;
    let webhooks = api.0.app.webhooks.clone();
    detached(async move { Ok(webhooks.remove(&webhook.id).await?) }).await?;
    Ok(StatusCode::NO_CONTENT)
}
