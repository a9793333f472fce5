//! The way to a webhook: one POST, one status. No redirects, no proxies; what the other side says besides
//! its status is not kept, because it may say anything.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    Method, Request,
    header::{CONTENT_TYPE, USER_AGENT},
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use crate::{Address, Targets, targets::Connector};

/// How long a connection may take.
const PATIENCE_TO_CONNECT: Duration = Duration::from_secs(5);
/// How long the other side may take to answer.
const MAX_WAIT: Duration = Duration::from_secs(15);
/// How long an answer's body is read, which no one wants.
const PATIENCE_TO_READ: Duration = Duration::from_secs(1);
/// No one was there, or no one who could be believed; what follows says why.
pub const NOT_REACHED: &str = "not reached";
/// The other side was reached and gave no whole answer; what follows says why.
pub const BROKE: &str = "the connection broke";
/// The other side gave no answer in time.
pub const SLOW: &str = "no answer within 15 seconds";

/// How much of an answer is read, so that the connection can be used again.
const ANSWER_BYTES_MAX: usize = 16 * 1_024;

/// Speaks to webhooks. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Line {
    client: Client<HttpsConnector<Connector>, Full<Bytes>>,
    targets: Targets,
}

/// The authority's file is no certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it holds no certificate that can be read (PEM)")]
pub struct BadAuthority;

/// How a try ended, in our words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The other side answered with this status.
    Status(u16),
    /// It did not.
    None(String),
}

/// What is told at once.
pub(crate) struct Message<'a> {
    pub(crate) id: &'a str,
    pub(crate) timestamp: i64,
    pub(crate) signature: &'a str,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Whether the other side has taken it: any status of success.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Status(200..=299))
    }

    /// Whether it says that it will never want to be told again.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Status(410))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::None(why) => f.write_str(why),
        }
    }
}

impl Line {
    /// A line that believes the browsers' authorities, and one more if it is given (PEM), and connects to
    /// these targets alone.
    ///
    /// # Errors
    /// When that is no certificate.
    pub fn new(authority: Option<&[u8]>, targets: Targets) -> Result<Self, BadAuthority> {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        if let Some(pem) = authority {
            let before = roots.len();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|_| BadAuthority)?;
                roots.add(certificate).map_err(|_| BadAuthority)?;
            }
            if roots.len() == before {
                return Err(BadAuthority);
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| BadAuthority)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tcp = Connector::new(targets.clone(), |tcp| {
            tcp.enforce_http(false);
            tcp.set_nodelay(true);
            tcp.set_connect_timeout(Some(PATIENCE_TO_CONNECT));
        });
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(4)
            .build(connector);
        Ok(Self { client, targets })
    }

    /// Whether an address may be told at all, as far as it says so by itself. What a name means is seen
    /// when it is connected to.
    pub(crate) fn may_tell(&self, address: &Address) -> bool {
        self.targets.may_be_host(&address.host())
    }

    /// Tells one message once.
    pub(crate) async fn deliver(&self, to: &Address, message: Message<'_>) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri(to.as_str())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("sugi/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.timestamp)
            .header("webhook-signature", message.signature)
            .body(Full::new(message.body));
        let Ok(request) = request else {
            return Answer::None("its address cannot be asked".into());
        };
        match tokio::time::timeout(MAX_WAIT, self.client.request(request)).await {
            Ok(Ok(answer)) => {
                let status = answer.status().as_u16();
                // Whatever it says is read and dropped, so that the connection can be used again; one that
                // goes on and on is cut off.
                let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX);
                let _ = tokio::time::timeout(PATIENCE_TO_READ, body.collect()).await;
                Answer::Status(status)
            }
            Ok(Err(why)) => Answer::None(words(&why)),
            Err(_) => Answer::None(SLOW.into()),
        }
    }
}

/// Why there was no answer, with what is at the bottom of it: by itself the client's error says only which
/// kind it is.
fn words(why: &hyper_util::client::legacy::Error) -> String {
    let kind = if why.is_connect() { NOT_REACHED } else { BROKE };
    let mut bottom: &dyn std::error::Error = why;
    while let Some(cause) = bottom.source() {
        bottom = cause;
    }
    // A certificate may have any number of names.
    let bottom: String = bottom.to_string().chars().take(200).collect();
    format!("{kind}: {bottom}")
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}
