//! The client: approve, cancel, inquire.

mod approve;
mod cancel;
mod inquire;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use crate::approve::KeyIn;
use crate::cancel::Cancel;
use crate::credential::{Credentials, read_certificates};
use crate::gateway::{Gateway, GatewayError};
use crate::http::{Answer, Failure, Http, Timeouts};
use crate::inquire::Inquiry;
use crate::outcome::{ApproveError, CancelError, InquireError, Lost, LostWhy, NotSent};
use crate::reply::{Approval, Cancellation, Transaction};
use crate::tno::SiteCode;
use crate::wire::Body;

/// A merchant's line to KCP. Cheap to clone; clones share connections.
///
/// Nothing is ever sent twice, followed, or guessed. Every call ends in an answer that was checked
/// against what was asked, or in an error that says whether money may have moved.
///
/// **Dropping the future of a call** is the same as losing its answer: once it was polled, the request
/// may be on its way, so a dropped approval is unknown. Run calls in a task of their own where the
/// caller can go away.
///
/// Needs a tokio runtime with I/O and time enabled.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    dates: Option<ServerDate>,
}

/// The server's own time, out of the HTTP `Date` of the last whole answer: see [`Client::dated`].
#[derive(Debug, Clone, Default)]
pub struct ServerDate(Arc<Mutex<Option<Timestamp>>>);

impl ServerDate {
    /// What the last answer said; `None` when there was no answer, or none with a date.
    #[must_use]
    pub fn get(&self) -> Option<Timestamp> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, date: Option<Timestamp>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date;
    }
}

struct Inner {
    site_code: SiteCode,
    credentials: Credentials,
    gateway: Gateway,
    http: Http,
}

impl Client {
    /// A client for one shop at one server.
    #[must_use]
    pub fn builder(
        site_code: SiteCode,
        credentials: Credentials,
        gateway: Gateway,
    ) -> ClientBuilder {
        ClientBuilder {
            site_code,
            credentials,
            gateway,
            timeouts: Timeouts::default(),
            idle_max: 256,
            extra_roots: Vec::new(),
        }
    }

    /// Asks KCP to charge the card.
    ///
    /// The request is used up: the card data in it is wiped as soon as the message is written, before
    /// anything is sent, and the message when it has been handed to the socket. Success means `0000`, a
    /// transaction number, and the amount that was asked.
    ///
    /// # Errors
    ///
    /// [`ApproveError`]. On [`ApproveError::Unknown`] the card may have been charged.
    pub async fn approve(&self, request: impl KeyIn) -> Result<Approval, ApproveError> {
        let Inner {
            site_code,
            credentials,
            ..
        } = &*self.inner;
        let asked = approve::Asked::of(request.order());
        let body = approve::write(site_code, credentials.cert_info(), &request);
        drop(request);
        match self.post(approve::PATH, body).await {
            Ok(body) => approve::read(&body, &asked),
            Err(Failure::NotSent(why)) => Err(ApproveError::NotSent(why)),
            Err(Failure::Lost { why, body }) => {
                Err(ApproveError::Unknown(approve::lost(why, &body, &asked)))
            }
        }
    }

    /// Asks KCP to give money back. It cannot be undone.
    ///
    /// # Errors
    ///
    /// [`CancelError`]. On [`CancelError::Unknown`] the money may have gone back: inquire.
    pub async fn cancel(&self, cancel: &Cancel) -> Result<Cancellation, CancelError> {
        let Inner {
            site_code,
            credentials,
            ..
        } = &*self.inner;
        let body = cancel::write(site_code, credentials, cancel)
            .map_err(|_| CancelError::NotSent(NotSent::Unsigned))?;
        match self.post(cancel::PATH, body).await {
            Ok(body) => cancel::read(&body, cancel),
            Err(Failure::NotSent(why)) => Err(CancelError::NotSent(why)),
            Err(Failure::Lost { why, .. }) => Err(CancelError::Unknown(Lost::new(why, None))),
        }
    }

    /// Asks KCP what it knows of a transaction. Moves no money.
    ///
    /// # Errors
    ///
    /// [`InquireError`].
    pub async fn inquire(&self, inquiry: &Inquiry) -> Result<Transaction, InquireError> {
        let Inner {
            site_code,
            credentials,
            ..
        } = &*self.inner;
        let body = inquire::write(site_code, credentials, inquiry)
            .map_err(|_| InquireError::NotSent(NotSent::Unsigned))?;
        match self.post(inquire::PATH, body).await {
            Ok(body) => inquire::read(&body, inquiry),
            Err(Failure::NotSent(why)) => Err(InquireError::NotSent(why)),
            Err(Failure::Lost { why, .. }) => Err(InquireError::Unknown(Lost::new(why, None))),
        }
    }

    /// The same line, and beside it the time that its next answer carries: what time it was at KCP when
    /// it answered. Only between the moments of asking and of hearing, and cut to the second.
    #[must_use]
    pub fn dated(&self) -> (Self, ServerDate) {
        let date = ServerDate::default();
        let client = Self {
            inner: Arc::clone(&self.inner),
            dates: Some(date.clone()),
        };
        (client, date)
    }

    /// The shop.
    #[must_use]
    pub fn site_code(&self) -> &SiteCode {
        &self.inner.site_code
    }

    /// The certificate and key.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.inner.credentials
    }

    /// The server.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        &self.inner.gateway
    }

    /// The body of an answer with status 200. KCP gives its refusals with 200 as well, so another
    /// status comes from something in between, which cannot know what became of the request.
    async fn post(&self, path: &str, body: Body) -> Result<Vec<u8>, Failure> {
        match self.inner.http.post(path, body.into_bytes()).await? {
            Answer {
                status: 200,
                body,
                date,
            } => {
                if let Some(dates) = &self.dates {
                    dates.set(date);
                }
                Ok(body)
            }
            Answer { status, body, .. } => Err(Failure::Lost {
                why: LostWhy::HttpStatus(status),
                body,
            }),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("site_code", &self.inner.site_code)
            .field("gateway", &self.inner.gateway)
            .finish_non_exhaustive()
    }
}

/// Makes a [`Client`].
#[derive(Debug)]
pub struct ClientBuilder {
    site_code: SiteCode,
    credentials: Credentials,
    gateway: Gateway,
    timeouts: Timeouts,
    idle_max: usize,
    extra_roots: Vec<Vec<u8>>,
}

impl ClientBuilder {
    /// How long to wait for what. Unless set, [`Timeouts::default`].
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// How many unused connections to keep at most. Unless set, 256.
    #[must_use]
    pub fn idle_connections_max(mut self, count: usize) -> Self {
        self.idle_max = count;
        self
    }

    /// Trusts the certificate authorities in a PEM file, beside those of Mozilla's list. For a sandbox
    /// with TLS only: with KCP's own servers it is refused, since whoever holds such an authority could
    /// read card data.
    #[must_use]
    pub fn trust_roots(mut self, pem: &[u8]) -> Self {
        self.extra_roots.push(pem.to_vec());
        self
    }

    /// Makes the client. Opens no connection.
    ///
    /// # Errors
    ///
    /// [`BuildError`].
    pub fn build(self) -> Result<Client, BuildError> {
        self.gateway.check(&self.site_code)?;
        let kcp = !matches!(self.gateway, Gateway::Sandbox(_));
        if kcp && !self.extra_roots.is_empty() {
            return Err(BuildError::RootAtKcp);
        }
        let tls = Arc::new(tls(&self.extra_roots)?);
        let http = Http::new(self.gateway.url(), &tls, self.timeouts, self.idle_max)
            .ok_or(GatewayError::NotAnAddress)?;
        let Self {
            site_code,
            credentials,
            gateway,
            ..
        } = self;
        Ok(Client {
            inner: Arc::new(Inner {
                site_code,
                credentials,
                gateway,
                http,
            }),
            dates: None,
        })
    }
}

/// Why a client could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The server, or the shop with this server.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// An additional certificate authority together with one of KCP's own servers.
    #[error("additional certificate authorities are for sandboxes, not for KCP's own servers")]
    RootAtKcp,
    /// An additional certificate authority that cannot be read.
    #[error("the additional certificate authority cannot be read: it must be whole, in PEM")]
    RootUnreadable,
    /// TLS could not be set up.
    #[error("TLS could not be set up: {0}")]
    Tls(String),
}

fn tls(extra_roots: &[Vec<u8>]) -> Result<ClientConfig, BuildError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for pem in extra_roots {
        for der in read_certificates(pem).map_err(|_| BuildError::RootUnreadable)? {
            let added = roots.add(CertificateDer::from(der.as_slice()));
            added.map_err(|_| BuildError::RootUnreadable)?;
        }
    }
    // Named, so that nothing depends on what the process installed.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| BuildError::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
