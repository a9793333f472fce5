//! `POST /v1/webhooks/{id}/test`: see whether it works.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Api,
    auth::Caller,
    document::{KeyProblems, PathProblems, Problems},
    idempotency::IdempotencyKey,
    keys::Scope,
    problem::Problem,
};

use super::{Id, find};

/// How a test ended.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookTest)]
pub(crate) struct Tried {
    /// Whether the other side took it.
    delivered: bool,
    /// The status of its answer, or why there was none.
    #[schema(example = "204")]
    answer: String,
}

/// Test a webhook
///
/// Tells it something that did not happen (`webhook.test`), signed like everything else, once and at once.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/test", tag = "events", operation_id = "test_webhook",
    params(
        ("id" = String, Path, description = "The webhook's id.", pattern = "^wh_[0-9a-f]{32}$"),
        ("Idempotency-Key" = String, Header, description = "Your key for this request. It is told each time; \
            the message's id is made of the key.",
            min_length = 1, max_length = 255, pattern = "^[!-~]+$"),
    ),
    responses(
        (status = 200, description = "How it ended.", body = Tried),
        Problems, KeyProblems, PathProblems,
    ),
    security(("api_key" = ["webhooks"])),
)]
pub(crate) async fn try_out(
    State(api): State<Api>,
    caller: Caller,
    id: Result<Id, Problem>,
    key: Result<IdempotencyKey, Problem>,
) -> Result<Json<Tried>, Problem> {
    caller.may(Scope::Webhooks)?;
    let (id, key) = (id?.0, key?);
    let webhook = find(&api, &caller, &id).await?;
    let answer = api.0.app.webhooks.try_out(&webhook, &key.0).await;
    Ok(Json(Tried {
        delivered: answer.is_taken(),
        answer: answer.to_string(),
    }))
}
