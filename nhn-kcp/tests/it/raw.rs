//! A server that answers with bytes, for what a well-bred server cannot be made to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nhn_kcp::{Client, Gateway, SiteCode, Timeouts};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::house::credentials_of;

/// What to do after a request was read.
pub(crate) enum Act {
    /// Send these bytes and wait for the next request.
    Answer(Vec<u8>),
    /// Send these bytes and close.
    AnswerAndClose(Vec<u8>),
}

pub(crate) struct Server {
    url: String,
    connections: Arc<AtomicUsize>,
    /// One message for every connection that the server has closed.
    pub(crate) closed: mpsc::UnboundedReceiver<()>,
}

impl Server {
    /// Asks `act` what to do about each request, which it gets the number of.
    pub(crate) async fn start(act: impl Fn(usize) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let (closing, closed) = mpsc::unbounded_channel();
        let count = Arc::clone(&connections);
        let (act, requests) = (Arc::new(act), Arc::new(AtomicUsize::new(0)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (act, requests, closing) = (act.clone(), requests.clone(), closing.clone());
                tokio::spawn(async move {
                    serve(stream, |number| act(number), &requests).await;
                    let _ = closing.send(());
                });
            }
        });
        Self {
            url,
            connections,
            closed,
        }
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) async fn client(&self, timeouts: Timeouts) -> Client {
        client(&self.url, timeouts).await
    }
}

/// A client of any address, with the credentials of a sandbox that is not used otherwise.
pub(crate) async fn client(url: &str, timeouts: Timeouts) -> Client {
    let sandbox = kcp_sandbox::Sandbox::start().await.unwrap();
    let gateway = Gateway::sandbox(url).unwrap();
    Client::builder(
        SiteCode::parse("T0000").unwrap(),
        credentials_of(&sandbox),
        gateway,
    )
    .timeouts(timeouts)
    .build()
    .unwrap()
}

async fn serve(mut stream: TcpStream, act: impl Fn(usize) -> Act, requests: &AtomicUsize) {
    while read_request(&mut stream).await.is_some() {
        match act(requests.fetch_add(1, Ordering::SeqCst)) {
            Act::Answer(bytes) => _ = stream.write_all(&bytes).await,
            Act::AnswerAndClose(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
                return;
            }
        }
    }
}

/// Reads one request with a `content-length`.
async fn read_request(stream: &mut TcpStream) -> Option<()> {
    let mut seen = Vec::new();
    loop {
        let mut part = [0; 4096];
        let count = stream
            .read(&mut part)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        seen.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&seen).to_lowercase();
        let Some((head, _)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .and_then(|length| length.parse().ok())
            .unwrap_or_default();
        if seen.len() >= head.len() + 4 + length {
            return Some(());
        }
    }
}

/// An HTTP answer with this body.
pub(crate) fn http(body: &str) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    (head + body).into_bytes()
}

/// A success for this order number and amount.
pub(crate) fn success(order_no: &str, amount: u64) -> String {
    format!(
        r#"{{"res_cd":"0000","order_no":"{order_no}","amount":"{amount}","tno":"26542357804508","res_msg":"정상처리"}}"#
    )
}
