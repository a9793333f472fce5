//! What happens around every request: an id, a line in the log, a count, and room for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use nhn_kcp::pan::{self, Rule};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::{
    Api,
    problem::{Code, Problem},
};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Makes request ids: a word of this process, and a number.
#[derive(Debug)]
pub(crate) struct Ids {
    process: String,
    next: AtomicU64,
}

impl Ids {
    pub(crate) fn new() -> Self {
        // The random end of a new name; the process draws no chance of its own.
        let name = sugi_clock::new_payment_id();
        let process = name.as_str().chars().rev().take(10).collect();
        Self {
            process,
            next: AtomicU64::new(1),
        }
    }

    /// The caller's id, if it is one that can be logged; else a new one.
    fn of(&self, headers: &HeaderMap) -> HeaderValue {
        let given = headers.get(&REQUEST_ID).filter(|id| is_sane(id));
        given.cloned().unwrap_or_else(|| {
            let id = format!(
                "{}-{}",
                self.process,
                self.next.fetch_add(1, Ordering::Relaxed)
            );
            HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("none"))
        })
    }
}

fn is_sane(id: &HeaderValue) -> bool {
    let sign = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let text = id.to_str().unwrap_or_default();
    (1..=64).contains(&id.len()) && id.as_bytes().iter().all(sign) && !pan::holds(text, Rule::Name)
}

/// Gives a request an id, and tells the log and the metrics how it ended. Nothing of its address
/// but the route's template, and nothing of its content, is told.
pub(crate) async fn observe(State(api): State<Api>, request: Request, next: Next) -> Response {
    let id = api.0.request_ids.of(request.headers());
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str);
    let mut open = Open {
        route: Arc::from(route),
        method: word(request.method()),
        since: Instant::now(),
        span: span.clone(),
        api,
        answered: false,
    };
    let trace = span.in_scope(|| trace(open.method, &open.route));
    let answering = next.run(request).instrument(trace.clone());
    let mut response = answering.instrument(span).await;
    trace.record("http.response.status_code", response.status().as_u16());
    open.answer(&response);
    let headers = response.headers_mut();
    headers.insert(&REQUEST_ID, id);
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A request's part of a trace. Its names are those of OpenTelemetry's conventions.
fn trace(method: &'static str, route: &str) -> tracing::Span {
    tracing::info_span!(
        target: sugi_engine::TRACES, "http", otel.name = %format_args!("{method} {route}"), otel.kind = "server",
        http.request.method = method, http.route = route, http.response.status_code = tracing::field::Empty
    )
}

/// A request that was not answered yet. Dropped so, its caller hung up.
struct Open {
    route: Arc<str>,
    method: &'static str,
    since: Instant,
    span: tracing::Span,
    api: Api,
    answered: bool,
}

impl Open {
    fn answer(&mut self, response: &Response) {
        self.answered = true;
        let (took, status) = (self.since.elapsed(), response.status().as_u16());
        let code = response.extensions().get::<Code>().copied();
        self.api
            .0
            .metrics
            .answered(&self.route, self.method, status, code, took);
        let (method, route, ms) = (self.method, &*self.route, millis(took));
        let code = code.map(Code::as_str);
        tracing::info!(parent: &self.span, method, route, status, code, ms, "answered");
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.answered {
            self.api.0.metrics.hung_up();
            let (method, route, ms) = (self.method, &*self.route, millis(self.since.elapsed()));
            tracing::info!(parent: &self.span, method, route, ms, "the caller hung up");
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The method, of the known ones: a label must not be anything that someone sends.
fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// Refuses a request when too many are at work.
pub(crate) async fn make_room(State(api): State<Api>, request: Request, next: Next) -> Response {
    match Arc::clone(&api.0.room).try_acquire_owned() {
        Ok(_place) => next.run(request).await,
        Err(_) => Problem::new(Code::Overloaded, "as many requests are at work as may be")
            .retry_after(1)
            .into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_id_is_taken_if_it_is_sane() {
        let ids = Ids::new();
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(&REQUEST_ID, HeaderValue::from_str(text).unwrap());
            ids.of(&headers).to_str().unwrap().to_owned()
        };
        assert_eq!(of("abc-123"), "abc-123");
        for text in [
            "",
            "a b",
            "a\"b",
            "4111111111111111",
            "4111-1111-1111-1111",
            &"a".repeat(65),
        ] {
            assert_ne!(of(text), text);
        }
        assert_ne!(of(""), of(""));
    }
}
