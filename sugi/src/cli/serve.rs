//! `sugi serve`.

use std::{path::PathBuf, time::Duration};

use sugi_access::{Access, Rules};
use sugi_api::{Api, Door, Limits};
use sugi_engine::{Engine, clock::Clock};
use sugi_pages::Pages;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    cli::{Failure, sandbox::until_stopped},
    config::Config,
    print,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The configuration
    #[arg(
        long,
        value_name = "FILE",
        env = "SUGI_CONFIG",
        default_value = "sugi.toml"
    )]
    config: PathBuf,
}

/// How long a stop waits for calls to KCP that are on the line: longer than one can last.
const LAST_CALLS: Duration = Duration::from_mins(1);

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let config = Config::read(&args.config)?;
    let keys = config.keys()?;
    if keys.is_empty() {
        print::talk(
            "warning: no API key is configured, so nobody can ask for anything; `sugi key` makes one",
        );
    }
    let engine = Engine::new(config.store().await?, config.shops()?, Clock::real());
    let door = config.door().await?;
    let scheme = if config.tls.is_some() {
        "https"
    } else {
        "http"
    };
    print::talk(&format!("listening on {scheme}://{}", door.local_addr()?));
    let access = Access::new(engine, Clock::real(), Rules::default());
    serve(access, door, keys, reload(args.config)).await
}

/// Serves until the process is told to stop, and then ends in order: requests first, then the calls
/// that are on the line; what is left stands in the ledger.
pub(crate) async fn serve(
    access: Access,
    door: Door,
    keys: Vec<sugi_api::ApiKey>,
    reload: impl AsyncFn(&Engine),
) -> Result<(), Failure> {
    let engine = access.engine().clone();
    if engine.store().is_sole() {
        let open = engine.recover().await?;
        if open > 0 {
            print::talk(&format!("{open} unfinished payment(s) taken up"));
        }
    }
    let limits = Limits::default();
    let pages = Pages::new(access.clone(), keys.clone());
    let router = sugi_api::router(&Api::new(access.clone(), keys, limits), pages.router());
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let told = || {
        let mut stopping = stopping.clone();
        async move { drop(stopping.wait_for(|stop| *stop).await) }
    };
    tokio::join!(
        sugi_api::serve(door, router, limits, told()),
        engine.run(told()),
        async {
            tokio::select! {
                () = until_stopped() => {}
                () = reload(&engine) => {}
            }
            stop.send_replace(true);
        }
    );
    let left = engine.stop(LAST_CALLS).await;
    access.flush().await;
    match left {
        0 => Ok(()),
        left => Err(Failure::new(format!("{left} call(s) to KCP had not ended"))
            .hint("the next start settles them")),
    }
}

/// Reads the shops anew whenever the process is told to (SIGHUP): certificates, keys, contracts.
fn reload(path: PathBuf) -> impl AsyncFn(&Engine) {
    async move |engine: &Engine| {
        let Ok(mut told) = signal(SignalKind::hangup()) else {
            return std::future::pending().await;
        };
        while told.recv().await.is_some() {
            match Config::read(&path).and_then(|config| config.shops()) {
                Ok(shops) => {
                    engine.set_shops(shops);
                    print::talk("shops read anew");
                }
                Err(why) => print::talk(&format!("the shops stay as they were: {why}")),
            }
        }
    }
}
