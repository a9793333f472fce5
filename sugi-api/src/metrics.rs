//! `/metrics`: what to watch, in Prometheus' text form, the most important first.
//!
//! Labels are route templates, statuses and states; never an id, an order or anything typed in.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use sugi_core::Status;
use sugi_store::{Filter, StoreError};

use crate::{
    Api,
    problem::{Code, Problem},
};

/// The states in which a payment is not settled: normally few.
const OPEN: [Status; 4] = [
    Status::InDoubt,
    Status::Reversing,
    Status::Approving,
    Status::Requested,
];
/// How many pages of open payments are counted at most.
const PAGES_MAX: usize = 20;

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

/// What to watch
///
/// Prometheus' text form. The first line is the age of the oldest payment in doubt.
#[utoipa::path(
    get, path = "/metrics", tag = "service", operation_id = "metrics",
    responses(
        (status = 200, description = "Metrics.", body = String, content_type = "text/plain; version=0.0.4"),
        (status = 500, description = "The ledger does not read as it should.",
            body = crate::problem::Body, content_type = "application/problem+json"),
        (status = 503, description = "The ledger does not answer.",
            body = crate::problem::Body, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn metrics(State(api): State<Api>) -> Result<Response, Problem> {
    let (open, oldest) = count_open(&api).await?;
    let text = render(
        &api.0.metrics,
        &open,
        oldest.map(|at| api.0.clock.now().duration_since(at).as_secs_f64()),
    );
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

/// How many payments are in each open state, and since when the oldest is in doubt.
async fn count_open(
    api: &Api,
) -> Result<(BTreeMap<&'static str, u64>, Option<Timestamp>), StoreError> {
    let mut open: BTreeMap<_, _> = OPEN.map(|status| (status.as_str(), 0)).into();
    let mut oldest: Option<Timestamp> = None;
    let mut filter = Filter {
        statuses: OPEN.to_vec(),
        limit: Filter::MOST,
        ..Filter::default()
    };
    for _ in 0..PAGES_MAX {
        let page = api.0.engine.store().list(filter.clone()).await?;
        for payment in &page.payments {
            *open.entry(payment.status.as_str()).or_default() += 1;
            oldest = payment.doubt_since.into_iter().chain(oldest).min();
        }
        filter.before = page.payments.last().map(|last| last.id.clone());
        if !page.more {
            break;
        }
    }
    Ok((open, oldest))
}

fn render(metrics: &Metrics, open: &BTreeMap<&str, u64>, oldest_secs: Option<f64>) -> String {
    let counts = metrics.0.lock().unwrap_or_else(PoisonError::into_inner);
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, lines: &[(String, String)]| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in lines {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    let one = |value: String| vec![(String::new(), value)];
    let age = one(format!("{:.3}", oldest_secs.unwrap_or(0.0).max(0.0)));
    family(
        "sugi_in_doubt_oldest_age_seconds",
        "gauge",
        "Age of the oldest payment in doubt; 0 when there is none.",
        &age,
    );
    let in_doubt = one(open.get("in_doubt").copied().unwrap_or(0).to_string());
    family("sugi_in_doubt", "gauge", "Payments in doubt.", &in_doubt);
    let by_state: Vec<_> = open
        .iter()
        .map(|(state, n)| (format!("{{state=\"{state}\"}}"), n.to_string()))
        .collect();
    family(
        "sugi_payments_open",
        "gauge",
        "Payments that are not settled, by state.",
        &by_state,
    );
    let ledger = counts
        .problems
        .iter()
        .filter(|(code, _)| code.starts_with("ledger_"))
        .map(|(_, n)| n)
        .sum::<u64>();
    family(
        "sugi_ledger_errors_total",
        "counter",
        "Requests that the ledger failed.",
        &one(ledger.to_string()),
    );
    let problems: Vec<_> = counts
        .problems
        .iter()
        .map(|(code, n)| (format!("{{code=\"{code}\"}}"), n.to_string()))
        .collect();
    family(
        "sugi_problems_total",
        "counter",
        "Answers that are problems, by code.",
        &problems,
    );
    let labels = |(route, method, status): &(String, &str, u16)| {
        format!("{{route=\"{route}\",method=\"{method}\",status=\"{status}\"}}")
    };
    let requests: Vec<_> = counts
        .requests
        .iter()
        .map(|(key, (n, _))| (labels(key), n.to_string()))
        .collect();
    family(
        "sugi_requests_total",
        "counter",
        "Requests, by route, method and status.",
        &requests,
    );
    let times: Vec<_> = counts
        .requests
        .iter()
        .map(|(key, (_, sum))| (labels(key), format!("{:.6}", sum.as_secs_f64())))
        .collect();
    family(
        "sugi_request_seconds_total",
        "counter",
        "Time from request to answer, summed.",
        &times,
    );
    family(
        "sugi_callers_hung_up_total",
        "counter",
        "Callers that hung up before the answer.",
        &one(counts.hung_up.to_string()),
    );
    text
}
