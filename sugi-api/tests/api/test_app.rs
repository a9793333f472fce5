//! A whole service on loopback: the API, the engine, a ledger in SQLite, and a sandbox for KCP.

use std::time::Duration;

use jiff::SignedDuration;
use kcp_sandbox::{Fault, FaultKind, Sandbox};
use nhn_kcp::{Client, Credentials, Gateway, Timeouts};
use serde_json::{Value, json};
use sugi_access::{Access, Rules, Secret};
use sugi_api::{Api, ApiKey, App, Limits, Listener, Scope};
use sugi_clock::Clock;
use sugi_core::Policy;
use sugi_engine::{CircuitBreakerRule, Contract, Currencies, Engine, Limits as ShopLimits, Shop};
use sugi_store::Store;
use sugi_webhooks::Line;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::http::{Answer, Request};

/// Long enough for everything that is to come, on a busy machine.
pub(crate) const MAX_WAIT: Duration = Duration::from_mins(1);
/// How long the shop waits for whatever is to come. A machine that stands still for a moment must not
/// make an answer a lost one, nor a sale one that was held up.
const AMPLE: Duration = Duration::from_secs(20);
/// The uncertainty window.
pub(crate) const QUIET: SignedDuration = SignedDuration::from_secs(1);
/// What stays away until the sandbox's clock is moved so far. Further than the shop waits.
pub(crate) const HELD: Duration = Duration::from_mins(10);
pub(crate) const KEY: &str = "sk_test_everything";
pub(crate) const KEY_READ: &str = "sk_test_read";
pub(crate) const KEY_PAY: &str = "sk_test_pay";
pub(crate) const KEY_OTHER_SHOP: &str = "sk_test_other_shop";

pub(crate) struct TestApp {
    pub(crate) sandbox: Sandbox,
    pub(crate) engine: Engine,
    pub(crate) access: Access,
    pub(crate) api: Api,
    pub(crate) address: std::net::SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<usize>>,
    pub(crate) dir: tempfile::TempDir,
}

pub(crate) struct Plan {
    pub(crate) order_lookup: bool,
    pub(crate) limits: Limits,
    pub(crate) shop: ShopLimits,
    /// Whether the shop's contract has a tax split.
    pub(crate) tax_split: bool,
    /// What its amounts may be in.
    pub(crate) currencies: Currencies,
    /// Where KCP is said to be; the sandbox unless told otherwise.
    pub(crate) kcp: Option<String>,
    /// The engine's clock; the machine's unless told otherwise.
    pub(crate) clock: Clock,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            order_lookup: true,
            limits: Limits::default(),
            shop: ShopLimits {
                circuit_breaker: CircuitBreakerRule {
                    losses: 1_000,
                    ..CircuitBreakerRule::default()
                },
                ..ShopLimits::default()
            },
            tax_split: false,
            currencies: Currencies::default(),
            kcp: None,
            clock: Clock::real(),
        }
    }
}

impl TestApp {
    /// A service whose shop answers an inquiry by order number.
    pub(crate) async fn new() -> Self {
        Self::with(Plan::default()).await
    }

    /// A service whose lost answers stay lost until someone resolves them.
    pub(crate) async fn without_lookup() -> Self {
        Self::with(Plan {
            order_lookup: false,
            ..Plan::default()
        })
        .await
    }

    /// The same, and the engine's clock, which stands still until it is moved: what is to be seen before
    /// a time cannot be seen too late.
    pub(crate) async fn manual() -> (Self, Clock) {
        let clock = Clock::manual(Clock::real().now());
        let plan = Plan {
            order_lookup: false,
            clock: clock.clone(),
            ..Plan::default()
        };
        (Self::with(plan).await, clock)
    }

    pub(crate) async fn with(plan: Plan) -> Self {
        let sandbox = Sandbox::builder()
            .order_lookup(plan.order_lookup)
            .start()
            .await
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let engine = Engine::new(store, [shop(&sandbox, &plan)], plan.clock.clone());
        let rules = Rules {
            secret: Some(Secret::parse(&"7".repeat(64)).unwrap()),
            ..Rules::default()
        };
        let line = Line::new(None, this_machine()).unwrap();
        let app = App::new(engine.clone(), plan.clock.clone(), rules, line);
        let access = app.access.clone();
        let api = Api::new(app, keys(), plan.limits);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let served = sugi_api::serve(
            Listener::from(listener).counted_by(&api),
            sugi_api::router(&api, axum::Router::new()),
            plan.limits,
            async {
                let _ = stopped.await;
            },
        );
        let served = Some(tokio::spawn(served));
        Self {
            sandbox,
            engine,
            access,
            api,
            address,
            stop: Some(stop),
            served,
            dir,
        }
    }

    /// A second service over the same ledger: it remembers nothing of the first. Its address.
    pub(crate) async fn another_service(&self) -> std::net::SocketAddr {
        let limits = Plan::default().limits;
        let api = Api::new(self.api.app().clone(), keys(), limits);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = sugi_api::router(&api, axum::Router::new());
        // It ends with the test's runtime.
        tokio::spawn(sugi_api::serve(
            listener,
            router,
            limits,
            std::future::pending(),
        ));
        address
    }

    pub(crate) fn fault(&self, kind: FaultKind) {
        self.sandbox.fault(Fault::new(kind)).unwrap();
    }

    /// A request with a key that may do everything.
    pub(crate) fn ask(&self, method: &str, path: &str) -> Request {
        Request::new(self.address, method, path).header("authorization", &format!("Bearer {KEY}"))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path).send().await
    }

    pub(crate) fn post(&self, path: &str, key: &str, body: &Value) -> Request {
        self.ask("POST", path)
            .header("idempotency-key", key)
            .json(body)
    }

    /// Takes a payment, with the order number as its idempotency key.
    pub(crate) async fn pay(&self, order_no: &str) -> Answer {
        self.post("/v1/payments", order_no, &sale(order_no))
            .send()
            .await
    }

    /// A payment that was approved; its id.
    pub(crate) async fn approved(&self, order_no: &str) -> String {
        let answer = self.pay(order_no).await;
        assert_eq!(answer.json["state"], "approved", "{answer:?}");
        answer.id()
    }

    pub(crate) async fn cancel(&self, id: &str, key: &str, body: &Value) -> Answer {
        self.post(&format!("/v1/payments/{id}/cancellations"), key, body)
            .send()
            .await
    }

    pub(crate) async fn resolve(&self, id: &str, key: &str, body: &Value) -> Answer {
        self.post(&format!("/v1/payments/{id}/resolution"), key, body)
            .send()
            .await
    }

    /// The payment once nothing works on it any more.
    pub(crate) async fn settled(&self, id: &str) -> Answer {
        assert_eq!(
            self.engine.settle(MAX_WAIT).await,
            0,
            "work that does not come to rest"
        );
        self.get(&format!("/v1/payments/{id}")).await
    }

    /// How many approvals the books hold for an order.
    pub(crate) fn approvals(&self, order_no: &str) -> usize {
        self.sandbox
            .books_beginning(&format!("{order_no}-"))
            .transactions
            .len()
    }

    pub(crate) fn tno(&self, order_no: &str) -> String {
        self.sandbox
            .books_beginning(&format!("{order_no}-"))
            .transactions[0]
            .tno
            .clone()
    }

    /// What is left of an order in KCP's books.
    pub(crate) fn left(&self, order_no: &str) -> u64 {
        self.sandbox
            .books_beginning(&format!("{order_no}-"))
            .transactions
            .iter()
            .map(|one| one.remaining)
            .sum()
    }

    /// Where the ledger lives.
    pub(crate) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Tells the service to stop.
    pub(crate) fn begin_stop(&mut self) -> JoinHandle<usize> {
        self.stop.take().unwrap().send(()).unwrap();
        self.served.take().unwrap()
    }
}

fn keys() -> Vec<ApiKey> {
    let name = |name: &str| name.parse().unwrap();
    vec![
        ApiKey::new(name("back end"), KEY),
        ApiKey::new(name("reports"), KEY_READ).only_scopes([Scope::Read]),
        ApiKey::new(name("till"), KEY_PAY).only_scopes([Scope::Pay]),
        ApiKey::new(name("other shop"), KEY_OTHER_SHOP).only_shops(["other".parse().unwrap()]),
    ]
}

fn shop(sandbox: &Sandbox, plan: &Plan) -> Shop {
    let ours = sandbox.credentials();
    let (cert, key) = (ours.cert_pem.as_bytes(), ours.key_pem.as_bytes());
    let credentials = Credentials::from_pem(cert, key, &ours.key_password).unwrap();
    let gateway = Gateway::sandbox(plan.kcp.as_deref().unwrap_or(sandbox.url())).unwrap();
    let times = Timeouts {
        connect: AMPLE,
        answer: AMPLE,
        idle: Duration::from_millis(500),
    };
    let client = Client::builder(ours.site_cd.parse().unwrap(), credentials, gateway)
        .timeouts(times)
        .build();
    let policy = Policy {
        uncertainty_window: QUIET,
        order_lookup: plan.order_lookup,
        backoff: [0, 20, 50, 100, 200]
            .map(SignedDuration::from_millis)
            .into(),
        ..Policy::default()
    };
    Shop::new(
        "main".parse().unwrap(),
        client.unwrap(),
        times,
        AMPLE,
        Contract {
            unauthenticated: true,
            tax_split: plan.tax_split,
            currencies: plan.currencies.clone(),
            ..Contract::default()
        },
        policy,
        &plan.shop,
    )
}

/// Books at once, and does not answer before the sandbox's clock is moved.
pub(crate) fn held() -> FaultKind {
    FaultKind::LateAnswer {
        delay_ms: HELD.as_secs() * 1_000,
        books_delay_ms: 0,
    }
}

/// Asks again and again until it is so.
pub(crate) async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !so().await {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(MAX_WAIT, asking).await;
    assert!(waited.is_ok(), "waited in vain: {what}");
}

/// The sale of design and documentation: authenticated, of 1,004 won.
pub(crate) fn sale(order_no: &str) -> Value {
    json!({
        "shop": "main", "order_no": order_no, "amount": 1004, "currency": "KRW", "product": "테스트 상품",
        "buyer": { "name": "홍길동", "email": "test@kcp.co.kr", "phone": "01000000000" },
        "card": {
            "number": "4111111111111111", "expiry": "2030-12",
            "holder_proof": { "birth_or_business_no": "951010", "password_prefix": "00" }
        },
        "installment_months": 0
    })
}

/// The same with something put elsewhere: `card.number` and the like; `null` takes it out.
pub(crate) fn sale_with(order_no: &str, changes: &[(&str, Value)]) -> Value {
    let mut sale = sale(order_no);
    for (path, value) in changes {
        let (parents, last) = path.rsplit_once('.').unwrap_or(("", path));
        let at = parents
            .split('.')
            .filter(|name| !name.is_empty())
            .fold(&mut sale, |at, name| &mut at[name]);
        match value {
            Value::Null => drop(at.as_object_mut().unwrap().remove(last)),
            value => at[last] = value.clone(),
        }
    }
    sale
}

/// Receivers are on this machine.
fn this_machine() -> sugi_webhooks::Targets {
    sugi_webhooks::Targets::and(["127.0.0.0/8", "::1"].map(|network| network.parse().unwrap()))
}
