//! The sandbox as a value: start it, look into it, make it misbehave, stop it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::books::Books;
use crate::certificate::Certificate;
use crate::compare::{Comparison, LedgerEntry};
use crate::credentials::{self, Credentials, CredentialsError, TEST_SITE};
use crate::fault::Fault;
use crate::lint::Lint;
use crate::message::Message;
use crate::settings::Settings;
use crate::shop::Shops;
use crate::world::{Snapshot, World};
use crate::{Error, control, gateway, server};

/// Why a sandbox could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address could not be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// No test credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// A certificate given for a shop is none with an RSA key.
    #[error("the certificate of {site_cd} is not an X.509 certificate with an RSA key in PEM")]
    Certificate {
        /// The shop.
        site_cd: String,
    },
    /// TLS could not be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

/// A running sandbox. It stops when it is dropped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use kcp_sandbox::{Fault, FaultKind, Sandbox};
///
/// let sandbox = Sandbox::start().await?;
/// // The client under test talks to sandbox.url(), with sandbox.credentials().
/// sandbox.fault(Fault::new(FaultKind::LoseAnswer))?;
/// assert!(sandbox.url().starts_with("http://127.0.0.1:"));
/// assert_eq!(sandbox.faults().len(), 1);
/// sandbox.stop().await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Sandbox {
    world: Arc<World>,
    url: String,
    control_url: String,
    credentials: Credentials,
    ca_pem: String,
    servers: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

/// How a sandbox is to start. See [`Sandbox::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    listen: SocketAddr,
    control: SocketAddr,
    site_cd: Option<String>,
    credentials: Option<Credentials>,
    more_shops: Vec<(String, String)>,
    settings: Settings,
    tls: bool,
}

impl Sandbox {
    /// A sandbox on free ports of 127.0.0.1 with the shop `T0000` and default settings.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// Choose before starting.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sandbox = kcp_sandbox::Sandbox::builder()
    ///     .site_cd("T1234")
    ///     .order_lookup(true)
    ///     .start()
    ///     .await?;
    /// assert_eq!(sandbox.credentials().site_cd, "T1234");
    /// # Ok(()) }
    /// ```
    pub fn builder() -> Builder {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Builder {
            listen: any,
            control: any,
            site_cd: None,
            credentials: None,
            more_shops: Vec::new(),
            settings: Settings::default(),
            tls: false,
        }
    }

    /// The origin of KCP's addresses here, such as `http://127.0.0.1:40001`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The origin of the control port. Its `/` is a page for people.
    #[must_use]
    pub fn control_url(&self) -> &str {
        &self.control_url
    }

    /// The first shop's credentials.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The certificate (PEM) of the authority that a client must trust to speak TLS with
    /// [`Sandbox::url`].
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The true books, now.
    #[must_use]
    pub fn books(&self) -> Books {
        self.world.ledger().books(None)
    }

    /// The part of the books that concerns one order number.
    #[must_use]
    pub fn books_of(&self, ordr_idxx: &str) -> Books {
        self.world.ledger().books(Some(ordr_idxx))
    }

    /// The part of the books that concerns order numbers which begin so: a client may send more than its
    /// merchant's number.
    #[must_use]
    pub fn books_beginning(&self, beginning: &str) -> Books {
        let mut books = self.books();
        let begins = |ordr_idxx: &str| ordr_idxx.starts_with(beginning);
        books.transactions.retain(|one| begins(&one.ordr_idxx));
        books.declined.retain(|one| begins(&one.ordr_idxx));
        books
    }

    /// How many payments the books hold.
    #[must_use]
    pub fn transaction_count(&self) -> usize {
        self.world.ledger().len()
    }

    /// The differences between a merchant's ledger and the books.
    #[must_use]
    pub fn compare(&self, ledger: &[LedgerEntry]) -> Comparison {
        crate::compare::compare(&self.books(), ledger)
    }

    /// Arms a fault.
    ///
    /// # Errors
    ///
    /// [`Error`] when a parameter is out of range or 1,000 faults are armed.
    pub fn fault(&self, fault: Fault) -> Result<(), Error> {
        self.world.faults.arm(fault)
    }

    /// The armed faults, with how often each still happens.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.world.faults.list()
    }

    /// Disarms every fault.
    pub fn clear_faults(&self) {
        self.world.faults.set(Vec::new());
    }

    /// The last 1,000 messages, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.world.messages.list()
    }

    /// What requests did that the guide does not say.
    #[must_use]
    pub fn lints(&self) -> Vec<Lint> {
        self.world.lints.list()
    }

    /// The settings, now.
    #[must_use]
    pub fn settings(&self) -> Settings {
        (*self.world.settings()).clone()
    }

    /// Changes settings.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sandbox = kcp_sandbox::Sandbox::start().await?;
    /// sandbox.set(|settings| settings.partial_cancel = false);
    /// assert!(!sandbox.settings().partial_cancel);
    /// # Ok(()) }
    /// ```
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings();
        change(&mut settings);
        self.world.set_settings(settings);
    }

    /// The sandbox's time: real time, plus what it was moved.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    /// Moves the clock forward. Late answers that become due are sent.
    pub fn advance(&self, by: Duration) {
        self.world.clock.advance(by);
    }

    /// Sets the clock; it runs on from there.
    pub fn set_clock(&self, to: Timestamp) {
        self.world.clock.set(to);
    }

    /// Empties books, messages, lints, faults and named snapshots, and takes clock and settings back
    /// to the start. Late approvals still under way never land.
    pub fn reset(&self) {
        self.world.reset();
    }

    /// The books, armed faults and settings as they are now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.world.snapshot()
    }

    /// Goes back to a snapshot. It can be used again.
    pub fn restore(&self, snapshot: &Snapshot) {
        self.world.restore(snapshot);
    }

    /// Stops: closes the ports and every connection.
    pub async fn stop(mut self) {
        self.world.closing.send_replace(true);
        for server in std::mem::take(&mut self.servers) {
            // A server that panicked is stopped too.
            let _ = server.await;
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.world.closing.send_replace(true);
        for server in &self.servers {
            server.abort();
        }
    }
}

impl Builder {
    /// The address of KCP's paths; port 0 takes a free one.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// The address of the control port; port 0 takes a free one.
    pub fn control(mut self, address: SocketAddr) -> Self {
        self.control = address;
        self
    }

    /// The first shop's site code instead of `T0000` (or that of given credentials).
    pub fn site_cd(mut self, site_cd: impl Into<String>) -> Self {
        self.site_cd = Some(site_cd.into());
        self
    }

    /// The first shop's credentials instead of new ones.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Registers one more shop with its certificate (PEM).
    pub fn shop(mut self, site_cd: impl Into<String>, cert_pem: impl Into<String>) -> Self {
        self.more_shops.push((site_cd.into(), cert_pem.into()));
        self
    }

    /// All settings at once. A reset comes back to them.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The setting of this name: inquiry by date and order number. Off by default.
    pub fn order_lookup(mut self, on: bool) -> Self {
        self.settings.order_lookup = on;
        self
    }

    /// The setting of this name: an approved order number is refused. Off by default.
    pub fn refuse_duplicate_orders(mut self, on: bool) -> Self {
        self.settings.refuse_duplicate_orders = on;
        self
    }

    /// The setting of this name: what the guide forbids is refused. Off by default.
    pub fn strict(mut self, on: bool) -> Self {
        self.settings.strict = on;
        self
    }

    /// Whether KCP's paths are served over TLS, with a certificate of [`Sandbox::ca_pem`] for
    /// `localhost` and 127.0.0.1. The control port stays plain. Off by default.
    pub fn tls(mut self, on: bool) -> Self {
        self.tls = on;
        self
    }

    /// Starts the sandbox on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StartError`] when an address is taken or credentials cannot be made.
    pub async fn start(self) -> Result<Sandbox, StartError> {
        let mut credentials = match self.credentials {
            Some(credentials) => credentials,
            // Making the process's first key takes long enough to hold up other tasks.
            None => tokio::task::spawn_blocking(|| Credentials::generate(TEST_SITE))
                .await
                .map_err(|e| CredentialsError::Make(e.to_string()))??,
        };
        if let Some(site_cd) = self.site_cd {
            credentials.site_cd = site_cd;
        }
        let mut shops = Shops::default();
        let first = (credentials.site_cd.clone(), credentials.cert_pem.clone());
        for (site_cd, cert_pem) in std::iter::once(first).chain(self.more_shops) {
            match Certificate::from_pem(&cert_pem) {
                Some(certificate) => shops.register(&site_cd, certificate),
                None => return Err(StartError::Certificate { site_cd }),
            }
        }
        let authority = credentials::authority()?;
        let tls = if self.tls {
            Some(acceptor(authority)?)
        } else {
            None
        };
        let scheme = if self.tls { "https" } else { "http" };
        let world = Arc::new(World::new(shops, self.settings));
        let (gateway, gateway_address) = bind(self.listen).await?;
        let (control, control_address) = bind(self.control).await?;
        let gateway = server::serve(gateway, tls, world.closing.subscribe(), {
            let world = world.clone();
            move |request, line| gateway::serve(world.clone(), request, line)
        });
        let control = server::serve(control, None, world.closing.subscribe(), {
            let world = world.clone();
            move |request, _| control::serve(world.clone(), request)
        });
        Ok(Sandbox {
            world,
            url: format!("{scheme}://{gateway_address}"),
            control_url: format!("http://{control_address}"),
            credentials,
            ca_pem: authority.pem.clone(),
            servers: vec![tokio::spawn(gateway), tokio::spawn(control)],
        })
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn acceptor(authority: &credentials::Authority) -> Result<TlsAcceptor, StartError> {
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
    let (certificate, key) = authority.issue_tls()?;
    let config = ServerConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder.with_no_client_auth().with_single_cert(
                vec![CertificateDer::from(certificate)],
                PrivatePkcs8KeyDer::from(key).into(),
            )
        })
        .map_err(|e| StartError::Tls(e.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
