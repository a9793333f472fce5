//! The way to the collector: a plain POST every few seconds.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::{net::TcpStream, runtime::Handle};

/// How long a collector may take.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// No answer of a collector comes near this.
const ANSWER_BYTES_MAX: usize = 64 * 1_024;

/// Posts to one collector. The export has a thread of its own, so the runtime is named.
#[derive(Debug)]
pub(super) struct Post {
    host: String,
    port: u16,
    base: String,
    runtime: Handle,
}

impl Post {
    /// A collector by its address, `http://host:port`.
    pub(super) fn new(endpoint: &str, runtime: Handle) -> Result<Self, &'static str> {
        let rule = "must have the form http://host:4318; for a collector with TLS, run one beside sugi that forwards";
        let uri: axum::http::Uri = endpoint.parse().map_err(|_| rule)?;
        let (Some("http"), Some(host), None) = (uri.scheme_str(), uri.host(), uri.query()) else {
            return Err(rule);
        };
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(4_318),
            base: endpoint.trim_end_matches('/').to_owned(),
            runtime,
        })
    }

    /// Where traces go.
    pub(super) fn traces(&self) -> String {
        format!("{}/v1/traces", self.base)
    }
}

#[async_trait::async_trait]
impl HttpClient for Post {
    async fn send_bytes(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (host, port) = (self.host.clone(), self.port);
        // A request to the server itself names the path alone, and the host in a header.
        let authority = request.uri().authority().map(ToString::to_string);
        let path = request.uri().path_and_query().map(ToString::to_string);
        *request.uri_mut() = path.unwrap_or_default().parse()?;
        let host_header = authority.unwrap_or_default().parse()?;
        request.headers_mut().insert("host", host_header);
        let sent = async move {
            let stream = TcpStream::connect((host.as_str(), port)).await?;
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            let answer = sender.send_request(request.map(Full::new)).await?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?;
            Ok::<_, HttpError>(Response::from_parts(head, body.to_bytes()))
        };
        // The clock of the time-out is the runtime's as well.
        let in_time = async move { tokio::time::timeout(MAX_WAIT, sent).await? };
        let answer = self.runtime.spawn(in_time).await;
        let answer = answer.map_err(|why| sugi_store::broke_off(&why))?;
        match &answer {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => {
                tracing::warn!(
                    status = answer.status().as_u16(),
                    "the collector takes no traces"
                );
            }
            Err(why) => tracing::warn!(%why, "traces were not sent"),
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_collector_is_named_by_a_plain_address() {
        let post = |endpoint| Post::new(endpoint, Handle::current());
        let named = post("http://127.0.0.1:4318/").unwrap();
        assert_eq!(named.traces(), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(post("http://[::1]").unwrap().port, 4_318);
        for bad in [
            "",
            "collector:4318",
            "https://x:4318",
            "http://x?y",
            "grpc://x",
        ] {
            assert!(post(bad).unwrap_err().contains("http://host:4318"), "{bad}");
        }
    }
}
