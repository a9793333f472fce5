//! `GET /live`: tells an open page that something of what it shows has changed.
//!
//! The ledger is asked once a second, which sees what any node wrote. The stream says no more than
//! *changed*; the page then fetches itself anew, and so shows nothing that its own address would not.
//! An open page does not keep a session alive: it is told a minute before the session is over, and when it is.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Extension,
    extract::{Query, State, rejection::QueryRejection},
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;
use serde::Deserialize;
use sugi_access::{Cookie, Session};
use sugi_api::Unaudited;
use sugi_core::PaymentId;
use sugi_store::{Filter, StoreError};

use crate::{
    Pages, approval_requests,
    current_operator::{CurrentOperator, SESSION_COOKIE, cookie},
};

/// How often the ledger is asked.
const PAUSE: Duration = Duration::from_secs(1);
/// How often in a stream: the browser comes again after that.
const LOOKS: u32 = 600;
/// Streams of one operator: pages that are open at once.
const STREAMS_MAX: usize = 20;
/// Doubts whose coming and going is seen.
const DOUBTS: u32 = 100;

/// How long before a session ends it is said.
const WARNING: SignedDuration = SignedDuration::from_mins(1);

/// How many streams each operator has.
#[derive(Debug, Default, Clone)]
pub(crate) struct Streams(Arc<Mutex<HashMap<String, usize>>>);

/// A place among them, refunded when it is dropped.
struct Place {
    streams: Streams,
    name: String,
}

/// Which page it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Of {
    of: String,
    /// How far its payment was when the page was made.
    seen: String,
}

pub(crate) async fn live(
    State(pages): State<Pages>,
    headers: HeaderMap,
    query: Result<Query<Of>, QueryRejection>,
) -> Response {
    let Some(cookie) = cookie(&headers, SESSION_COOKIE).map(|text| Cookie::sent(&text)) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let session = match pages.access().session_unused(&cookie).await {
        Ok(Some(session)) => session,
        Ok(None) => return over().into_response(),
        Err(_) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    };
    let Some(place) = pages.0.streams.enter(session.operator.name.as_str()) else {
        return StatusCode::TOO_MANY_REQUESTS.into_response();
    };
    let of = query.map(|Query(of)| of).unwrap_or_default();
    let payment = of.of.strip_prefix("/payments/");
    let payment = payment.and_then(|id| id.parse().ok());
    let mut watch = Watch {
        pages,
        cookie,
        payment,
        shown: of.seen.parse().ok(),
        seen: None,
        lasts: Said::Staying,
        inquiries: 0,
        _place: place,
    };
    // Looked at before the browser hears anything: whatever happens once the stream is open is told.
    watch.seen = watch.look(&session).await.ok();
    let events = futures_util::stream::unfold(Some(watch), |watch| async {
        let mut watch = watch?;
        let event = watch.next().await?;
        let ended = event == Said::Over;
        let event = Ok::<_, Infallible>(Event::default().event(event.as_str()).data("-"));
        Some((event, (!ended).then_some(watch)))
    });
    let alive = KeepAlive::new().interval(Duration::from_secs(15));
    Sse::new(events).keep_alive(alive).into_response()
}

/// `POST /stay`: someone types, or says that they are there. The session was used by asking.
pub(crate) async fn stay(_: CurrentOperator) -> Response {
    (Extension(Unaudited), StatusCode::NO_CONTENT).into_response()
}

/// A stream that says only that the session is over.
fn over() -> impl axum::response::IntoResponse {
    let over = Event::default().event(Said::Over.as_str()).data("-");
    Sse::new(futures_util::stream::iter([Ok::<_, Infallible>(over)]))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Changed,
    /// The session is over in less than a minute, unless it is used.
    Ending,
    /// The same, and no use of it changes that.
    EndingForGood,
    /// It was used: it is not over soon any more.
    Staying,
    Over,
}

impl Said {
    fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Ending => "ending",
            Self::EndingForGood => "ending-for-good",
            Self::Staying => "staying",
            Self::Over => "over",
        }
    }
}

struct Watch {
    pages: Pages,
    cookie: Cookie,
    payment: Option<PaymentId>,
    /// How far the payment is on the page, until that was compared once.
    shown: Option<u32>,
    /// What the ledger told last.
    seen: Option<Vec<String>>,
    /// What was said last of how long the session lasts.
    lasts: Said,
    inquiries: u32,
    _place: Place,
}

impl Watch {
    /// How long the session lasts, as it is said.
    fn lasts(&self, session: &Session) -> Said {
        let (access, now) = (self.pages.access(), self.pages.access().clock().now());
        let rules = access.rules();
        let longest = rules.longest - now.duration_since(session.created_at);
        let idle = rules.idle - now.duration_since(session.seen_at);
        if longest < WARNING {
            Said::EndingForGood
        } else if idle < WARNING.min(rules.idle / 2) {
            Said::Ending
        } else {
            Said::Staying
        }
    }

    /// Waits for something to say; `None` when the stream has been open long enough.
    async fn next(&mut self) -> Option<Said> {
        while self.inquiries < LOOKS {
            if self.inquiries > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            self.inquiries += 1;
            let session = match self.pages.access().session_unused(&self.cookie).await {
                Ok(Some(session)) => session,
                Ok(None) => return Some(Said::Over),
                // The ledger is away for a moment; the page stays as it is.
                Err(_) => continue,
            };
            let lasts = self.lasts(&session);
            if std::mem::replace(&mut self.lasts, lasts) != lasts {
                return Some(lasts);
            }
            let Ok(now) = self.look(&session).await else {
                continue;
            };
            let shown = self.shown.take().map(|seq| seq.to_string());
            // Something may have happened between the making of the page and this stream.
            if shown.is_some() && shown.as_ref() != now.last() {
                self.seen = Some(now);
                return Some(Said::Changed);
            }
            let before = self.seen.replace(now);
            if before.is_some() && before != self.seen {
                return Some(Said::Changed);
            }
        }
        None
    }

    /// What an open page shows, in short: the doubts, the approval requests, and its payment or the newest one.
    async fn look(&self, session: &Session) -> Result<Vec<String>, StoreError> {
        let access = self.pages.access();
        let store = self.pages.store();
        let mut told = Vec::new();
        for doubt in store.doubts(DOUBTS, &session.operator.shops).await? {
            told.push(doubt.id.to_string());
        }
        for approval_request in access.open_approval_requests().await? {
            if !approval_requests::shows(&session.operator, &approval_request) {
                continue;
            }
            told.push(format!(
                "{} {:?}",
                approval_request.id, approval_request.state
            ));
        }
        if let Some(id) = &self.payment {
            let book = store.load(id).await?;
            let book = book.filter(|book| session.operator.may_use(&book.payment.request.shop));
            told.push(book.map_or_else(String::new, |book| book.payment.seq.to_string()));
        } else {
            let newest = Filter {
                shops: session.operator.shops.clone(),
                limit: 1,
                ..Filter::default()
            };
            let newest = store.list(newest).await?.payments;
            let newest = newest
                .first()
                .map(|one| (one.id.clone(), one.status, one.cancelled));
            told.push(format!("{newest:?}"));
        }
        Ok(told)
    }
}

impl Streams {
    fn enter(&self, name: &str) -> Option<Place> {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = streams.entry(name.into()).or_default();
        if *open >= STREAMS_MAX {
            return None;
        }
        *open += 1;
        Some(Place {
            streams: self.clone(),
            name: name.into(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut streams = self
            .streams
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = streams.get_mut(&self.name) {
            *open -= 1;
            if *open == 0 {
                streams.remove(&self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_bounded_and_given_back() {
        let streams = Streams::default();
        let places: Vec<_> = (0..STREAMS_MAX)
            .map(|_| streams.enter("kim").unwrap())
            .collect();
        assert!(streams.enter("kim").is_none());
        assert!(streams.enter("lee").is_some());
        drop(places);
        assert!(streams.enter("kim").is_some());
        assert!(streams.0.lock().unwrap().is_empty());
    }
}
