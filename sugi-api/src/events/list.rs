//! `GET /v1/events`: what became of payments, in order.

use std::{collections::BTreeSet, time::Duration};

use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use sugi_core::PublicEvent;
use sugi_store::Event;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::{
    Api, Audited,
    auth::Caller,
    document::{ParameterProblems, Problems},
    keys::{ApiKey, Scope},
    prefer::Prefer,
    problem::Problem,
    query::{Query, bad, number},
};

use super::{TypeWord, View};

/// How many events a page holds unless the caller says so.
const PAGE: usize = 50;
/// The largest page.
const PAGE_MAX: usize = 100;
/// How many stretches of events are looked through for a page, at most.
const STRETCHES: usize = 10;
/// How often someone who waits looks.
const PAUSE: Duration = Duration::from_millis(200);

/// A page of events, in order.
#[derive(Serialize, ToSchema)]
#[schema(as = EventPage)]
pub(crate) struct Found {
    #[schema(max_items = 100)]
    events: Vec<View>,
    /// Give this as `after` to read on: now if there is `more`, else whenever you want to know.
    next: u64,
    /// Whether there is more to be read now. A page can be empty and there is more, when nothing of what
    /// was looked through is for this key or of these types.
    more: bool,
}

/// Read events
///
/// Everything that becomes of payments, in an order that stays: whoever reads on from `next` misses
/// nothing and hears nothing twice. Only payments of shops that the key may use are told of.
///
/// With `Prefer: wait=n` and nothing to tell, the answer waits for something to happen.
#[utoipa::path(
    get, path = "/v1/events", tag = "events", operation_id = "list_events",
    params(
        ("after" = Option<u64>, Query, description = "Behind this number: `next` of the page before. 0 when left out.",
            minimum = 0, maximum = 9_007_199_254_740_991_u64),
        ("type" = Option<Vec<TypeWord>>, Query, description = "Of this type; can be given more than once.", explode),
        ("limit" = Option<u16>, Query, description = "How many, 1 to 100; 50 when left out.", minimum = 1, maximum = 100),
        ("Prefer" = Option<String>, Header, description = "`wait=n`: how many seconds to wait, 0 to 60.",
            example = "wait=5"),
    ),
    responses((status = 200, description = "A page of events.", body = Found), Problems, ParameterProblems),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    prefer: Prefer,
    query: Result<Query, Problem>,
) -> Result<Response, Problem> {
    caller.may(Scope::Read)?;
    let Asked {
        after,
        public_event,
        limit,
    } = asked(query?)?;
    let wanted = |event: &Event| wants(&caller.key, &public_event, event);
    let end = Instant::now() + prefer.wait().unwrap_or_default();
    let (mut next, mut found) = (after, Vec::new());
    let more = loop {
        let more = look(&api, &mut next, &mut found, limit, wanted).await?;
        if more || !found.is_empty() || Instant::now() >= end {
            break more;
        }
        tokio::time::sleep(PAUSE).await;
    };
    let mut events = Vec::with_capacity(found.len());
    for event in found {
        // A journal that does not read is an error: to leave the event out would hide it.
        let store = api.0.app.engine.store();
        if let Some(payment) = store.load_at(&event.payment, event.seq).await? {
            events.push(View::of(&event, &payment));
        }
    }
    let found = Json(Found { events, next, more });
    let seen = Extension(Audited("events".into()));
    Ok(prefer.applied((seen, found).into_response()))
}

/// What is asked for.
struct Asked {
    after: u64,
    public_event: BTreeSet<PublicEvent>,
    limit: usize,
}

fn asked(mut query: Query) -> Result<Asked, Problem> {
    let rule = "must be `next` of a page";
    let after = number("after", rule, query.one("after")?)?.unwrap_or(0);
    let rule = "must be a number from 1 to 100";
    let limit = number("limit", rule, query.one("limit")?)?;
    let limit = limit.map_or(Ok(PAGE), usize::try_from).ok();
    let limit = limit.filter(|limit| (1..=PAGE_MAX).contains(limit));
    let types = query.all("type");
    query.end()?;
    let public_event = types.iter().map(|word| word.parse());
    let public_event = public_event.collect::<Result<_, ()>>();
    Ok(Asked {
        after,
        public_event: public_event
            .map_err(|()| bad("type", "must be a type of event; see /docs"))?,
        limit: limit.ok_or_else(|| bad("limit", rule))?,
    })
}

fn wants(key: &ApiKey, public_event: &BTreeSet<PublicEvent>, event: &Event) -> bool {
    key.may_use(&event.shop)
        && (public_event.is_empty() || public_event.contains(&event.public_event))
}

/// Looks through the events behind `next` and moves it on. Whether there is more.
async fn look(
    api: &Api,
    next: &mut u64,
    found: &mut Vec<Event>,
    limit: usize,
    wanted: impl Fn(&Event) -> bool,
) -> Result<bool, Problem> {
    for _ in 0..STRETCHES {
        let stretch = api.0.app.engine.store().events(*next).await?;
        if stretch.is_empty() {
            return Ok(false);
        }
        for event in stretch {
            if found.len() == limit {
                return Ok(true);
            }
            *next = event.n;
            if wanted(&event) {
                found.push(event);
            }
        }
    }
    Ok(true)
}
