//! Every route, and what lies around all of them.

use axum::{
    Router, middleware,
    response::{IntoResponse, Response},
};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi as _;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Api, audit, document, events, health, metrics, page,
    payments::{cancel, create, get, list, resolve},
    problem::{Code, Problem},
    request, shops, webhooks,
};

/// The operations with their part of the document.
pub(crate) fn operations() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(document::Head::openapi())
        .merge(keyed())
        .merge(open())
}

/// What needs an API key.
fn keyed() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list))
        .routes(routes!(get::get))
        .routes(routes!(cancel::cancel))
        .routes(routes!(resolve::resolve))
        .routes(routes!(shops::list))
        .routes(routes!(events::list::list))
        .merge(webhooks())
}

/// Of those, what sets webhooks up.
fn webhooks() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(webhooks::create::create, webhooks::list::list))
        .routes(routes!(webhooks::get::get, webhooks::remove::remove))
        .routes(routes!(webhooks::secret::renew))
        .routes(routes!(webhooks::try_out::try_out))
        .routes(routes!(webhooks::deliveries::list))
        .routes(routes!(webhooks::redeliver::redeliver))
}

/// What anybody may ask.
fn open() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::metrics))
        .routes(routes!(document::openapi))
        .routes(routes!(page::docs))
        .routes(routes!(page::problem))
}

/// The service, ready to be served, with other routes beside it: the operator pages. What lies around
/// the API's own routes lies around those as well: room, audit, request ids, counts.
pub fn router(api: &Api, beside: Router) -> Router {
    let keyed = Router::from(keyed())
        .merge(beside.with_state(()))
        .route_layer(middleware::from_fn_with_state(api.clone(), audit::audit))
        .route_layer(middleware::from_fn_with_state(
            api.clone(),
            request::make_room,
        ));
    Router::from(open())
        .merge(keyed)
        .fallback(async || nothing_here())
        .method_not_allowed_fallback(async || {
            Problem::new(
                Code::MethodNotAllowed,
                "this address does not take this method",
            )
        })
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(
            api.clone(),
            request::observe,
        ))
        .with_state(api.clone())
}

/// What the API answers at an address that has nothing: for whatever lies beside it and catches such addresses.
#[must_use]
pub fn nothing_here() -> Response {
    Problem::new(Code::NotFound, "there is nothing at this address").into_response()
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request panicked");
    Problem::new(Code::Internal, "the work on this request broke off").into_response()
}
