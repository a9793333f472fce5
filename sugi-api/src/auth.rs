//! Who is asking: `Authorization: Bearer` and an API key.

use std::{net::IpAddr, sync::Arc};

use axum::extract::{FromRef, FromRequestParts};
use http::{
    HeaderValue,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
    request::Parts,
};
use sugi_core::ShopId;
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    Api, Standing, Who,
    keys::{ApiKey, Scope},
    peer::ClientAddress,
    problem::{Code, Problem},
};

/// A caller with a valid key. Holds one of the key's places for as long as the request lasts.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) key: Arc<ApiKey>,
    pub(crate) from: IpAddr,
    _place: OwnedSemaphorePermit,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller
where
    Api: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let ClientAddress(from) = ClientAddress::from_request_parts(parts, state).await?;
        let api = Api::from_ref(state);
        let mut given = parts.headers.get_all(AUTHORIZATION).iter();
        let (given, more) = (given.next(), given.next());
        let text = given
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let token = match text.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && more.is_none() => {
                token.trim()
            }
            _ if given.is_none() => {
                return Err(refused(
                    "Authorization is missing",
                    r#"Bearer realm="sugi""#,
                ));
            }
            _ => {
                return Err(refused(
                    "Authorization is not Bearer and a key",
                    r#"Bearer realm="sugi""#,
                ));
            }
        };
        let keys = api.keys();
        let Some(known) = keys.find(token) else {
            let how = r#"Bearer realm="sugi", error="invalid_token""#;
            return Err(refused("this key is not known here", how));
        };
        // Before the key's places: who stole it must not be able to fill them.
        known_from(&known.key, from)?;
        let place = Arc::clone(&known.room).try_acquire_owned().map_err(|_| {
            Problem::new(
                Code::TooManyRequests,
                "this key has as many requests open as it may",
            )
            .retry_after(1)
        })?;
        if let Some(standing) = parts.extensions.get::<Standing>() {
            standing.proved();
        }
        if let Some(who) = parts.extensions.get::<Who>() {
            who.is(&format!("key:{}", known.key.name));
        }
        Ok(Self {
            key: Arc::clone(&known.key),
            from,
            _place: place,
        })
    }
}

impl Caller {
    /// Refuses a key that may not do this.
    pub(crate) fn may(&self, scope: Scope) -> Result<(), Problem> {
        if self.key.scopes.contains(&scope) {
            return Ok(());
        }
        let word = scope.as_str();
        let how = format!(r#"Bearer realm="sugi", error="insufficient_scope", scope="{word}""#);
        let how = HeaderValue::from_str(&how).unwrap_or(HeaderValue::from_static("Bearer"));
        let detail = format!("this key does not have the scope {word}");
        Err(Problem::new(Code::ScopeMissing, detail).header(WWW_AUTHENTICATE, how))
    }

    /// Refuses a key that is for other shops.
    pub(crate) fn may_use(&self, shop: &ShopId) -> Result<(), Problem> {
        if self.key.may_use(shop) {
            return Ok(());
        }
        let detail = "this key is for other shops";
        Err(Problem::new(Code::ShopForbidden, detail).field("shop"))
    }
}

/// Refuses a key that is used from elsewhere. Not to be passed over: it may be stolen.
fn known_from(key: &ApiKey, address: IpAddr) -> Result<(), Problem> {
    if key.may_come_from(address) {
        return Ok(());
    }
    tracing::warn!(key = %key.name, %address, "an API key is used from an address that it is not for");
    let detail = "this key is not for the address that the request comes from";
    Err(Problem::new(Code::AddressForbidden, detail))
}

fn refused(detail: &str, how: &'static str) -> Problem {
    Problem::new(Code::Unauthenticated, detail)
        .header(WWW_AUTHENTICATE, HeaderValue::from_static(how))
}
