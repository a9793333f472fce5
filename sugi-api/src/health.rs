//! `/healthz`, `/readyz`: whether the process lives, and whether it can take payments.

use std::time::Duration;

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Api,
    problem::{Code, Problem},
};

/// How long the ledger may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A good word.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// Whether the process lives
#[utoipa::path(
    get, path = "/healthz", tag = "service", operation_id = "health",
    responses((status = 200, description = "It does.", body = Health)),
)]
pub(crate) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether payments can be taken
///
/// The ledger is asked; without it nothing can be done.
#[utoipa::path(
    get, path = "/readyz", tag = "service", operation_id = "ready",
    responses(
        (status = 200, description = "They can.", body = Health),
        (status = 500, description = "The ledger does not read as it should.",
            body = crate::problem::Body, content_type = "application/problem+json"),
        (status = 503, description = "The ledger does not answer.",
            body = crate::problem::Body, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn readyz(State(api): State<Api>) -> Result<Json<Health>, Problem> {
    match tokio::time::timeout(PATIENCE, api.0.engine.store().next_due()).await {
        Ok(answer) => {
            answer?;
            Ok(Json(Health { status: "ready" }))
        }
        Err(_) => {
            Err(Problem::new(Code::LedgerUnavailable, "the ledger does not answer").retry_after(1))
        }
    }
}
