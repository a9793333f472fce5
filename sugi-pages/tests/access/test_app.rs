//! The whole service over loopback HTTP: sandbox, ledger, API and pages, with a clock that is moved by
//! hand, and an operator for every role.

use std::{collections::HashMap, net::SocketAddr, sync::Mutex, time::Duration};

use kcp_sandbox::Sandbox;
use nhn_kcp::{Client, Credentials, Gateway, Timeouts};
use sugi_access::{Access, NewOperator, Role, Rules, Secret};
use sugi_api::{Api, ApiKey, App, Scope};
use sugi_clock::Clock;
use sugi_core::Policy;
use sugi_engine::{Contract, Engine, Limits as ShopLimits, Shop};
use sugi_pages::Pages;
use sugi_store::Store;
use sugi_webhooks::Line;
use tokio::{net::TcpListener, sync::oneshot};

use crate::http::{Answer, Request};

pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) struct TestApp {
    pub(crate) address: SocketAddr,
    pub(crate) engine: Engine,
    pub(crate) access: Access,
    pub(crate) clock: Clock,
    /// A payment that was approved.
    pub(crate) payment: String,
    dir: tempfile::TempDir,
    stops: Mutex<Vec<oneshot::Sender<()>>>,
    /// Who is signed in, by their cookie.
    signed_in: Mutex<HashMap<String, String>>,
    _sandbox: Sandbox,
}

/// Everybody who may come by: no one, someone without a role, and one for each role.
pub(crate) fn everybody() -> Vec<(&'static str, Vec<Role>)> {
    let mut all = vec![("looker", Vec::new())];
    all.extend(Role::ALL.map(|role| (role.as_str(), vec![role])));
    all
}

impl TestApp {
    pub(crate) async fn new() -> Self {
        Self::with(Rules::default()).await
    }

    /// The same with rules of its own, and a secret as `sugi init` makes one.
    pub(crate) async fn with(rules: Rules) -> Self {
        let secret = Secret::parse(&"1".repeat(64)).unwrap();
        Self::with_only(Rules {
            secret: Some(secret),
            ..rules
        })
        .await
    }

    /// The same with these rules and nothing besides.
    pub(crate) async fn with_only(rules: Rules) -> Self {
        let sandbox = Sandbox::builder().start().await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Clock::real().now());
        let store = Store::open(dir.path()).unwrap();
        let engine = Engine::new(store, [shop(&sandbox)], clock.clone());
        let app = App::new(engine.clone(), clock.clone(), rules, line());
        let access = app.access.clone();
        for (name, roles) in everybody() {
            let new = NewOperator::new(name.parse().unwrap(), roles, PASSWORD);
            access.add_operator(new).await.unwrap();
        }
        let (address, stop) = serve(app).await;
        let mut test_app = Self {
            address,
            engine,
            access,
            clock,
            payment: String::new(),
            dir,
            stops: Mutex::new(vec![stop]),
            signed_in: Mutex::default(),
            _sandbox: sandbox,
        };
        let sale = serde_json::json!({
            "shop": "main", "order_no": "A-1", "amount": 1_004,
            "card": { "number": "4111111111111111", "expiry": "2030-12" },
        });
        let paid = test_app
            .request("POST", "/v1/payments")
            .header("authorization", "Bearer pay")
            .header("idempotency-key", "a-1")
            .json(&sale)
            .send()
            .await;
        assert_eq!(paid.status, 201, "{paid:?}");
        test_app.payment = paid.id();
        test_app
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.address, method, path)
    }

    /// Asks for a page with a cookie, or without one.
    pub(crate) async fn page(&self, method: &str, path: &str, cookie: &str) -> Answer {
        let request = self.request(method, path).header("cookie", cookie);
        let request = match method {
            "POST" => request.header("content-type", "application/x-www-form-urlencoded"),
            _ => request,
        };
        request.send().await
    }

    /// Sends a form.
    pub(crate) async fn form(&self, path: &str, cookie: &str, form: &str) -> Answer {
        // It stands on a page of the signed-in operator.
        let session = cookie.split(';').next().unwrap_or_default();
        let name = self.signed_in.lock().unwrap().get(session).cloned();
        let form = format!("{form}&operator={}", name.unwrap_or_default());
        self.request("POST", path)
            .header("cookie", cookie)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await
    }

    /// Signs someone in; the cookie.
    pub(crate) async fn sign_in(&self, name: &str) -> String {
        let form = format!("name={name}&password={}", PASSWORD.replace(' ', "+"));
        let answer = self.form("/sign-in", "", &form).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        let cookie = answer.header("set-cookie").unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let mut signed_in = self.signed_in.lock().unwrap();
        signed_in.insert(cookie.clone(), name.to_owned());
        cookie
    }

    /// Signs someone in who reads English.
    pub(crate) async fn english(&self, name: &str) -> String {
        format!("{}; sugi-lang=en", self.sign_in(name).await)
    }

    /// Serves the same ledger by other rules beside, for as long as the test app stands.
    pub(crate) async fn beside(&self, rules: Rules) -> SocketAddr {
        let app = App::new(self.engine.clone(), self.clock.clone(), rules, line());
        let (address, stop) = serve(app).await;
        self.stops.lock().unwrap().push(stop);
        address
    }

    /// Does something to the ledger behind everybody's back.
    pub(crate) fn harm(&self, sql: &str) {
        let db = rusqlite::Connection::open(self.dir.path().join("sugi.db")).unwrap();
        db.execute_batch(sql).unwrap();
    }
}

/// The service of an installation, and what stops it when it is dropped.
async fn serve(app: App) -> (SocketAddr, oneshot::Sender<()>) {
    let limits = sugi_api::Limits::default();
    let api = Api::new(app, keys(), limits);
    let router = sugi_api::router(&api, Pages::new(&api).router());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(sugi_api::serve(listener, router, limits, async {
        let _ = stopped.await;
    }));
    (address, stop)
}

/// Receivers are on this machine.
fn line() -> Line {
    let targets = sugi_webhooks::Targets::and(["127.0.0.0/8".parse().unwrap()]);
    Line::new(None, targets).unwrap()
}

/// One key for each scope, named and spelt as it.
fn keys() -> Vec<ApiKey> {
    let key = |scope: Scope| {
        let word = scope.as_str();
        ApiKey::new(word.parse().unwrap(), word).only_scopes([scope])
    };
    Scope::ALL.map(key).into()
}

fn shop(sandbox: &Sandbox) -> Shop {
    let ours = sandbox.credentials();
    let (cert, key) = (ours.cert_pem.as_bytes(), ours.key_pem.as_bytes());
    let credentials = Credentials::from_pem(cert, key, &ours.key_password).unwrap();
    let gateway = Gateway::sandbox(sandbox.url()).unwrap();
    let times = Timeouts {
        connect: Duration::from_secs(2),
        answer: Duration::from_secs(10),
        idle: Duration::from_millis(500),
    };
    let client = Client::builder(ours.site_cd.parse().unwrap(), credentials, gateway)
        .timeouts(times)
        .build();
    Shop::new(
        "main".parse().unwrap(),
        client.unwrap(),
        times,
        Duration::from_secs(5),
        Contract {
            unauthenticated: true,
            ..Contract::default()
        },
        Policy::default(),
        &ShopLimits::default(),
    )
}
