//! HTTP for money: one POST, one answer, and always the knowledge whether a byte of it left.
//!
//! That knowledge decides whether a payment may be sent again, and general HTTP clients do not give
//! it. So connections are made, kept, and dropped here, on hyper's connection layer. There are no
//! redirects, no proxies, and no retries, save one that cannot send twice: if a kept connection turns
//! out dead before a byte was written, the request goes out on a fresh one.

mod link;
mod pool;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use http::{Method, Request, Uri};
use http_body_util::Full;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use self::link::Link;
use self::pool::Pool;
use self::stream::{Stream, Written};
use crate::outcome::{LostWhy, NotSent};

/// No answer of KCP's comes near this.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// How long to wait for what. See [`ClientBuilder::timeouts`](crate::ClientBuilder::timeouts).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection: name, TCP, and TLS together. When it runs out, nothing was sent.
    pub connect: Duration,
    /// For the whole answer, from the moment there is a connection. When it runs out, the outcome is
    /// unknown, so be generous: a card company can take its time.
    pub answer: Duration,
    /// How long an unused connection is kept. Zero keeps none.
    ///
    /// A request written to a connection that the server is just closing is lost, so this stays below
    /// what servers usually keep (5 seconds and more).
    pub idle: Duration,
}

impl Default for Timeouts {
    /// 5 seconds for a connection, 30 for an answer, 4 of idleness.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(30),
            idle: Duration::from_secs(4),
        }
    }
}

/// A whole HTTP answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Why there is no whole answer.
pub(crate) enum Failure {
    /// No byte of the request left.
    NotSent(NotSent),
    /// The request left; `body` is as much of an answer as came.
    Lost { why: LostWhy, body: Vec<u8> },
}

/// One server and the connections to it.
pub(crate) struct Http {
    scheme_tls: Option<TlsConnector>,
    host: String,
    server_name: ServerName<'static>,
    port: u16,
    authority: HeaderValue,
    base_path: String,
    timeouts: Timeouts,
    pool: Arc<Pool>,
}

impl Http {
    /// A server by its address, with TLS if that begins with `https`. `None` if it is no address.
    pub(crate) fn new(
        url: &str,
        tls: &Arc<rustls::ClientConfig>,
        timeouts: Timeouts,
        idle_max: usize,
    ) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let with_tls = uri.scheme_str() == Some("https");
        let host = uri
            .host()?
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        Some(Self {
            scheme_tls: with_tls.then(|| TlsConnector::from(Arc::clone(tls))),
            server_name: ServerName::try_from(host.clone()).ok()?,
            host,
            port: uri.port_u16().unwrap_or(if with_tls { 443 } else { 80 }),
            authority: HeaderValue::from_str(uri.authority()?.as_str()).ok()?,
            base_path: uri.path().trim_end_matches('/').to_owned(),
            timeouts,
            pool: Pool::new(timeouts.idle, idle_max),
        })
    }

    /// Posts JSON and waits for the whole answer.
    pub(crate) async fn post(&self, path: &str, body: Bytes) -> Result<Answer, Failure> {
        let mut request = self.request(path, body);
        if let Some(link) = self.pool.take().await {
            match self.exchange(link, request).await {
                Ok(answer) => return Ok(answer),
                Err(link::Failed {
                    failure: Failure::NotSent(_),
                    request: Some(back),
                }) => {
                    request = back;
                }
                Err(failed) => return Err(failed.failure),
            }
        }
        let link = timeout(self.timeouts.connect, self.connect())
            .await
            .unwrap_or(Err(NotSent::ConnectTimedOut))
            .map_err(Failure::NotSent)?;
        self.exchange(link, request)
            .await
            .map_err(|failed| failed.failure)
    }

    async fn exchange(
        &self,
        mut link: Link,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, link::Failed> {
        let answer = link.exchange(request, self.timeouts.answer).await?;
        if answer.status == 200 {
            self.pool.put(link).await;
        }
        Ok(answer)
    }

    fn request(&self, path: &str, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        // A path of constants and a checked base; the fallback cannot be met.
        *request.uri_mut() = format!("{}{path}", self.base_path)
            .parse()
            .unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(HOST, self.authority.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("nhn-kcp/", env!("CARGO_PKG_VERSION"))),
        );
        request
    }

    async fn connect(&self) -> Result<Link, NotSent> {
        let tcp = self.connect_tcp().await?;
        let connect = |error: std::io::Error| NotSent::Connect(error.to_string());
        tcp.set_nodelay(true).map_err(connect)?;
        let tcp = tcp.into_std().map_err(connect)?;
        let probe = tcp.try_clone().map_err(connect)?;
        let tcp = TcpStream::from_std(tcp).map_err(connect)?;
        let written = Written::default();
        let stream = match &self.scheme_tls {
            None => Stream::plain(tcp, written.clone()),
            Some(tls) => {
                let tls = tls.connect(self.server_name.clone(), tcp).await;
                let tls = tls.map_err(|error| NotSent::Tls(error.to_string()))?;
                Stream::tls(tls, written.clone())
            }
        };
        Link::new(stream, written, probe).await
    }

    /// Tries the host's addresses one after the other, each for its share of the time.
    async fn connect_tcp(&self) -> Result<TcpStream, NotSent> {
        let deadline = Instant::now() + self.timeouts.connect;
        let resolved = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let addresses: Vec<SocketAddr> = resolved
            .map_err(|error| NotSent::Resolve(error.to_string()))?
            .collect();
        let mut failure = NotSent::Resolve("no address".to_owned());
        for (place, address) in addresses.iter().enumerate() {
            let left = u32::try_from(addresses.len() - place).unwrap_or(u32::MAX);
            let share = deadline.saturating_duration_since(Instant::now()) / left;
            match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
                Ok(Ok(tcp)) => return Ok(tcp),
                Ok(Err(error)) => failure = NotSent::Connect(error.to_string()),
                Err(_) => failure = NotSent::ConnectTimedOut,
            }
        }
        Err(failure)
    }
}
