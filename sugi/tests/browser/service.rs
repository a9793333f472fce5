//! The service within the test, so that its shops can be others and its sessions' clock is moved by hand; and
//! a Chromium in front of it.

use std::{net::SocketAddr, time::Duration};

use kcp_sandbox::Sandbox;
use nhn_kcp::{Client, Credentials, Gateway, Timeouts};
use serde_json::{Value, json};
use sugi_access::{NewOperator, Role, Rules, Secret};
use sugi_api::{Api, ApiKey, App, Limits};
use sugi_clock::Clock;
use sugi_core::Policy;
use sugi_engine::{Contract, Engine, Limits as ShopLimits, Shop};
use sugi_pages::Pages;
use sugi_store::Store;
use sugi_webhooks::{Line, Targets};
use thirtyfour::prelude::*;
use tokio::net::TcpListener;

use crate::driver::Driver;

pub(crate) const PASSWORD: &str = "correct horse battery";
const KEY: &str = "sk_test";

pub(crate) struct Service {
    pub(crate) sandbox: Sandbox,
    pub(crate) engine: Engine,
    /// The clock of sessions, moved by hand; the engine's is the machine's.
    pub(crate) clock: Clock,
    address: SocketAddr,
    driver: Driver,
    _dir: tempfile::TempDir,
}

/// A contract for sales with the holder's proof and without.
pub(crate) fn contract() -> Contract {
    Contract {
        authenticated: true,
        unauthenticated: true,
        ..Contract::default()
    }
}

impl Service {
    /// One shop, `main`; an operator for each role, named after it, and `all` who has them all.
    pub(crate) async fn new() -> Self {
        let driver = tokio::task::spawn_blocking(Driver::start).await.unwrap();
        let sandbox = Sandbox::builder().start().await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let engine = Engine::new(store, [], Clock::real());
        let clock = Clock::manual(Clock::real().now());
        let rules = Rules {
            secret: Some(Secret::parse(&"1".repeat(64)).unwrap()),
            ..Rules::default()
        };
        let line = Line::new(None, Targets::public()).unwrap();
        let app = App::new(engine.clone(), clock.clone(), rules, line);
        let access = app.access.clone();
        let mut people = vec![
            ("all", Role::ALL.to_vec()),
            ("lee", Role::ALL.to_vec()),
            ("looker", vec![]),
        ];
        people.extend(Role::ALL.map(|role| (role.as_str(), vec![role])));
        for (name, roles) in people {
            let new = NewOperator::new(name.parse().unwrap(), roles, PASSWORD);
            access.add_operator(new).await.unwrap();
        }
        let limits = Limits::default();
        let key = ApiKey::new("back end".parse().unwrap(), KEY);
        let api = Api::new(app, [key], limits);
        let router = sugi_api::router(&api, Pages::new(&api).router());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(sugi_api::serve(
            listener,
            router,
            limits,
            std::future::pending(),
        ));
        let service = Self {
            sandbox,
            engine,
            clock,
            address,
            driver,
            _dir: dir,
        };
        service.shops([("main", contract())]);
        service
    }

    /// From here on these are the shops.
    pub(crate) fn shops<const N: usize>(&self, shops: [(&str, Contract); N]) {
        let shops = shops.map(|(name, contract)| self.shop(name, contract));
        self.engine.set_shops(shops);
    }

    fn shop(&self, name: &str, contract: Contract) -> Shop {
        let ours = self.sandbox.credentials();
        let (cert, key) = (ours.cert_pem.as_bytes(), ours.key_pem.as_bytes());
        let credentials = Credentials::from_pem(cert, key, &ours.key_password).unwrap();
        let gateway = Gateway::sandbox(self.sandbox.url()).unwrap();
        let times = Timeouts {
            connect: Duration::from_secs(20),
            answer: Duration::from_secs(20),
            idle: Duration::from_millis(500),
        };
        let client = Client::builder(ours.site_cd.parse().unwrap(), credentials, gateway)
            .timeouts(times)
            .build();
        Shop::new(
            name.parse().unwrap(),
            client.unwrap(),
            times,
            Duration::from_secs(20),
            contract,
            Policy::default(),
            &ShopLimits::default(),
        )
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn browser(&self, lang: &str) -> WebDriver {
        let browser = self.driver.browser(lang).await;
        browser.goto(self.at("/sign-in")).await.unwrap();
        browser
    }

    /// Signs someone in behind the page that is open.
    pub(crate) async fn sign_in(&self, browser: &WebDriver, name: &str) {
        let form = json!({ "name": name, "password": PASSWORD });
        let script = "const done = arguments[1]; fetch('/sign-in', { method: 'POST', redirect: 'manual', \
                      body: new URLSearchParams(arguments[0]) }).then(() => done(true))";
        let signed = browser.execute_async(script, vec![form]).await;
        signed.unwrap();
    }

    /// Takes a payment through the API of the page that is open; its page.
    pub(crate) async fn pay(&self, browser: &WebDriver, order_no: &str, other: Value) -> String {
        let mut sale = json!({
            "shop": "main", "order_no": order_no, "amount": 150_000, "product": "테스트 상품",
            "buyer": { "name": "홍길동", "phone": "01000000000", "email": "hong@example.com" },
            "card": { "number": "4111111111111111", "expiry": "2030-12" },
        });
        for (name, value) in other.as_object().unwrap() {
            sale[name] = value.clone();
        }
        let script = "const [sale, key, done] = arguments; fetch('/v1/payments', { method: 'POST', \
                      headers: { authorization: `Bearer ${key}`, 'idempotency-key': sale.order_no, 'content-type': 'application/json' }, \
                      body: JSON.stringify(sale) }).then((answer) => answer.json()).then(done)";
        let paid = browser.execute_async(script, vec![sale, KEY.into()]).await;
        let paid = paid.unwrap().json().clone();
        assert_eq!(paid["state"], "approved", "{paid}");
        format!("/payments/{}", paid["id"].as_str().unwrap())
    }
}
