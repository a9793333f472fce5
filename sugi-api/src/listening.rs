//! Where requests come in: a listener, with TLS of its own or behind a proxy that has it.

use std::sync::Arc;

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::{Api, Network, connections::Connections};

/// A listener, and the TLS that is spoken on it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let listening = sugi_api::Listener::from(listener); // plain HTTP, for a proxy on this machine
/// # drop(listening); Ok(()) }
/// ```
#[derive(Debug)]
pub struct Listener {
    pub(crate) socket: TcpListener,
    pub(crate) tls: Option<Tls>,
    /// The proxies that are believed about who asks.
    pub(crate) proxies: Vec<Network>,
    pub(crate) connections: Connections,
}

/// A certificate and its key, ready to be spoken with.
#[derive(Clone)]
pub struct Tls(pub(crate) TlsAcceptor);

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No certificate in PEM.
    #[error("the TLS certificate cannot be read: it must be PEM, the server's own first")]
    Certificate,
    /// No private key in PEM.
    #[error("the TLS key cannot be read: it must be PEM, unencrypted")]
    Key,
    /// They do not belong together, or are of a kind that cannot be used.
    #[error("the TLS certificate and key cannot be used together: {0}")]
    Pair(String),
}

impl Tls {
    /// A certificate chain, the server's own first, and its unencrypted key; both PEM. TLS 1.2 and 1.3.
    ///
    /// # Errors
    /// [`TlsError`]; nothing of the key is in it.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).collect();
        let chain = chain
            .ok()
            .filter(|chain| !chain.is_empty())
            .ok_or(TlsError::Certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::Key)?;
        let pair = |why: rustls::Error| TlsError::Pair(why.to_string());
        // Named, so that nothing depends on what the process installed.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(pair)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(pair)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config).into()))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl From<TcpListener> for Listener {
    /// Plain HTTP: for this machine, or behind a proxy that speaks TLS.
    fn from(listener: TcpListener) -> Self {
        Self {
            socket: listener,
            tls: None,
            proxies: Vec::new(),
            connections: Connections::default(),
        }
    }
}

impl Listener {
    /// A listener that speaks TLS.
    #[must_use]
    pub fn with_tls(socket: TcpListener, tls: Tls) -> Self {
        Self {
            tls: Some(tls),
            ..Self::from(socket)
        }
    }

    /// The same behind proxies of ours, by their addresses. Of what comes from one of them the caller's address is
    /// the last one in `X-Forwarded-For` that is not theirs; from anywhere else the header is not believed.
    #[must_use]
    pub fn behind(mut self, proxies: impl IntoIterator<Item = Network>) -> Self {
        self.proxies = proxies.into_iter().collect();
        self
    }

    /// The same with its connections counted in this API's metrics.
    #[must_use]
    pub fn counted_by(mut self, api: &Api) -> Self {
        self.connections = api.0.connections.clone();
        self
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> std::io::Result<std::net::SocketAddr> {
        self.socket.local_addr()
    }
}
