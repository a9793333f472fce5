//! Every page: one table of what there is and who may come there, and what lies around all of them.

use axum::{
    Extension, Router,
    extract::Request,
    middleware::{self, Next},
    response::Response,
    routing::{MethodRouter, any},
};
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use sugi_access::Role;
use tower_http::{catch_panic::CatchPanicLayer, csrf::CsrfLayer};

use crate::{
    Pages, account, approval_requests, assets, current_operator, day, doubts, error_page,
    error_page::ErrorPage, form::holds_control, home, kept, keyin, live, passkeys, payments, seen,
    settings, sign_in,
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
    /// Whether it shows nothing of any buyer or other person than the operator who looks. Looking at what
    /// does not say so leaves an audit entry.
    pub shows_nobody: bool,
}

/// Makes the table and the router of the same lines, so that neither has what the other has not.
macro_rules! routes {
    ($($gate:expr => $path:literal $([$nobody:ident])? $(get($get:path))? $(post($post:path))?;)*) => {
        /// Every address.
        pub const ROUTES: &[Route] = &[$(Route {
            path: $path,
            gate: $gate,
            get: routes!(@is $($get)?),
            post: routes!(@is $($post)?),
            shows_nobody: routes!(@shows $($nobody)?),
        }),*];

        fn table() -> Router<Pages> {
            Router::new()$(.route(
                $path,
                MethodRouter::new()$(.get($get))?$(.post($post))?
                    .fallback(async || other_method(routes!(@allow $($get)? ; $($post)?)))
                    .layer((
                        Extension($gate),
                        middleware::from_fn_with_state(
                            seen::ShowsNobody(routes!(@shows $($nobody)?)),
                            seen::audited,
                        ),
                    )),
            ))*
        }
    };
    (@allow $get:path ; $post:path) => { "GET, HEAD, POST" };
    (@allow $get:path ;) => { "GET, HEAD" };
    (@allow ; $post:path) => { "POST" };
    (@shows) => { false };
    (@shows nobody) => { true };
    (@is) => { false };
    (@is $handler:path) => { true };
}

routes! {
    Gate::Anybody => "/assets/{name}" [nobody] get(assets::get);
    Gate::Anybody => "/sign-in" [nobody] get(sign_in::show) post(sign_in::enter);
    Gate::Anybody => "/sign-in/challenge" post(passkeys::enter::challenge);
    Gate::Anybody => "/sign-in/passkey" post(passkeys::enter::enter);
    Gate::Anybody => "/lang" post(sign_in::choose_lang);
    Gate::Anybody => "/signed-out" post(kept::signed_out);
    Gate::Operator => "/kept" post(kept::again);
    Gate::Operator => "/stay" post(live::stay);
    Gate::Operator => "/" [nobody] get(home::home);
    Gate::Operator => "/sign-out" post(sign_in::leave);
    Gate::Role(Role::KeyIn) => "/keyin" [nobody] get(keyin::show) post(keyin::charge);
    Gate::Operator => "/payments" get(payments::list::show);
    Gate::Operator => "/payments/{id}" get(payments::show::show);
    Gate::Role(Role::Cancel) => "/payments/{id}/cancel" post(payments::cancel::cancel);
    Gate::Role(Role::Close) => "/payments/{id}/close" post(payments::close::close);
    Gate::Operator => "/payments/{id}/receipt" get(payments::receipt::show);
    Gate::Role(Role::KeyIn) => "/payments/{id}/mail" post(payments::mail::send);
    Gate::Operator => "/doubts" get(doubts::show);
    Gate::Operator => "/approvals" get(approval_requests::show);
    Gate::Operator => "/approvals/{id}" post(approval_requests::decide);
    Gate::Operator => "/day" [nobody] get(day::show);
    Gate::Role(Role::Close) => "/day/export" post(day::export::export);
    Gate::Role(Role::Close) => "/day/export/{name}" get(day::running::show);
    Gate::Operator => "/account" [nobody] get(account::show);
    Gate::Operator => "/account/password" post(account::password);
    Gate::Operator => "/account/codes" [nobody] get(account::codes) post(account::set_codes);
    Gate::Operator => "/account/passkeys" post(passkeys::own::add);
    Gate::Operator => "/account/passkeys/begin" post(passkeys::own::begin);
    Gate::Operator => "/account/passkeys/{id}" post(passkeys::own::remove);
    Gate::Operator => "/account/sessions/{id}" post(account::end_session);
    Gate::Role(Role::Administer) => "/settings" get(settings::show);
    Gate::Role(Role::Administer) => "/settings/audit" get(settings::audit::show);
    Gate::Role(Role::Administer) => "/settings/add-operator" [nobody] get(settings::operators::new) post(settings::operators::add);
    Gate::Role(Role::Administer) => "/settings/operators/{name}" get(settings::operators::show) post(settings::operators::change);
    Gate::Role(Role::Administer) => "/settings/add-webhook" [nobody] get(settings::webhooks::add::new) post(settings::webhooks::add::add);
    Gate::Role(Role::Administer) => "/settings/webhooks/{id}" get(settings::webhooks::one::show) post(settings::webhooks::one::change);
    Gate::Operator => "/live" [nobody] get(live::live);
}

/// Nothing from elsewhere, no script or style but ours, in no one's frame.
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
    around(table().route("/{*elsewhere}", any(elsewhere)), pages)
}

/// What lies around every page.
fn around(table: Router<Pages>, pages: &Pages) -> Router {
    let other_site = |_: tower_http::csrf::ProtectionError| Response::from(ErrorPage::OtherSite);
    let broken = |_: Box<dyn std::any::Any + Send>| {
        tracing::error!("a page panicked");
        Response::from(ErrorPage::Broken)
    };
    table
        // Who asks from another site's page is not listened to, no matter what cookie the browser adds.
        .layer(CsrfLayer::new().with_rejection_response(other_site))
        .layer(middleware::from_fn(no_control))
        .layer(CatchPanicLayer::custom(broken))
        .layer(middleware::from_fn_with_state(
            pages.clone(),
            error_page::render_errors,
        ))
        .layer(middleware::from_fn(say))
        .with_state(pages.clone())
}

/// An address that no one has: said as a page to who reads pages, as a problem to a program.
async fn elsewhere(uri: Uri, headers: HeaderMap) -> Response {
    let is_api = uri.path() == "/v1" || uri.path().starts_with("/v1/");
    let mut response = if is_api || current_operator::asks_json(&headers) {
        sugi_api::nothing_here()
    } else {
        ErrorPage::Nowhere.into()
    };
    response.extensions_mut().insert(sugi_api::Unaudited);
    response
}

/// An address that takes something else than what was sent.
fn other_method(allowed: &'static str) -> Response {
    let mut response = Response::from(ErrorPage::Method);
    let allowed = HeaderValue::from_static(allowed);
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

/// Refuses an address whose query holds a control character: no one types one, and a ledger that cannot keep
/// it would be asked for it.
async fn no_control(request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    if pairs.any(|(name, text)| holds_control(&name) || holds_control(&text)) {
        return ErrorPage::BadSign.into();
    }
    next.run(request).await
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

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use sugi_access::Rules;
    use sugi_clock::Clock;
    use sugi_engine::Engine;
    use sugi_webhooks::{Line, Targets};

    use super::*;

    #[tokio::test]
    async fn a_page_that_breaks_is_said_as_a_page() {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::new(
            sugi_store::Store::open(dir.path()).unwrap(),
            [],
            Clock::real(),
        );
        let line = Line::new(None, Targets::public()).unwrap();
        let app = sugi_api::App::new(engine, Clock::real(), Rules::default(), line);
        let pages = Pages::new(&sugi_api::Api::new(app, [], sugi_api::Limits::default()));
        let breaks = || async { assert!(std::hint::black_box(false), "on purpose") };
        let router = around(Router::new().route("/", get(breaks)), &pages);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = sugi_api::Limits::default();
        tokio::spawn(sugi_api::serve(
            listener,
            router,
            limits,
            std::future::pending(),
        ));
        let ask = move || {
            use std::io::{Read as _, Write as _};
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            let ask =
                "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\naccept-language: en\r\n\r\n";
            stream.write_all(ask.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        let answer = tokio::task::spawn_blocking(ask).await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 500") && answer.contains("text/html"),
            "{answer}"
        );
        assert!(answer.contains("This page could not be made") && !answer.contains("on purpose"));
    }
}
