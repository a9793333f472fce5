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
use jiff::Timestamp;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use self::link::{Failed, Link};
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
    /// The server's time when it answered, where it said.
    pub(crate) date: Option<Timestamp>,
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
        let kept = self.pool.take().await;
        self.post_over(kept, self.request(path, body)).await
    }

    /// Posts over a kept connection, if there is one and it holds, or over a fresh one.
    async fn post_over(
        &self,
        kept: Option<Link>,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Answer, Failure> {
        if let Some(link) = kept {
            match self.exchange(link, request).await {
                Ok(answer) => return Ok(answer),
                // Dead all the same, and nothing was written: the one case of a second try.
                Err(Failed {
                    failure: Failure::NotSent(_),
                    request: Some(back),
                }) => request = back,
                Err(failed) => return Err(failed.failure),
            }
        }
        let link = timeout(self.timeouts.connect, self.connect())
            .await
            .unwrap_or(Err(NotSent::ConnectTimedOut))
            .map_err(Failure::NotSent)?;
        let answer = self.exchange(link, request).await;
        answer.map_err(|failed| failed.failure)
    }

    async fn exchange(
        &self,
        mut link: Link,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, Failed> {
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
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=utf-8"),
        );
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

#[cfg(test)]
mod tests {
    use rustls::{ClientConfig, RootCertStore};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    fn http(url: &str) -> Http {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        Http::new(url, &Arc::new(tls), Timeouts::default(), 8).unwrap()
    }

    #[tokio::test]
    async fn a_kept_connection_that_is_dead_costs_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = http(&format!("http://{}", listener.local_addr().unwrap()));
        let (link, accepted) = tokio::join!(http.connect(), listener.accept());
        let mut link = link.unwrap();
        drop(accepted);
        link.until_dead().await;
        // The request comes back from the dead connection and goes out on a fresh one, whole.
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut seen = String::new();
            while !seen.ends_with("{\"a\":\"b\"}") {
                let mut part = [0; 1024];
                let count = stream.read(&mut part).await.unwrap();
                seen.push_str(std::str::from_utf8(&part[..count]).unwrap());
            }
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                .await
                .unwrap();
            seen
        });
        let request = http.request("/std/inquery", Bytes::from_static(b"{\"a\":\"b\"}"));
        let answer = http.post_over(Some(link), request).await;
        assert!(matches!(answer, Ok(Answer { status: 200, body, .. }) if body == b"{}"));
        let seen = served.await.unwrap();
        assert!(seen.starts_with("POST /std/inquery HTTP/1.1\r\n"), "{seen}");
        assert_eq!(seen.matches("POST").count(), 1);
    }

    #[tokio::test]
    async fn a_connection_is_not_kept_longer_than_wished() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = http(&format!("http://{}", listener.local_addr().unwrap()));
        let idle = http.timeouts.idle;
        for (wait, kept) in [
            (idle.checked_sub(Duration::from_millis(1)).unwrap(), true),
            (idle, false),
        ] {
            let (link, _peer) = tokio::join!(http.connect(), listener.accept());
            http.pool.put(link.unwrap()).await;
            tokio::time::pause();
            tokio::time::advance(wait).await;
            assert_eq!(http.pool.take().await.is_some(), kept, "{wait:?}");
            tokio::time::resume();
        }
    }

    #[tokio::test]
    async fn idle_connections_are_closed_without_being_asked_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = http(&format!("http://{}", listener.local_addr().unwrap()));
        let (link, peer) = tokio::join!(http.connect(), listener.accept());
        http.pool.put(link.unwrap()).await;
        // Lets the sweeper lie down first.
        tokio::task::yield_now().await;
        tokio::time::pause();
        tokio::time::advance(http.timeouts.idle).await;
        tokio::time::resume();
        // The other side sees the end, though no one asked for a connection.
        assert_eq!(peer.unwrap().0.read(&mut [0]).await.unwrap(), 0);
    }
}
