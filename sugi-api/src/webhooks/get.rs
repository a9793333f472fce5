//! `GET /v1/webhooks/{id}`: one webhook, and what it has not taken.

use axum::{Json, extract::State};

use crate::{
    Api,
    auth::Caller,
    document::{PathProblems, Problems},
    keys::Scope,
    problem::Problem,
};

use super::{Id, find, view::Detail};

/// Get a webhook
#[utoipa::path(
    get, path = "/v1/webhooks/{id}", tag = "events", operation_id = "get_webhook",
    params(("id" = String, Path, description = "The webhook's id.", pattern = "^wh_[0-9a-f]{32}$")),
    responses((status = 200, description = "The webhook.", body = Detail), Problems, PathProblems),
    security(("api_key" = ["webhooks"])),
)]
pub(crate) async fn get(
    State(api): State<Api>,
    caller: Caller,
    id: Result<Id, Problem>,
) -> Result<Json<Detail>, Problem> {
    caller.may(Scope::Webhooks)?;
    let webhook = find(&api, &caller, &id?.0).await?;
    let open = api
        .0
        .app
        .engine
        .store()
        .undelivered(webhook.id.as_str())
        .await?;
    Ok(Json(Detail::of(&webhook, open)))
}
