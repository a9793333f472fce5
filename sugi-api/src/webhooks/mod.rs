//! Webhooks: what can be asked, one file per operation.

pub(crate) mod create;
pub(crate) mod deliveries;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod redeliver;
pub(crate) mod remove;
pub(crate) mod secret;
pub(crate) mod try_out;
pub(crate) mod view;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use sugi_core::WebhookId;
use sugi_webhooks::{BadAddress, Webhook, WebhookError};

use crate::{
    Api,
    auth::Caller,
    problem::{Code, Problem},
};

/// The `{id}` of an address, no matter what it is. One that is no webhook's is not found.
pub(crate) struct Id(WebhookId);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = Path::<String>::from_request_parts(parts, state).await;
        id.map_err(|_| unknown())?
            .0
            .parse()
            .map(Self)
            .map_err(|_| unknown())
    }
}

/// An address that no webhook may have.
fn bad_url(why: BadAddress) -> Problem {
    Problem::new(Code::InvalidValue, format!("url {why}"))
        .field("url")
        .rule(why.to_string())
}

fn unknown() -> Problem {
    Problem::new(Code::WebhookNotFound, "there is no webhook with this id")
}

/// A webhook that the caller may see. Those of other shops are not there for it.
async fn find(api: &Api, caller: &Caller, id: &WebhookId) -> Result<Webhook, Problem> {
    let found = api.0.app.webhooks.get(id).await?;
    let mine = found.filter(|webhook| webhook.is_within(&caller.key.shops));
    mine.ok_or_else(unknown)
}

impl From<WebhookError> for Problem {
    fn from(why: WebhookError) -> Self {
        let said = why.to_string();
        match why {
            WebhookError::NoSecret | WebhookError::Sealed => {
                Self::new(Code::WebhookSecretUnreadable, said)
            }
            WebhookError::Address(why) => bad_url(why),
            WebhookError::TooMany => Self::new(Code::TooManyWebhooks, said),
            WebhookError::KeyReused | WebhookError::Renewed => {
                Self::new(Code::KeyReused, said).field("Idempotency-Key")
            }
            WebhookError::Unknown(_) => unknown(),
            WebhookError::Busy | WebhookError::TooOften => {
                Self::new(Code::WebhookBusy, said).retry_after(1)
            }
            WebhookError::Store(why) => why.into(),
        }
    }
}
