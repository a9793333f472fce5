//! `sugi sandbox`.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use kcp_sandbox::{Credentials, Sandbox, TEST_SITE};
use serde_json::json;

use crate::{
    cli::Failure,
    config::{self, Config, ContractConfig, ShopConfig},
    print,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where it speaks KCP's protocol
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Where its books, faults and messages are; open it in a browser
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8091")]
    control: SocketAddr,
    /// Where certificate and key are kept, with a `sugi.toml` that uses them
    #[arg(long, value_name = "DIR")]
    credentials: PathBuf,
    /// Answer an inquiry by order number, as some contracts are said to
    #[arg(long)]
    order_lookup: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let credentials = Credentials::read_or_generate(&args.credentials, TEST_SITE)?;
    let started = Sandbox::builder()
        .listen(args.listen)
        .control(args.control)
        .order_lookup(args.order_lookup)
        .credentials(credentials)
        .start();
    let sandbox = started.await?;
    let contract = ContractConfig {
        order_lookup: args.order_lookup,
        ..ContractConfig::of_sandbox()
    };
    let shop = ShopConfig::of_sandbox(&sandbox, Path::new("."), contract)?;
    let config = Config::of(BTreeMap::from([("main".parse()?, shop)]));
    config::write(&args.credentials.join("sugi.toml"), &config)?;
    let ours = sandbox.credentials();
    let path = |name: &str| args.credentials.join(name).display().to_string();
    print::json(&json!({
        "url": sandbox.url(),
        "control": sandbox.control_url(),
        "site_cd": ours.site_cd,
        "cert": path("splCert.pem"),
        "key": path("splPrikeyPKCS8.pem"),
        "key_password": ours.key_password,
    }));
    print::talk(&format!(
        "books, faults and messages: {}",
        sandbox.control_url()
    ));
    print::talk(&format!(
        "take a payment: sugi pay --config {} --order A-1 --amount 1004",
        path("sugi.toml")
    ));
    until_stopped().await;
    sandbox.stop().await;
    Ok(())
}

/// Waits for the end: Ctrl-C, or the signal that service managers send.
pub(crate) async fn until_stopped() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
