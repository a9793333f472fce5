//! `GET /v1/webhooks`: the webhooks.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Api, auth::Caller, document::Problems, keys::Scope, problem::Problem};

use super::view::View;

/// The webhooks that the key may see.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhooks)]
pub(crate) struct Found {
    #[schema(max_items = 32)]
    webhooks: Vec<View>,
}

/// List the webhooks
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "events", operation_id = "list_webhooks",
    responses(
        (status = 200, description = "The webhooks that tell of no shop but the key's, the oldest first.", body = Found),
        Problems,
    ),
    security(("api_key" = ["webhooks"])),
)]
pub(crate) async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<Found>, Problem> {
    caller.may(Scope::Webhooks)?;
    let mut all = api.0.app.webhooks.all().await?;
    all.retain(|webhook| webhook.is_within(&caller.key.shops));
    all.sort_by_key(|webhook| webhook.created_at);
    let webhooks = all.iter().map(View::of).collect();
    Ok(Json(Found { webhooks }))
}
