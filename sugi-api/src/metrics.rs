//! `/metrics`: what to watch, in Prometheus' text form, the most important first.
//!
//! Labels are route templates, statuses, states and, for a key that may read them, shops and webhooks; never
//! a payment, an order or anything typed in.

mod shops;
pub(crate) mod text;
mod watch;
mod webhooks;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use jiff::{SignedDuration, Timestamp};
use sugi_core::{ShopId, Status};
use sugi_engine::Calendar;
use sugi_store::{Store, StoreError, Unsettled, WriterState};

use crate::{
    Api,
    auth::Caller,
    connections::Connections,
    document::Problems,
    keys::Scope,
    problem::{Code, Problem},
    velocity,
};

use text::{Kind, Text};

/// What is counted since the start.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    requests: BTreeMap<(String, &'static str, u16), (u64, Duration)>,
    problems: BTreeMap<&'static str, u64>,
    hung_up: u64,
}

impl Metrics {
    /// A request was answered.
    pub(crate) fn answered(
        &self,
        route: &str,
        method: &'static str,
        status: u16,
        code: Option<Code>,
        took: Duration,
    ) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, sum) = counts
            .requests
            .entry((route.to_owned(), method, status))
            .or_default();
        *count += 1;
        *sum += took;
        if let Some(code) = code {
            *counts.problems.entry(code.as_str()).or_default() += 1;
        }
    }

    /// A caller hung up before it was answered.
    pub(crate) fn hung_up(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .hung_up += 1;
    }
}

/// How long what the ledger said is good for callers without a key: anybody may ask, as often as they like.
const FRESH: SignedDuration = SignedDuration::from_secs(1);

/// The open payments as the ledger last told them to a caller without a key. Those who ask while the ledger is asked
/// get the same answer.
#[derive(Debug, Default)]
pub(crate) struct OpenPayments(tokio::sync::Mutex<Option<(Timestamp, Arc<[Unsettled]>)>>);

impl OpenPayments {
    async fn get(&self, api: &Api) -> Result<Arc<[Unsettled]>, StoreError> {
        let mut last = self.0.lock().await;
        let now = api.0.app.clock.now();
        if let Some((at, open)) = &*last
            && (SignedDuration::ZERO..FRESH).contains(&now.duration_since(*at))
        {
            return Ok(Arc::clone(open));
        }
        let open: Arc<[_]> = api.0.app.engine.store().unsettled().await?.into();
        *last = Some((now, Arc::clone(&open)));
        Ok(open)
    }
}

/// What to watch
///
/// Prometheus' text form. The first line is the age of the oldest payment in doubt. With an API key that
/// may read, also payments and money of the shops that the key may use; without one nothing that tells
/// of a shop or of amounts. Every metric is described in `docs/metrics.md`.
#[utoipa::path(
    get, path = "/metrics", tag = "service", operation_id = "metrics",
    responses(
        (status = 200, description = "Metrics.", body = String, content_type = "text/plain; version=0.0.4"),
        Problems,
    ),
    security((), ("api_key" = ["read"])),
)]
pub(crate) async fn metrics(
    State(api): State<Api>,
    headers: HeaderMap,
    caller: Result<Caller, Problem>,
) -> Result<Response, Problem> {
    let caller = match caller {
        // A key that is given has to be a good one.
        Err(why) if headers.contains_key(AUTHORIZATION) => return Err(why),
        Err(_) => None,
        Ok(caller) => {
            caller.may(Scope::Read)?;
            Some(caller)
        }
    };
    let open = match &caller {
        Some(_) => Arc::from(api.0.app.engine.store().unsettled().await?),
        None => api.0.open_payments.get(&api).await?,
    };
    let mut text = Text::default();
    write_open(&mut text, &open, api.0.app.clock.now());
    text.one(
        Kind::Gauge,
        "sugi_payments_not_taken_up",
        "Payments with work to do that this process could not take up, and tries again.",
        api.0.app.engine.counts().not_taken_up,
    );
    if let Some(caller) = &caller {
        let may_see = |shop: &ShopId| caller.key.may_use(shop);
        shops::write(&mut text, &api.0.app.engine.counts(), &open, may_see);
        velocity::write(&mut text, &api, may_see);
        shops::write_clocks(&mut text, &api.0.app.engine, may_see);
        watch::write(&mut text, &api.0.app.engine, may_see).await?;
        webhooks::write(&mut text, &api, caller, api.0.app.clock.now()).await?;
    }
    text.one(
        Kind::Gauge,
        "sugi_clock_wrong",
        "1 while this machine's calendar is further from KCP's than is tolerated.",
        u8::from(api.0.app.engine.calendar() == Calendar::Wrong),
    );
    api.0.metrics.write(&mut text);
    write_ledger(&mut text, api.0.app.engine.store());
    write_connections(&mut text, &api.0.connections);
    let kind = [(CONTENT_TYPE, "text/plain; version=0.0.4")];
    Ok((kind, text.into_string()).into_response())
}

/// Who holds connections, and how often that was bounded.
fn write_connections(text: &mut Text, connections: &Connections) {
    let (open, unauthenticated, held) = connections.counts();
    text.family(
        Kind::Gauge,
        "sugi_connections",
        "Open connections, by whether a key or a session was shown on them.",
        [
            ([("caller", "known")], open.saturating_sub(unauthenticated)),
            ([("caller", "stranger")], unauthenticated),
        ],
    );
    text.family(
        Kind::Counter,
        "sugi_connection_caps_total",
        "How often a cap held against callers, by the cap.",
        held.map(|(cap, times)| ([("cap", cap.as_str())], times)),
    );
}

/// What the ledger's writer has done.
fn write_ledger(text: &mut Text, store: &Store) {
    let tally = store.tally();
    text.one(
        Kind::Gauge,
        "sugi_ledger_writer_working",
        "1 while the ledger's last write succeeded, 0 when it failed or the writer has ended.",
        u8::from(store.writer() == WriterState::Working),
    );
    if let Ok(Some(free)) = store.free_bytes() {
        text.one(
            Kind::Gauge,
            "sugi_ledger_disk_free_bytes",
            "Free bytes on the disk of an embedded ledger.",
            free,
        );
    }
    text.one(
        Kind::Counter,
        "sugi_ledger_commits_total",
        "Transactions that the ledger's writer committed, each waiting for the disk.",
        tally.commits,
    );
    text.one(
        Kind::Counter,
        "sugi_ledger_writes_total",
        "Writes that those transactions carried.",
        tally.writes,
    );
}

/// The words for what is open: states, and a cancel that has not ended.
const OPEN: [&str; 5] = [
    "in_doubt",
    "reversing",
    "approving",
    "requested",
    "cancelling",
];

/// The word for a payment that is open in this state.
fn open_state(status: Status) -> &'static str {
    match status {
        Status::Approved | Status::PartiallyCancelled | Status::Cancelled => "cancelling",
        status => status.as_str(),
    }
}

/// What is not settled, over all shops.
fn write_open(text: &mut Text, open: &[Unsettled], now: Timestamp) {
    let oldest = open.iter().filter_map(|one| one.doubt_since).min();
    let age = oldest.map_or(0.0, |at| now.duration_since(at).as_secs_f64());
    text.one(
        Kind::Gauge,
        "sugi_in_doubt_oldest_age_seconds",
        "Age of the oldest payment in doubt; 0 when there is none.",
        format_args!("{:.3}", age.max(0.0)),
    );
    let count = |state| {
        let those = open.iter().filter(|one| open_state(one.status) == state);
        those.map(|one| one.payments).sum::<u64>()
    };
    text.one(
        Kind::Gauge,
        "sugi_in_doubt",
        "Payments in doubt.",
        count("in_doubt"),
    );
    text.family(
        Kind::Gauge,
        "sugi_payments_open",
        "Payments that are not settled, by state.",
        OPEN.map(|state| ([("state", state)], count(state))),
    );
}

impl Metrics {
    /// What is counted of requests.
    fn write(&self, text: &mut Text) {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_ledger = |code: &&str| code.starts_with("ledger_");
        let ledger = counts.problems.iter().filter(|(code, _)| of_ledger(code));
        text.one(
            Kind::Counter,
            "sugi_ledger_errors_total",
            "Requests that the ledger failed.",
            ledger.map(|(_, n)| n).sum::<u64>(),
        );
        text.family(
            Kind::Counter,
            "sugi_problems_total",
            "Answers that are problems, by code.",
            counts
                .problems
                .iter()
                .map(|(code, n)| ([("code", *code)], n)),
        );
        let requests: Vec<_> = counts
            .requests
            .iter()
            .map(|((route, method, status), told)| (route, *method, status.to_string(), told))
            .collect();
        let labels =
            |route, method, status| [("route", route), ("method", method), ("status", status)];
        text.family(
            Kind::Counter,
            "sugi_requests_total",
            "Requests, by route, method and status.",
            requests.iter().map(|(route, method, status, (n, _))| {
                (labels(route.as_str(), method, status.as_str()), n)
            }),
        );
        text.family(
            Kind::Counter,
            "sugi_request_seconds_total",
            "Time from request to answer, summed.",
            requests.iter().map(|(route, method, status, (_, sum))| {
                let sum = format!("{:.6}", sum.as_secs_f64());
                (labels(route.as_str(), method, status.as_str()), sum)
            }),
        );
        text.one(
            Kind::Counter,
            "sugi_callers_hung_up_total",
            "Callers that hung up before the answer.",
            counts.hung_up,
        );
    }
}
