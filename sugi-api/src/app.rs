//! What an installation is made of.

use std::sync::Arc;

use sugi_access::{Access, Rules};
use sugi_clock::Clock;
use sugi_engine::Engine;
use sugi_store::Store;
use sugi_webhooks::{Line, Webhooks};

/// What an installation is made of: made once, where the service starts. Access, engine and webhooks stand beside
/// each other on one ledger. Cheap to clone; all clones are one.
///
/// ```no_run
/// # fn run(engine: sugi_engine::Engine) -> Result<(), Box<dyn std::error::Error>> {
/// use sugi_webhooks::{Line, Targets};
/// let line = Line::new(None, Targets::public())?;
/// let clock = sugi_clock::Clock::real();
/// let app = sugi_api::App::new(engine, clock, sugi_access::Rules::default(), line);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct App {
    /// The ledger.
    pub store: Arc<Store>,
    /// The one path that moves money.
    pub engine: Engine,
    /// Operators, sessions, approval requests, and the audit.
    pub access: Access,
    /// Where events are delivered to.
    pub webhooks: Webhooks,
    /// The clock of all of them.
    pub clock: Clock,
}

impl App {
    /// An installation around an engine, on its ledger. Must be called inside a runtime: it starts the audit's
    /// writer.
    #[must_use]
    pub fn new(engine: Engine, clock: Clock, rules: Rules, line: Line) -> Self {
        let store = engine.store().clone();
        let secret = rules.secret.clone();
        Self {
            access: Access::new(store.clone(), clock.clone(), rules),
            webhooks: Webhooks::new(store.clone(), clock.clone(), secret, line),
            store,
            engine,
            clock,
        }
    }
}
