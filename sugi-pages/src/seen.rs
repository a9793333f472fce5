//! Which looks leave an audit entry: all of them, but those at pages that say that they show no one.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use http::Method;
use sugi_api::{Audited, Unaudited};

/// Whether a route's page shows nothing of any buyer or other person.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShowsNobody(pub(crate) bool);

/// Whether the alarm stands around the page of a request: it names orders in doubt, no matter what the page is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Alarmed(Arc<AtomicBool>);

impl Alarmed {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Marks an answer that showed something, unless its handler has said more precisely what.
pub(crate) async fn audited(
    State(ShowsNobody(nobody)): State<ShowsNobody>,
    mut request: Request,
    next: Next,
) -> Response {
    let alarmed = Alarmed::default();
    request.extensions_mut().insert(alarmed.clone());
    let is_look = matches!(*request.method(), Method::GET | Method::HEAD);
    let path = request.extensions().get::<MatchedPath>();
    let page = path.map_or("", |path| path.as_str().trim_start_matches('/'));
    let page = page.to_owned();
    let mut response = next.run(request).await;
    let marks = response.extensions();
    let is_marked = marks.get::<Audited>().is_some() || marks.get::<Unaudited>().is_some();
    if !is_look || is_marked {
        return response;
    }
    let shown = if alarmed.is_set() {
        Some(if nobody { "doubts".into() } else { page })
    } else {
        Some(page).filter(|_| !nobody && response.status().is_success())
    };
    if let Some(shown) = shown {
        response.extensions_mut().insert(Audited(shown));
    }
    response
}
