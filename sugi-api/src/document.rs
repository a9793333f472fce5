//! The OpenAPI document, made from the code, and what all operations have in common in it.

use std::{collections::BTreeMap, sync::OnceLock};

use axum::response::{IntoResponse, Response as HttpResponse};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use utoipa::{
    IntoResponses, Modify, OpenApi,
    openapi::{
        Content, Header, Ref, RefOr, Response, ResponseBuilder,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::router::operations;

/// What the document says beside the operations.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "sugi",
        description = "Key-in card payments (수기결제) over NHN KCP.\n\nAmounts count the currency's smallest unit: \
            won, or US cents. Every POST carries an `Idempotency-Key`. Errors are problems (RFC 9457) with a stable \
            `code`, whether money may have moved, and what to do. Every answer carries `x-request-id`.\n\nA request \
            with more headers than the server takes is answered 431 without a body.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    components(schemas(
        crate::problem::Body,
        crate::problem::LimitWord,
        crate::payments::wording::StateWord,
        crate::payments::list::ShopWord,
        crate::payments::list::Moment,
    )),
    tags(
        (name = "payments", description = "Take, find, cancel and resolve payments."),
        (name = "events", description = "Hear what becomes of payments: read in order, or be told by webhooks."),
        (name = "shops", description = "The shops that payments are taken for."),
        (name = "service", description = "The service itself."),
    ),
    modifiers(&ApiKeys),
)]
pub(crate) struct Head;

struct ApiKeys;

impl Modify for ApiKeys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "An API key of this service. The scopes are `pay`, `cancel`, `resolve`, `read` and `webhooks`.",
            ));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("api_key", SecurityScheme::Http(bearer.build()));
    }
}

/// The whole document (OpenAPI 3.1).
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    operations().split_for_parts().1
}

/// The document as JSON. It never changes while the program runs.
pub(crate) fn json() -> Bytes {
    static JSON: OnceLock<Bytes> = OnceLock::new();
    JSON.get_or_init(|| serde_json::to_vec(&document()).unwrap_or_default().into())
        .clone()
}

/// This document
#[utoipa::path(
    get, path = "/openapi.json", tag = "service", operation_id = "openapi",
    responses((status = 200, description = "The OpenAPI document.", body = Object, content_type = "application/json")),
)]
pub(crate) async fn openapi() -> HttpResponse {
    ([(CONTENT_TYPE, "application/json")], json()).into_response()
}

fn problems<const N: usize>(all: [(u16, &str); N]) -> BTreeMap<String, RefOr<Response>> {
    let content = || Content::new(Some(Ref::from_schema_name("Problem")));
    let header = |text: &str| {
        let mut header = Header::new(
            utoipa::openapi::schema::ObjectBuilder::new()
                .schema_type(utoipa::openapi::Type::String),
        );
        header.description = Some(text.into());
        header
    };
    let response = |(status, text): (u16, &str)| {
        let mut response = ResponseBuilder::new()
            .description(text)
            .content("application/problem+json", content());
        response = match status {
            401 | 403 => response.header(
                "WWW-Authenticate",
                header("How to authenticate, or which scope is missing."),
            ),
            409 | 429 | 503 => response.header(
                "Retry-After",
                header("After how many seconds to ask again."),
            ),
            415 => response.header("Accept-Post", header("What is taken.")),
            _ => response,
        };
        (status.to_string(), RefOr::T(response.build()))
    };
    all.map(response).into()
}

/// What every operation with an API key may answer.
pub(crate) struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems([
            (401, "No valid API key."),
            (
                403,
                "The key may not do this, or not for this shop, or not from this address.",
            ),
            (
                429,
                "Too many requests of this key at once, or new payments that come too fast.",
            ),
            (
                500,
                "Something is broken; nothing was sent to KCP unless the problem says so.",
            ),
            (503, "Too much to do, or the ledger cannot be used."),
        ])
    }
}

/// What a POST may answer beside that.
pub(crate) struct WriteProblems;

impl IntoResponses for WriteProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems([
            (400, "Not JSON, or a header is missing or wrong."),
            (408, "The body did not arrive in time."),
            (409, "It does not go with the state that things are in."),
            (413, "The body is larger than 64 KiB."),
            (415, "The body is not `application/json`."),
            (
                422,
                "A value breaks a rule, or the idempotency key was used for another request.",
            ),
        ])
    }
}

/// What a POST without a body may answer beside that.
pub(crate) struct KeyProblems;

impl IntoResponses for KeyProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems([
            (400, "`Idempotency-Key` is missing or wrong."),
            (409, "It does not go with the state that things are in."),
        ])
    }
}

/// What an operation on one thing may answer beside that.
pub(crate) struct PathProblems;

impl IntoResponses for PathProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems([(404, "There is no such thing for this key.")])
    }
}

/// What an operation with query parameters may answer beside that.
pub(crate) struct ParameterProblems;

impl IntoResponses for ParameterProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems([(400, "A query parameter is wrong or unknown.")])
    }
}
