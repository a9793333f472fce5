//! Every page, and what lies around all of them.

use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};
use http::{HeaderName, HeaderValue, header};
use tower_http::csrf::CsrfLayer;

use crate::{Pages, assets, doubts, home, keyin, sign_in, trouble, trouble::Trouble};

/// Nothing from elsewhere, no script or style but ours, in nobody's frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What every page says to the browser.
const HEADERS: [(&str, &str); 7] = [
    ("content-security-policy", POLICY),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=(), payment=()",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    // Browsers heed it over TLS only, which is where it is true.
    ("strict-transport-security", "max-age=31536000"),
];

pub(crate) fn router(pages: &Pages) -> Router {
    let other_site = |_: tower_http::csrf::ProtectionError| Response::from(Trouble::OtherSite);
    Router::new()
        .route("/", get(home::home))
        .route("/assets/{name}", get(assets::get))
        .route("/keyin", get(keyin::show).post(keyin::charge))
        .route("/doubts", get(doubts::show))
        .route("/sign-in", get(sign_in::show).post(sign_in::enter))
        .route("/sign-out", post(sign_in::leave))
        .route("/lang", post(sign_in::choose_lang))
        // Who asks from another site's page is not listened to, whatever cookie the browser adds.
        .layer(CsrfLayer::new().with_rejection_response(other_site))
        .layer(middleware::from_fn(trouble::dress))
        .layer(middleware::from_fn(say))
        .with_state(pages.clone())
}

async fn say(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
