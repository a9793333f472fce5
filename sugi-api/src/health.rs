//! `/healthz`, `/readyz`: whether the process can go on, and whether it can take payments. Both ask; neither assumes.

use std::time::Duration;

use axum::{Json, extract::State};
use serde::Serialize;
use sugi_store::WriterState;
use tokio::{sync::Mutex, time::Instant};
use utoipa::ToSchema;

use crate::{
    Api,
    problem::{Code, Problem},
};

/// How long the ledger may take to commit the probe.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long an answer is good: a probe is a commit, and anybody may ask.
const FRESH: Duration = Duration::from_secs(1);

/// A process that can go on.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    #[schema(example = "ok")]
    status: &'static str,
    ledger: LedgerWord,
}

/// How the ledger's writer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LedgerState)]
pub(crate) enum LedgerWord {
    /// It writes.
    Working,
    /// Its last write failed and was undone; the next one may succeed.
    Failing,
    /// It has ended, and the process ends.
    Ended,
    /// It did not answer in time.
    Silent,
}

/// Whether payments can be taken, and what that rests on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Readiness {
    #[schema(example = "ready")]
    status: &'static str,
    /// Whether a commit just succeeded.
    ledger: LedgerWord,
    /// Whether this machine's calendar agrees with KCP's: `right`, `wrong` or `unmeasured`. Payments are
    /// taken in any case; unless it is right, no lost payment is closed by time.
    #[schema(example = "right")]
    clock: &'static str,
    /// The disk of an embedded ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    disk: Option<Disk>,
    /// What keeps the service from being ready, in a sentence.
    #[serde(skip)]
    why: Option<String>,
}

/// The free space that the ledger has, and what it wants to have.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct Disk {
    free_bytes: u64,
    /// `disk_free_min_mb` of the configuration.
    min_bytes: u64,
}

/// The last answer, for those who ask again at once.
#[derive(Debug, Default)]
pub(crate) struct Last(Mutex<Option<(Instant, Readiness)>>);

/// Whether the process can go on
///
/// A process that says no ends within seconds, and has to be started again. A ledger that fails for now (a full
/// disk, a database that is away) is no reason to start again: see `/readyz` for that.
#[utoipa::path(
    get, path = "/healthz", tag = "service", operation_id = "health",
    responses(
        (status = 200, description = "It can.", body = Health),
        (status = 503, description = "The ledger's writer has ended; so does the process.",
            body = crate::problem::Body, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn healthz(State(api): State<Api>) -> Result<Json<Health>, Problem> {
    let ledger = match api.0.app.engine.store().writer() {
        WriterState::Ended { .. } => {
            let detail = "the ledger's writer has ended, and this process ends";
            return Err(Problem::new(Code::Stopping, detail).retry_after(5));
        }
        WriterState::Failing { .. } => LedgerWord::Failing,
        WriterState::Working | WriterState::None => LedgerWord::Working,
    };
    Ok(Json(Health {
        status: "ok",
        ledger,
    }))
}

/// Whether payments can be taken
///
/// The ledger's writer is asked to commit, and the disk for its free space. An answer is good for a second.
#[utoipa::path(
    get, path = "/readyz", tag = "service", operation_id = "ready",
    responses(
        (status = 200, description = "They can.", body = Readiness),
        (status = 503, description = "They cannot: `readiness` says what is wrong.",
            body = crate::problem::Body, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn readyz(State(api): State<Api>) -> Result<Json<Readiness>, Problem> {
    // Those who ask while someone else's probe is under way get its answer.
    let mut last = api.0.readiness.0.lock().await;
    let readiness = match last.as_ref() {
        Some((at, readiness)) if at.elapsed() < FRESH => readiness.clone(),
        before => {
            let before = before.map(|(_, readiness)| readiness);
            let readiness = Readiness::ask(&api, before).await;
            *last = Some((Instant::now(), readiness.clone()));
            readiness
        }
    };
    drop(last);
    let clock = api.0.app.engine.calendar().as_str();
    let readiness = Readiness { clock, ..readiness };
    match readiness.why.clone() {
        None => Ok(Json(readiness)),
        Some(why) => Err(Problem::new(Code::NotReady, why)
            .readiness(readiness)
            .retry_after(1)),
    }
}

impl Readiness {
    /// Asks the writer and the disk. `before` is what was known: the log is told of what changed.
    async fn ask(api: &Api, before: Option<&Self>) -> Self {
        let (ledger, wording) = ledger(api).await;
        let (disk, too_little) = disk(api);
        let why: Vec<String> = ledger
            .why()
            .map(Into::into)
            .into_iter()
            .chain(too_little)
            .collect();
        let why = Some(why.join("; ")).filter(|why| !why.is_empty());
        let was_ready = before.is_none_or(|before| before.why.is_none());
        match &why {
            // The database's own words are for the log: they can name hosts, and quote what was written.
            Some(why) if was_ready => tracing::error!(%why, wording, "not ready to take payments"),
            None if !was_ready => tracing::info!("ready to take payments again"),
            _ => {}
        }
        let status = if why.is_none() { "ready" } else { "not_ready" };
        Self {
            status,
            ledger,
            clock: api.0.app.engine.calendar().as_str(),
            disk,
            why,
        }
    }
}

impl LedgerWord {
    fn why(self) -> Option<&'static str> {
        match self {
            Self::Working => None,
            Self::Failing => Some("the ledger cannot be written"),
            Self::Ended => Some("the ledger's writer has ended, and this process ends"),
            Self::Silent => Some("the ledger did not commit in time"),
        }
    }
}

/// How the ledger is, and in the database's words what is wrong with it.
async fn ledger(api: &Api) -> (LedgerWord, Option<String>) {
    let store = api.0.app.engine.store();
    if let WriterState::Ended { why } = store.writer() {
        return (LedgerWord::Ended, Some(why));
    }
    let probed = tokio::time::timeout(TIMEOUT, store.probe()).await;
    // The probe itself may have been the writer's end. It goes the way of every write, so what it says is how the
    // writer is; one that is not answered in time stays in the writer's queue, and is answered with the next.
    match (store.writer(), probed) {
        (WriterState::Ended { why }, _) => (LedgerWord::Ended, Some(why)),
        (_, Ok(Ok(()))) => (LedgerWord::Working, None),
        (_, Ok(Err(why))) => (LedgerWord::Failing, Some(why.to_string())),
        (WriterState::Failing { why }, Err(_)) => (LedgerWord::Failing, Some(why)),
        (WriterState::Working | WriterState::None, Err(_)) => (LedgerWord::Silent, None),
    }
}

/// The disk, and what is wrong with it.
fn disk(api: &Api) -> (Option<Disk>, Option<String>) {
    let min_bytes = api.0.limits.disk_free_bytes;
    match api.0.app.engine.store().free_bytes() {
        Ok(None) => (None, None),
        Ok(Some(free_bytes)) => {
            let why = (free_bytes < min_bytes).then(|| {
                format!(
                    "the ledger's disk has {} MB free, and disk_free_min_mb wants {}",
                    free_bytes / MB,
                    min_bytes / MB
                )
            });
            let disk = Disk {
                free_bytes,
                min_bytes,
            };
            (Some(disk), why)
        }
        Err(why) => {
            tracing::error!(%why, "the free space of the ledger's disk is not known");
            (
                None,
                Some("the free space of the ledger's disk is not known".into()),
            )
        }
    }
}

/// As disks are sold, and as `disk_free_min_mb` counts.
const MB: u64 = 1_000_000;
