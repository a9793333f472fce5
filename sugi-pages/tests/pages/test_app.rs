//! The whole service on loopback: sandbox, engine, access, API and pages, and people who work there.

use std::{net::SocketAddr, time::Duration};

use jiff::SignedDuration;
use kcp_sandbox::{Fault, FaultKind, Operation, Sandbox};
use nhn_kcp::{Client, Credentials, Gateway, Timeouts};
use serde_json::{Value, json};
use sugi_access::{Access, NewOperator, Role, Rules, SecondPerson, Secret};
use sugi_api::{Api, ApiKey, App};
use sugi_clock::Clock;
use sugi_core::{Payment, Policy};
use sugi_engine::{CircuitBreakerRule, Contract, Currencies, Engine, Limits as ShopLimits, Shop};
use sugi_mail::{Mailer, Server};
use sugi_pages::Pages;
use sugi_store::Store;
use sugi_webhooks::Line;
use tokio::{net::TcpListener, sync::oneshot};

use crate::{
    browser::Browser,
    http::{Answer, Request},
    post::Post,
};

/// Long enough for everything that is to come, on a busy machine.
pub(crate) const MAX_WAIT: Duration = Duration::from_mins(1);
/// How long a shop waits for whatever is to come. A machine that stands still for a moment must not
/// make an answer a lost one, nor a sale one that was held up.
const AMPLE: Duration = Duration::from_secs(20);
/// What stays away until the sandbox's clock is moved so far. Further than a shop waits.
pub(crate) const HELD: Duration = Duration::from_mins(10);
pub(crate) const PASSWORD: &str = "correct horse battery";
const KEY: &str = "sk_test";

/// Who works here: `kim` and `lee` may do everything, `small` only up to a thousand won, `looker`
/// nothing, and `other` everything at the shop `other`.
const PEOPLE: [&str; 5] = ["kim", "lee", "small", "looker", "other"];

pub(crate) struct TestApp {
    pub(crate) sandbox: Sandbox,
    pub(crate) engine: Engine,
    pub(crate) access: Access,
    /// The clock of sessions and approval requests, moved by hand; the engine's is the machine's.
    pub(crate) clock: Clock,
    pub(crate) address: SocketAddr,
    _stop: oneshot::Sender<()>,
    _dir: tempfile::TempDir,
}

/// What takes two people in a house.
pub(crate) fn alone() -> SecondPerson {
    SecondPerson {
        close: false,
        cancel_above: None,
        export: false,
    }
}

impl TestApp {
    /// A house where everybody acts alone.
    pub(crate) async fn new() -> Self {
        Self::with(alone()).await
    }

    pub(crate) async fn with(second_person: SecondPerson) -> Self {
        Self::furnished(second_person, None).await
    }

    /// A house that mails by a server.
    pub(crate) async fn mailing(by: &Post) -> Self {
        let mut server = Server::new("localhost", "가게 <shop@example.com>");
        server.port = Some(by.address.port());
        server.authority = Some(by.authority.clone().into_bytes());
        Self::furnished(alone(), Some(Mailer::new(server).unwrap())).await
    }

    async fn furnished(second_person: SecondPerson, mail: Option<Mailer>) -> Self {
        let sandbox = Sandbox::builder().start().await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let shops = ["main", "other"].map(|name| shop(name, &sandbox));
        let engine = Engine::new(store, shops, Clock::real());
        let clock = Clock::manual(Clock::real().now());
        let rules = Rules {
            second_person,
            secret: Some(Secret::parse(&"1".repeat(64)).unwrap()),
            ..Rules::default()
        };
        let line = Line::new(None, sugi_webhooks::Targets::public()).unwrap();
        let app = App::new(engine.clone(), clock.clone(), rules, line);
        let access = app.access.clone();
        for name in PEOPLE {
            let mut roles = Role::ALL.to_vec();
            roles.retain(|_| name != "looker");
            let mut new = NewOperator::new(name.parse().unwrap(), roles, PASSWORD);
            new.amount_max = (name == "small").then_some(1_000);
            if name == "other" {
                new.shops = ["other".parse().unwrap()].into();
            }
            access.add_operator(new).await.unwrap();
        }
        let limits = sugi_api::Limits::default();
        let key = ApiKey::new("back end".parse().unwrap(), KEY);
        let api = Api::new(app, [key], limits);
        let router = sugi_api::router(&api, Pages::with_mail(&api, mail).router());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(sugi_api::serve(listener, router, limits, async {
            let _ = stopped.await;
        }));
        Self {
            sandbox,
            engine,
            access,
            clock,
            address,
            _stop: stop,
            _dir: dir,
        }
    }

    /// Someone at a browser of their own, signed in, with the pages in Korean.
    pub(crate) async fn sign_in(&self, name: &str) -> Browser {
        let mut browser = Browser::new(self.address).of(name);
        let fields = [("name", name), ("password", PASSWORD)];
        let answer = browser.post("/sign-in", &fields).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        browser
    }

    /// Takes a payment through the API.
    pub(crate) async fn pay(&self, order_no: &str, amount: u64, besides: Value) -> Answer {
        let mut sale = json!({
            "shop": "main", "order_no": order_no, "amount": amount, "product": "테스트 상품",
            "buyer": { "name": "홍길동", "phone": "010-1234-5678" },
            "card": { "number": "4111111111111111", "expiry": "2030-12" },
        });
        if let Value::Object(besides) = besides {
            sale.as_object_mut().unwrap().extend(besides);
        }
        Request::new(self.address, "POST", "/v1/payments")
            .header("authorization", &format!("Bearer {KEY}"))
            .header("idempotency-key", order_no)
            .json(&sale)
            .send()
            .await
    }

    /// Gives a part back through the API, which asks no one else.
    pub(crate) async fn cancel(&self, page: &str, amount: u64) {
        let path = format!("/v1{page}/cancellations");
        let answer = Request::new(self.address, "POST", &path)
            .header("authorization", &format!("Bearer {KEY}"))
            .header("idempotency-key", "part")
            .json(&json!({ "amount": amount, "reason": "x" }))
            .send()
            .await;
        assert!(answer.status < 300, "{answer:?}");
        self.settled(page).await;
    }

    /// A payment that was approved; its page.
    pub(crate) async fn approved(&self, order_no: &str, amount: u64) -> String {
        let answer = self.pay(order_no, amount, Value::Null).await;
        assert_eq!(answer.json["state"], "approved", "{answer:?}");
        format!("/payments/{}", answer.id())
    }

    /// A payment that KCP took and whose answer was lost; its page.
    pub(crate) async fn in_doubt(&self, order_no: &str) -> String {
        self.fault(FaultKind::LoseAnswer, Operation::Approve);
        let answer = self.pay(order_no, 1_004, Value::Null).await;
        assert_eq!(answer.json["state"], "in_doubt", "{answer:?}");
        format!("/payments/{}", answer.id())
    }

    pub(crate) fn fault(&self, kind: FaultKind, on: Operation) {
        self.sandbox.fault(Fault::new(kind).on(on)).unwrap();
    }

    /// The payment of a page, once nothing works on it any more.
    pub(crate) async fn settled(&self, page: &str) -> Payment {
        assert_eq!(self.engine.settle(MAX_WAIT).await, 0, "it does not rest");
        let id = page.strip_prefix("/payments/").unwrap().parse().unwrap();
        let book = self.engine.store().load(&id).await.unwrap();
        book.unwrap().payment
    }

    /// What KCP's books say was refunded of an order, cancel by cancel.
    pub(crate) fn refunded(&self, order_no: &str) -> Vec<u64> {
        let books = self.sandbox.books_beginning(&format!("{order_no}-"));
        let cancels = books.transactions.iter().flat_map(|one| &one.cancels);
        cancels.map(|cancel| cancel.amount).collect()
    }

    pub(crate) fn tno(&self, order_no: &str) -> String {
        self.sandbox
            .books_beginning(&format!("{order_no}-"))
            .transactions[0]
            .tno
            .clone()
    }
}

/// A shop; `main` takes dollars as well as won.
pub(crate) fn shop(name: &str, sandbox: &Sandbox) -> Shop {
    let ours = sandbox.credentials();
    let (cert, key) = (ours.cert_pem.as_bytes(), ours.key_pem.as_bytes());
    let credentials = Credentials::from_pem(cert, key, &ours.key_password).unwrap();
    let gateway = Gateway::sandbox(sandbox.url()).unwrap();
    let times = Timeouts {
        connect: AMPLE,
        answer: AMPLE,
        idle: Duration::from_millis(500),
    };
    let client = Client::builder(ours.site_cd.parse().unwrap(), credentials, gateway)
        .timeouts(times)
        .build();
    let policy = Policy {
        uncertainty_window: SignedDuration::from_hours(1),
        backoff: [0, 20, 50, 100].map(SignedDuration::from_millis).into(),
        ..Policy::default()
    };
    let circuit_breaker = CircuitBreakerRule {
        losses: 1_000,
        ..CircuitBreakerRule::default()
    };
    Shop::new(
        name.parse().unwrap(),
        client.unwrap(),
        times,
        AMPLE,
        Contract {
            unauthenticated: true,
            tax_split: true,
            currencies: match name {
                "main" => Currencies::both(),
                _ => Currencies::default(),
            },
            ..Contract::default()
        },
        policy,
        &ShopLimits {
            circuit_breaker,
            ..ShopLimits::default()
        },
    )
}
