//! `POST /v1/webhooks`: have a program told of events.

use std::collections::BTreeSet;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header::LOCATION};
use serde::{Deserialize, Serialize};
use sugi_core::{PublicEvent, Shops};
use sugi_webhooks::{Address, NewWebhook};
use utoipa::ToSchema;

use crate::{
    Api,
    auth::Caller,
    body::Json,
    detached,
    document::{Problems, WriteProblems},
    events::TypeWord,
    idempotency::{self, IdempotencyKey},
    keys::{ApiKey, Scope},
    payments::list::ShopWord,
    problem::{Code, Problem},
    text::no_card_in_name,
};

use super::{bad_url, view::View};

/// A webhook to be set up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhook, example = json!({
    "url": "https://shop.example.com/sugi", "types": ["payment.approved", "payment.cancelled"]
}))]
pub(crate) struct New {
    /// Where it is told: an address with `https://`; `http://` only on the service's own machine. It has to
    /// be public, unless the service's configuration names its network.
    /// Without user and password: the signature proves who tells.
    #[schema(max_length = 2048, pattern = "^https?://[!-~]+$")]
    url: String,
    /// Of which types of events; of all when left out or empty.
    #[schema(value_type = Option<Vec<TypeWord>>, max_items = 32)]
    types: Option<Vec<String>>,
    /// Of payments of which shops; of all that the key may use when left out.
    #[schema(value_type = Option<Vec<ShopWord>>, min_items = 1, max_items = 100)]
    shops: Option<Vec<String>>,
}

/// A webhook with its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookWithSecret)]
pub(crate) struct Made {
    #[serde(flatten)]
    webhook: View,
    /// What its messages are signed with. It is shown this once.
    #[schema(pattern = "^whsec_[A-Za-z0-9+/=]+$")]
    secret: String,
}

/// Set a webhook up
///
/// It is told of everything that happens from now on, by signed POSTs of an `Event` each (Standard
/// Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`). An answer of 2xx within 15 seconds
/// takes it; otherwise it is told again, for about three days. It may be told twice and out of order:
/// `id` and `number` tell.
///
/// The same `Idempotency-Key` with the same body sets up one webhook, and answers with its secret again as
/// long as it has no other.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "events", operation_id = "create_webhook",
    params(
        ("Idempotency-Key" = String, Header, description = "Your key for this request; kept as long as the webhook.",
            min_length = 1, max_length = 255, pattern = "^[!-~]+$"),
    ),
    request_body(content = New, description = "Where, and of what.", content_type = "application/json"),
    responses(
        (status = 201, description = "Set up.", body = Made,
            headers(("Location" = String, description = "The webhook's address."),
                ("Idempotency-Replayed" = String, description = "`true` when the key asked for this before."))),
        Problems, WriteProblems,
    ),
    security(("api_key" = ["webhooks"])),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    caller: Caller,
    key: Result<IdempotencyKey, Problem>,
    body: Result<Json<New>, Problem>,
) -> Result<Response, Problem> {
    caller.may(Scope::Webhooks)?;
    let (key, new) = (key?, body?.0);
    let scope = caller.key.name.to_string();
    let new = NewWebhook {
        key: Some((scope, key.0)),
        url: url(&new.url)?,
        public_event: public_event(&new.types.unwrap_or_default())?,
        shops: shops(&caller, new.shops.as_deref())?,
        by: caller.key.name.clone(),
    };
    let webhooks = api.0.app.webhooks.clone();
    let made = detached(async move { Ok(webhooks.add(new).await?) });
    let (webhook, secret, again) = made.await?;
    let made = Made {
        webhook: View::of(&webhook),
        secret: secret.as_str().to_owned(),
    };
    let mut response = (StatusCode::CREATED, axum::Json(made)).into_response();
    if let Ok(at) = HeaderValue::from_str(&format!("/v1/webhooks/{}", webhook.id)) {
        response.headers_mut().insert(LOCATION, at);
    }
    Ok(if again {
        idempotency::replayed(response)
    } else {
        response
    })
}

fn url(text: &str) -> Result<Address, Problem> {
    no_card_in_name("url", text)?;
    text.parse().map_err(bad_url)
}

fn public_event(wording: &[String]) -> Result<BTreeSet<PublicEvent>, Problem> {
    let public_event = wording.iter().map(|word| word.parse());
    public_event.collect::<Result<_, ()>>().map_err(|()| {
        let rule = "must be types of events; see /docs";
        Problem::new(Code::InvalidValue, format!("types {rule}"))
            .field("types")
            .rule(rule)
    })
}

/// The shops that are asked for; those of the key where nothing is said of them.
fn shops(caller: &Caller, wording: Option<&[String]>) -> Result<Shops, Problem> {
    let key: &ApiKey = &caller.key;
    let Some(wording) = wording else {
        return Ok(key.shops.clone());
    };
    if wording.is_empty() {
        let rule = "must name a shop, or be left out for all that the key may use";
        return Err(Problem::new(Code::InvalidValue, format!("shops {rule}"))
            .field("shops")
            .rule(rule));
    }
    let shops = wording.iter().map(|word| {
        let rule = "must be 1 to 32 of a-z, 0-9, - and _ each";
        let bad = || {
            Problem::new(Code::InvalidValue, format!("shops {rule}"))
                .field("shops")
                .rule(rule)
        };
        let shop = word.parse().map_err(|_| bad())?;
        caller.may_use(&shop).map_err(|why| why.field("shops"))?;
        Ok(shop)
    });
    shops.collect()
}
