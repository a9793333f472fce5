//! Every page: one table of what there is and who may come there, and what lies around all of them.

use axum::{
    Extension, Router,
    extract::Request,
    middleware::{self, Next},
    response::Response,
    routing::MethodRouter,
};
use http::{HeaderName, HeaderValue, header};
use sugi_access::Role;
use tower_http::csrf::CsrfLayer;

use crate::{
    Pages, account, assets, day, doubts, home, keyin, live, passkeys, payments, settings, sign_in,
    trouble, trouble::Trouble, wishes,
};

/// Who may come to a page at all. What they may do there to which shop and how much is the page's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Whoever finds it.
    Anybody,
    /// Every operator.
    Operator,
    /// Operators with this role.
    Role(Role),
}

/// One address of the pages.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Its path.
    pub path: &'static str,
    /// Who may come there.
    pub gate: Gate,
    /// Whether it shows something.
    pub get: bool,
    /// Whether something can be sent there.
    pub post: bool,
}

/// Makes the table and the router of the same lines, so that neither has what the other has not.
macro_rules! routes {
    ($($gate:expr => $path:literal $(get($get:path))? $(post($post:path))?;)*) => {
        /// Every address.
        pub const ROUTES: &[Route] = &[$(Route {
            path: $path,
            gate: $gate,
            get: routes!(@is $($get)?),
            post: routes!(@is $($post)?),
        }),*];

        fn table() -> Router<Pages> {
            Router::new()$(.route(
                $path,
                MethodRouter::new()$(.get($get))?$(.post($post))?.layer(Extension($gate)),
            ))*
        }
    };
    (@is) => { false };
    (@is $handler:path) => { true };
}

routes! {
    Gate::Anybody => "/assets/{name}" get(assets::get);
    Gate::Anybody => "/sign-in" get(sign_in::show) post(sign_in::enter);
    Gate::Anybody => "/sign-in/challenge" post(passkeys::enter::challenge);
    Gate::Anybody => "/sign-in/passkey" post(passkeys::enter::enter);
    Gate::Anybody => "/lang" post(sign_in::choose_lang);
    Gate::Operator => "/" get(home::home);
    Gate::Operator => "/sign-out" post(sign_in::leave);
    Gate::Role(Role::KeyIn) => "/keyin" get(keyin::show) post(keyin::charge);
    Gate::Operator => "/payments" get(payments::list::show);
    Gate::Operator => "/payments/{id}" get(payments::show::show);
    Gate::Role(Role::Cancel) => "/payments/{id}/cancel" post(payments::cancel::cancel);
    Gate::Role(Role::Close) => "/payments/{id}/close" post(payments::close::close);
    Gate::Operator => "/payments/{id}/receipt" get(payments::receipt::show);
    Gate::Role(Role::KeyIn) => "/payments/{id}/mail" post(payments::mail::send);
    Gate::Operator => "/doubts" get(doubts::show);
    Gate::Operator => "/wishes" get(wishes::show);
    Gate::Operator => "/wishes/{id}" post(wishes::decide);
    Gate::Operator => "/day" get(day::show);
    Gate::Role(Role::Close) => "/day/export" post(day::export::export);
    Gate::Role(Role::Close) => "/day/export/{name}" get(day::running::show);
    Gate::Operator => "/account" get(account::show);
    Gate::Operator => "/account/password" post(account::password);
    Gate::Operator => "/account/codes" get(account::codes) post(account::set_codes);
    Gate::Operator => "/account/passkeys" post(passkeys::own::add);
    Gate::Operator => "/account/passkeys/begin" post(passkeys::own::begin);
    Gate::Operator => "/account/passkeys/{id}" post(passkeys::own::remove);
    Gate::Operator => "/account/sessions/{id}" post(account::end_session);
    Gate::Role(Role::Administer) => "/settings" get(settings::show);
    Gate::Role(Role::Administer) => "/settings/audit" get(settings::audit::show);
    Gate::Role(Role::Administer) => "/settings/add-operator" get(settings::operators::new) post(settings::operators::add);
    Gate::Role(Role::Administer) => "/settings/operators/{name}" get(settings::operators::show) post(settings::operators::change);
    Gate::Role(Role::Administer) => "/settings/add-webhook" get(settings::webhooks::add::new) post(settings::webhooks::add::add);
    Gate::Role(Role::Administer) => "/settings/webhooks/{id}" get(settings::webhooks::one::show) post(settings::webhooks::one::change);
    Gate::Operator => "/live" get(live::live);
}

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
    table()
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
