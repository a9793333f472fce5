//! `PUT /v1/webhooks/{id}/deliveries/{event}`: have it told again.

use axum::extract::{FromRequestParts, Path, State};
use http::{StatusCode, request::Parts};
use sugi_core::WebhookId;

use crate::{
    Api,
    auth::Caller,
    detached,
    document::{PathProblems, Problems},
    keys::Scope,
    problem::{Code, Problem},
};

use super::{find, unknown};

/// The `{id}` and the `{event}` of an address.
pub(crate) struct Place(WebhookId, u64);

impl<S: Send + Sync> FromRequestParts<S> for Place {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let place = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((id, event)) = place.map_err(|_| unknown())?;
        let digits = event.strip_prefix("evt_").unwrap_or_default();
        let is_number = digits.bytes().all(|b| b.is_ascii_digit());
        let n = digits.parse().ok().filter(|_| is_number);
        Ok(Self(
            id.parse().map_err(|_| unknown())?,
            n.ok_or_else(no_event)?,
        ))
    }
}

fn no_event() -> Problem {
    Problem::new(Code::EventNotFound, "there is no event with this id")
}

/// Tell a webhook of an event again
///
/// Whether it was given up, is waiting, or was delivered: it is told as soon as can be, and tried for days
/// again if need be. Asking twice before that is asking once.
#[utoipa::path(
    put, path = "/v1/webhooks/{id}/deliveries/{event}", tag = "events", operation_id = "deliver_again",
    params(
        ("id" = String, Path, description = "The webhook's id.", pattern = "^wh_[0-9a-f]{32}$"),
        ("event" = String, Path, description = "The event's id.", pattern = "^evt_[0-9]+$"),
    ),
    responses((status = 202, description = "It will be told."), Problems, PathProblems),
    security(("api_key" = ["webhooks"])),
)]
pub(crate) async fn redeliver(
    State(api): State<Api>,
    caller: Caller,
    place: Result<Place, Problem>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Webhooks)?;
    let Place(id, n) = place?;
    let webhook = find(&api, &caller, &id).await?;
    let event = api.0.app.engine.store().event(n).await?;
    // What it does not want it is not told, nor that there is such an event.
    let wanted = event.filter(|event| webhook.wants(event));
    let event = wanted.ok_or_else(no_event)?;
    let webhooks = api.0.app.webhooks.clone();
    detached(async move { Ok(webhooks.redeliver(&webhook, &event).await?) }).await?;
    Ok(StatusCode::ACCEPTED)
}
