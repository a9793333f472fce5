//! A merchant's own program.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use sugi_webhooks::{SigningSecret, signature};
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
};

/// A message as it came.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    pub(crate) signatures: Vec<String>,
    pub(crate) body: String,
}

impl Got {
    /// Which signature of it, from 0, is by a secret.
    pub(crate) fn signed_by(&self, secret: &SigningSecret) -> Option<usize> {
        let right = signature(secret, &self.id, self.at, self.body.as_bytes());
        self.signatures.iter().position(|given| *given == right)
    }
}

#[derive(Default)]
struct Shared {
    got: Mutex<Vec<Got>>,
    /// What it answers, one after the other; 200 when there is no more.
    answers: Mutex<VecDeque<u16>>,
    changed: Notify,
    /// It answers no one while this is set.
    silent: watch::Sender<bool>,
}

/// A program that keeps what it is told.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

impl Receiver {
    pub(crate) async fn begin(answers: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/told?by=sugi", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            answers: Mutex::new(answers.iter().copied().collect()),
            ..Shared::default()
        });
        let app = Self::app(&shared);
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, shared }
    }

    fn app(shared: &Arc<Shared>) -> Router {
        let app = Router::new().fallback(take);
        app.with_state(Arc::clone(shared))
    }

    /// Whether it takes messages and does not answer, until it is told to.
    pub(crate) fn be_silent(&self, silent: bool) {
        self.shared.silent.send_replace(silent);
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.shared.got.lock().unwrap().clone()
    }

    /// Waits until it was told so many times.
    pub(crate) async fn told(&self, times: usize) -> Vec<Got> {
        let enough = async {
            loop {
                let changed = self.shared.changed.notified();
                let got = self.got();
                if got.len() >= times {
                    return got;
                }
                changed.await;
            }
        };
        let max_wait = Duration::from_secs(30);
        let got = tokio::time::timeout(max_wait, enough).await;
        got.unwrap_or_else(|_| panic!("told {} times, not {times}", self.got().len()))
    }
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(text("content-type"), "application/json");
    let seconds = text("webhook-timestamp").parse().unwrap();
    shared.got.lock().unwrap().push(Got {
        id: text("webhook-id"),
        at: Timestamp::from_second(seconds).unwrap(),
        signatures: text("webhook-signature")
            .split(' ')
            .map(Into::into)
            .collect(),
        body: String::from_utf8(body.into()).unwrap(),
    });
    shared.changed.notify_waiters();
    let mut silent = shared.silent.subscribe();
    silent.wait_for(|silent| !silent).await.unwrap();
    let status = shared.answers.lock().unwrap().pop_front().unwrap_or(200);
    let status = StatusCode::from_u16(status).unwrap();
    // Whoever followed it would come here again.
    let elsewhere = [(LOCATION, "/elsewhere")];
    (status, elsewhere, "4111111111111111 is not kept").into_response()
}
