//! `GET /v1/webhooks/{id}/deliveries`: what it was told, and how that ended.

use axum::{Json, extract::State};
use serde::Serialize;
use sugi_store::DELIVERIES_MOST;
use utoipa::ToSchema;

use crate::{
    Api,
    auth::Caller,
    document::{ParameterProblems, PathProblems, Problems},
    keys::Scope,
    problem::Problem,
    query::{Query, bad, number},
};

use super::{Id, find, view::Line};

/// A page of deliveries, those of the newest events first.
#[derive(Serialize, ToSchema)]
#[schema(as = DeliveryPage)]
pub(crate) struct Found {
    #[schema(max_items = 100)]
    deliveries: Vec<Line>,
    /// Give this as `before` to get the next page; `null` when there is none.
    #[schema(required = true)]
    next: Option<u64>,
}

/// List deliveries
///
/// Of the last 10,000 events, and of older ones what was not delivered.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}/deliveries", tag = "events", operation_id = "list_deliveries",
    params(
        ("id" = String, Path, description = "The webhook's id.", pattern = "^wh_[0-9a-f]{32}$"),
        ("undelivered" = Option<bool>, Query, description = "Only what waits or was given up."),
        ("before" = Option<u64>, Query, description = "`next` of the page before.",
            minimum = 0, maximum = 9_007_199_254_740_991_u64),
    ),
    responses((status = 200, description = "A page of deliveries.", body = Found), Problems, ParameterProblems, PathProblems),
    security(("api_key" = ["webhooks"])),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    id: Result<Id, Problem>,
    query: Result<Query, Problem>,
) -> Result<Json<Found>, Problem> {
    caller.may(Scope::Webhooks)?;
    let (id, mut query) = (id?.0, query?);
    let only_open = match query.one("undelivered")?.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(bad("undelivered", "must be true or false")),
    };
    let rule = "must be `next` of a page";
    let before = number("before", rule, query.one("before")?)?.unwrap_or(u64::MAX);
    query.end()?;
    let webhook = find(&api, &caller, &id).await?;
    let store = api.0.app.engine.store();
    let found = store
        .deliveries(webhook.id.as_str(), before, only_open)
        .await?;
    let is_full = found.len() == usize::try_from(DELIVERIES_MOST).unwrap_or(usize::MAX);
    let next = found.last().filter(|_| is_full).map(|last| last.event.n);
    let deliveries = found.into_iter().map(Line::of).collect();
    Ok(Json(Found { deliveries, next }))
}
