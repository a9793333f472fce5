//! An installation whose payments move by hand.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use nhn_kcp::{Amount, MaskedCard, Money, Order, OrderNo};
use sugi_access::Secret;
use sugi_clock::Clock;
use sugi_core::{Approval, Event, Kind, Payment, PaymentId, Refusal, Request};
use sugi_store::{CreationClaims, PaymentSnapshot, PendingAppend, Store};
use sugi_webhooks::{Line, NewWebhook, SigningSecret, Targets, Webhook, Webhooks};
use tokio::task::JoinHandle;

pub(crate) struct TestApp {
    pub(crate) webhooks: Webhooks,
    pub(crate) clock: Clock,
    store: Arc<Store>,
    secret: Option<Secret>,
    pub(crate) dir: tempfile::TempDir,
}

impl TestApp {
    pub(crate) fn new() -> Self {
        Self::trusting(None)
    }

    pub(crate) fn trusting(authority: Option<&[u8]>) -> Self {
        Self::with(authority, Some(&"7".repeat(64)))
    }

    pub(crate) fn with(authority: Option<&[u8]>, secret: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual("2026-11-26T00:00:00Z".parse().unwrap());
        let store = Arc::new(Store::open(dir.path()).unwrap());
        let secret = secret.map(|secret| Secret::parse(secret).unwrap());
        let line = Line::new(authority, this_machine()).unwrap();
        Self {
            webhooks: Webhooks::new(store.clone(), clock.clone(), secret.clone(), line),
            store,
            secret,
            clock,
            dir,
        }
    }

    /// The same webhooks, told by a service that reaches other targets.
    pub(crate) fn reaching(&self, targets: Targets) -> Webhooks {
        let line = Line::new(None, targets).unwrap();
        Webhooks::new(
            self.store.clone(),
            self.clock.clone(),
            self.secret.clone(),
            line,
        )
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// A dispatcher at work, until it is dropped.
    pub(crate) fn dispatcher(&self) -> Postman {
        let webhooks = self.webhooks.clone();
        Postman(tokio::spawn(async move {
            webhooks.run(render, std::future::pending()).await;
        }))
    }

    /// A webhook that is told of everything.
    pub(crate) async fn webhook(&self, url: &str) -> (Webhook, SigningSecret) {
        let (webhook, secret, _) = self.webhooks.add(new(url)).await.unwrap();
        (webhook, secret)
    }

    pub(crate) fn advance(&self, secs: i64) {
        self.clock.advance(SignedDuration::from_secs(secs));
    }

    pub(crate) async fn begun(&self, shop: &str, n: u32) -> PaymentSnapshot {
        let begin = vec![
            Event::Requested(Box::new(request(shop, n))),
            Event::ApproveSent,
        ];
        let pending_append =
            PendingAppend::begin(id(n), self.clock.now(), &[7; 16], begin).unwrap();
        let creation_claims = CreationClaims::default();
        self.store()
            .create(pending_append, None, creation_claims)
            .await
            .unwrap()
    }

    pub(crate) async fn then(
        &self,
        payment_snapshot: PaymentSnapshot,
        event: Event,
    ) -> PaymentSnapshot {
        let pending_append = PendingAppend::of(payment_snapshot, self.clock.now(), event).unwrap();
        self.store()
            .append(pending_append, None)
            .await
            .unwrap()
            .unwrap()
    }

    pub(crate) async fn sold(&self, shop: &str, n: u32) {
        let payment_snapshot = self.begun(shop, n).await;
        self.then(payment_snapshot, approved(n)).await;
    }

    pub(crate) async fn declined(&self, shop: &str, n: u32) {
        let payment_snapshot = self.begun(shop, n).await;
        let refusal = Refusal {
            code: "CC61".parse().unwrap(),
            message: "한도 초과".into(),
            trace_no: None,
            issuer: true,
            stands: false,
        };
        self.then(payment_snapshot, Event::Declined(refusal)).await;
    }

    /// Waits until something holds of the ledger.
    pub(crate) async fn until<T>(&self, mut holds: impl AsyncFnMut(&Store) -> Option<T>) -> T {
        let found = async {
            loop {
                if let Some(found) = holds(self.store()).await {
                    return found;
                }
                tokio::task::yield_now().await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(30), found).await;
        found.expect("it never held")
    }
}

pub(crate) struct Postman(JoinHandle<()>);

impl Drop for Postman {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(crate) fn new(url: &str) -> NewWebhook {
    NewWebhook::to(url.parse().unwrap(), "kim".parse().unwrap())
}

pub(crate) fn render(event: &sugi_store::Event, payment: &Payment) -> Vec<u8> {
    let word = payment.status().as_str();
    format!("{} {} {word}", event.n, event.public_event.as_str()).into_bytes()
}

pub(crate) fn approved(n: u32) -> Event {
    let tno = format!("260000000{n:05}").parse().unwrap();
    let approval = Approval::bare(tno, Amount::new(1004).unwrap());
    Event::Approved(Box::new(approval))
}

fn id(n: u32) -> PaymentId {
    format!("pay_{n:032x}").parse().unwrap()
}

fn request(shop: &str, n: u32) -> Request {
    let order_no: OrderNo = format!("A-{n}").parse().unwrap();
    Request {
        shop: shop.parse().unwrap(),
        site_cd: "T0000".parse().unwrap(),
        order: Order::new(order_no.clone(), Money::won(1004).unwrap()),
        order_no,
        kind: Kind::Unauthenticated,
        card: MaskedCard::parse("411111******1111").unwrap(),
        by: "kim".parse().unwrap(),
    }
}

pub(crate) fn start() -> Timestamp {
    "2026-11-26T00:00:00Z".parse().unwrap()
}

/// Receivers are on this machine.
fn this_machine() -> Targets {
    Targets::and(["127.0.0.0/8", "::1"].map(|network| network.parse().unwrap()))
}
