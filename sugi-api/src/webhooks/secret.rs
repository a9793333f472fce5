//! `POST /v1/webhooks/{id}/secret`: a new secret.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Api,
    auth::Caller,
    detached,
    document::{KeyProblems, PathProblems, Problems},
    idempotency::{self, IdempotencyKey},
    keys::Scope,
    problem::Problem,
};

use super::{Id, find};

/// A new secret.
#[derive(Serialize, ToSchema)]
#[schema(as = NewSecret)]
pub(crate) struct Renewed {
    /// What messages are signed with from now on. It is shown this once.
    #[schema(pattern = "^whsec_[A-Za-z0-9+/=]+$")]
    secret: String,
}

/// Give a webhook a new secret
///
/// For 24 hours its messages are signed with the new secret and with the one before, so that the other
/// side can change in its own time.
///
/// The same `Idempotency-Key` gives one new secret, and answers with it again.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/secret", tag = "events", operation_id = "renew_webhook_secret",
    params(
        ("id" = String, Path, description = "The webhook's id.", pattern = "^wh_[0-9a-f]{32}$"),
        ("Idempotency-Key" = String, Header, description = "Your key for this request; kept until the next new secret.",
            min_length = 1, max_length = 255, pattern = "^[!-~]+$"),
    ),
    responses(
        (status = 200, description = "The new secret.", body = Renewed,
            headers(("Idempotency-Replayed" = String, description = "`true` when the key asked for this before."))),
        Problems, KeyProblems, PathProblems,
    ),
    security(("api_key" = ["webhooks"])),
)]
pub(crate) async fn renew(
    State(api): State<Api>,
    caller: Caller,
    id: Result<Id, Problem>,
    key: Result<IdempotencyKey, Problem>,
) -> Result<Response, Problem> {
    caller.may(Scope::Webhooks)?;
    let (id, key) = (id?.0, key?);
    let webhook = find(&api, &caller, &id).await?;
    let (webhooks, scope) = (api.0.app.webhooks.clone(), caller.key.name.to_string());
    let renewed = detached(async move {
        let by = Some((scope.as_str(), key.0.as_str()));
        Ok(webhooks.renew_secret(&webhook.id, by).await?)
    });
    let (secret, again) = renewed.await?;
    let secret = secret.as_str().to_owned();
    let response = axum::Json(Renewed { secret }).into_response();
    Ok(if again {
        idempotency::replayed(response)
    } else {
        response
    })
}
