//! sugi's REST API.
//!
//! One file per operation, with its handler, its errors, its part of the OpenAPI document and how
//! it waits. Everything that moves money goes through [`Engine`](sugi_engine::Engine); nothing here decides about money.
//!
//! Work on a payment never hangs on a request: what writes to the ledger runs in a task of its own,
//! so a caller who hangs up changes nothing but that no one waits any more.
//!
//! ```no_run
//! # async fn run(app: sugi_api::App) -> std::io::Result<()> {
//! use sugi_api::{Api, ApiKey, Limits};
//! let key = ApiKey::new("back end".parse().expect("a name"), "a long random text");
//! let limits = Limits::default();
//! let router = sugi_api::router(&Api::new(app, [key], limits), axum::Router::new());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! let stop = async { let _ = tokio::signal::ctrl_c().await; };
//! sugi_api::serve(listener, router, limits, stop).await;
//! # Ok(()) }
//! ```

mod app;
mod audit;
mod auth;
mod body;
mod connections;
mod document;
mod events;
mod health;
mod idempotency;
mod keys;
mod limits;
mod listening;
mod metrics;
mod page;
mod payments;
mod peer;
mod prefer;
mod problem;
mod query;
mod request;
mod router;
mod serve;
mod shops;
pub mod show;
mod text;
mod unauthenticated;
mod unproved;
mod velocity;
mod webhooks;
mod write_timeout;

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Semaphore;

pub use app::App;
pub use audit::{Audited, Did, Unaudited, Who};
pub use body::{BODY_BYTES_MAX, is_encoded, read_body};
pub use connections::Standing;
pub use document::document;
pub use events::event_json;
pub use keys::{ApiKey, Keys, Scope};
pub use limits::Limits;
pub use listening::{Listener, Tls, TlsError};
pub use peer::ClientAddress;
pub use prefer::WAIT_SECS_MAX;
pub use problem::{Code, Problem};
pub use router::{nothing_here, router};
pub use serve::serve;
pub use sugi_access::{BadNetwork, Network};
pub use unproved::WorkPlace;

/// What every operation needs. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Api(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    app: App,
    keys: RwLock<Arc<Keys>>,
    pub(crate) limits: Limits,
    pub(crate) metrics: metrics::Metrics,
    pub(crate) unauthenticated: unauthenticated::UnauthenticatedSampler,
    pub(crate) request_ids: request::Ids,
    pub(crate) readiness: health::Last,
    pub(crate) open_payments: metrics::OpenPayments,
    pub(crate) connections: connections::Connections,
    pub(crate) unproved: unproved::Unproved,
    /// Room for requests.
    pub(crate) room: Arc<Semaphore>,
}

impl Api {
    /// The API over an installation, for callers with one of these keys.
    #[must_use]
    pub fn new(app: App, keys: impl IntoIterator<Item = ApiKey>, limits: Limits) -> Self {
        let keys = RwLock::new(Arc::new(Keys::new(keys, limits.requests_per_key)));
        let (metrics, request_ids) = (metrics::Metrics::default(), request::Ids::new());
        let room = Arc::new(Semaphore::new(limits.requests));
        Self(Arc::new(Inner {
            app,
            keys,
            limits,
            metrics,
            unauthenticated: unauthenticated::UnauthenticatedSampler::default(),
            request_ids,
            readiness: health::Last::default(),
            open_payments: metrics::OpenPayments::default(),
            connections: connections::Connections::default(),
            unproved: unproved::Unproved::default(),
            room,
        }))
    }

    /// Takes other keys from now on. What is under way goes on with the key that it came with, and
    /// still counts against the places of the key of that name.
    pub fn set_keys(&self, keys: impl IntoIterator<Item = ApiKey>) {
        let mut known = self.0.keys.write().unwrap_or_else(PoisonError::into_inner);
        *known = Arc::new(known.renewed(keys, self.0.limits.requests_per_key));
    }

    /// The installation that this is the API of.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.0.app
    }

    /// The keys that are taken now.
    #[must_use]
    pub fn known_keys(&self) -> Vec<Arc<ApiKey>> {
        self.keys().all()
    }

    pub(crate) fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.0.keys.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Runs something to its end, whether or not the caller is still there to hear of it.
pub(crate) async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    use tracing::Instrument as _;
    // The only ways to end without a result are a panic and the end of the process.
    tokio::spawn(work.in_current_span())
        .await
        .unwrap_or_else(|why| {
            let why = sugi_store::broke_off(&why);
            tracing::error!(why, "a request ended without a result");
            Err(Problem::new(
                Code::OutcomeUnknown,
                "the work on this request ended without a result",
            ))
        })
}
