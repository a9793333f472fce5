//! `Idempotency-Key`: asking twice does once.
//!
//! The ledger remembers keys as long as the payment: one that made a payment in a table of its own, one
//! that cancelled or resolved it in the payment's journal.

use axum::{extract::FromRequestParts, response::Response};
use http::{HeaderName, HeaderValue, request::Parts};
use nhn_kcp::pan::{self, Rule};

use crate::{
    problem::{Code, Problem},
    text::{NO_CARD, holds_card},
};

/// The caller's key: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct IdempotencyKey(pub(crate) String);

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let bad = |detail: &str| {
            let rule = "must be 1 to 255 visible ASCII characters, given once";
            Problem::new(Code::BadHeader, detail)
                .field("Idempotency-Key")
                .rule(rule)
        };
        let mut given = parts.headers.get_all("idempotency-key").iter();
        let Some(key) = given.next() else {
            let detail = "every POST carries an Idempotency-Key";
            return Err(Problem::new(Code::KeyMissing, detail).field("Idempotency-Key"));
        };
        if given.next().is_some() {
            return Err(bad("Idempotency-Key is there more than once"));
        }
        let key = key.as_bytes();
        if !(1..=255).contains(&key.len()) || !key.iter().all(u8::is_ascii_graphic) {
            return Err(bad(
                "Idempotency-Key is not 1 to 255 visible ASCII characters",
            ));
        }
        let key = String::from_utf8_lossy(key).into_owned();
        // It is stored, and often it is the order's number, so it has that one's rule.
        if pan::holds(&key, Rule::Stored) {
            let field = "Idempotency-Key";
            return Err(Problem::new(Code::BadHeader, holds_card(field))
                .field(field)
                .rule(NO_CARD));
        }
        Ok(Self(key))
    }
}

/// Marks an answer that was given before.
pub(crate) fn replayed(mut response: Response) -> Response {
    let name = HeaderName::from_static("idempotency-replayed");
    response
        .headers_mut()
        .insert(name, HeaderValue::from_static("true"));
    response
}
