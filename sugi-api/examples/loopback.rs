//! The service on loopback with a sandbox for KCP and a ledger that is gone afterwards, until its
//! standard input ends. Prints where it is, as one line of JSON.
#![allow(clippy::print_stdout, reason = "that line")]

use std::time::Duration;

use jiff::SignedDuration;
use kcp_sandbox::Sandbox;
use nhn_kcp::{Client, Credentials, Gateway, Timeouts};
use sugi_access::{Rules, Secret};
use sugi_api::{Api, ApiKey, App, Limits};
use sugi_clock::Clock;
use sugi_core::Policy;
use sugi_engine::{Contract, Currencies, Engine, Limits as ShopLimits, Shop, VelocityRule};
use sugi_store::Store;
use sugi_webhooks::Line;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sandbox = Sandbox::builder().order_lookup(true).start().await?;
    let ours = sandbox.credentials();
    let (cert, key) = (ours.cert_pem.as_bytes(), ours.key_pem.as_bytes());
    let credentials = Credentials::from_pem(cert, key, &ours.key_password)?;
    let times = Timeouts::default();
    let client = Client::builder(
        ours.site_cd.parse()?,
        credentials,
        Gateway::sandbox(sandbox.url())?,
    );
    let client = client.timeouts(times).build()?;
    let uncertainty_window = SignedDuration::from_secs(2);
    let policy = Policy {
        uncertainty_window,
        order_lookup: true,
        ..Policy::default()
    };
    let contract = Contract {
        unauthenticated: true,
        tax_split: true,
        currencies: Currencies::both(),
        ..Contract::default()
    };
    // Whoever tries everything comes faster than people do.
    let limits = ShopLimits {
        velocity: VelocityRule::none(),
        ..ShopLimits::default()
    };
    let margin = Duration::from_secs(5);
    let shop = Shop::new(
        "main".parse()?,
        client,
        times,
        margin,
        contract,
        policy,
        &limits,
    );

    let ledger = tempfile::tempdir()?;
    let engine = Engine::new(Store::open(ledger.path())?, [shop], Clock::real());
    let key = ApiKey::new("tester".parse()?, "loopback");
    let limits = Limits::default();
    // What webhooks' secrets are sealed with. No one is told of anything here.
    let rules = Rules {
        secret: Some(Secret::parse(&"7".repeat(64))?),
        ..Rules::default()
    };
    let line = Line::new(None, sugi_webhooks::Targets::public())?;
    let app = App::new(engine.clone(), Clock::real(), rules, line);
    let router = sugi_api::router(&Api::new(app, [key], limits), axum::Router::new());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!(
        "{}",
        serde_json::json!({ "url": url, "api_key": "loopback", "control": sandbox.control_url() })
    );
    let end = async {
        let read = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = tokio::task::spawn_blocking(read).await;
    };
    sugi_api::serve(listener, router, limits, end).await;
    engine.stop(Duration::from_secs(5)).await;
    Ok(())
}
