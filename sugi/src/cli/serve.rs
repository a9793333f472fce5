//! `sugi serve`.

use std::{path::PathBuf, time::Duration};

use sugi_api::{Api, ApiKey, App, Limits, Listener};
use sugi_clock::Clock;
use sugi_engine::Engine;
use sugi_mail::Mailer;
use sugi_pages::Pages;
use sugi_store::WriterState;
use tokio::{
    runtime::Handle,
    signal::unix::{SignalKind, signal},
};

use crate::{
    checkpoint,
    cli::{Failure, sandbox::until_stopped},
    config::Config,
    control::Control,
    harden, ledger_location, print, retention,
    traces::Traces,
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

/// How long a stop waits for calls to KCP that are in flight: longer than one can last.
const LAST_CALLS: Duration = Duration::from_mins(1);
/// How long a process goes on whose ledger cannot be written any more: long enough for open requests to be answered
/// and for the number in an answer from KCP to reach the log, short enough for a supervisor to start it again soon.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// The exit code of a process that has to be started again.
const START_AGAIN: u8 = 75;

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let config = Config::read(&args.config)?;
    let traces = config.traces.as_ref();
    let traces = traces.map(|traces| Traces::begin(traces, Handle::current()));
    let traces = traces.transpose()?;
    crate::log::begin(true, traces.as_ref().map(Traces::layer));
    let keys = keys(&config)?;
    if config.shop.is_empty() {
        print::talk(
            "warning: no shop is configured, so nothing can be sold; [shop.NAME] in the file",
        );
    }
    let mail = config.mail()?;
    let engine = Engine::new(config.store().await?, config.shops()?, Clock::real());
    let listening = config.listening().await?;
    let scheme = if config.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let at = listening.local_addr()?;
    let rules = config.access_rules_with_secret(at)?;
    let app = App::new(engine, Clock::real(), rules, config.line()?);
    print::talk(&format!("listening on {scheme}://{at}"));
    let checkpoint = match &mail {
        Some((mailer, to)) if !to.is_empty() => Some(checkpoint::Post {
            mailer: mailer.clone(),
            to: to.clone(),
            installation: ledger_location::installation(&config),
        }),
        _ => None,
    };
    let service = Service {
        app,
        listening,
        keys,
        limits: config.limits(),
        traces: traces.as_ref(),
        watch_per_second: config.watch_per_second,
        buyer_days: config.buyer_days(),
        mailer: mail.as_ref().map(|(mailer, _)| mailer.clone()),
        checkpoint,
        control: match config.database {
            None => Control::open(&config.ledger()),
            // There commands write beside the service.
            Some(_) => None,
        },
    };
    let served = serve(service, reload(args.config)).await;
    if let Some(traces) = traces {
        // It waits for the collector on a thread where waiting holds no one up.
        let _ = tokio::task::spawn_blocking(move || traces.end()).await;
    }
    served
}

/// What is served, and what is seen to meanwhile.
pub(crate) struct Service<'a> {
    pub(crate) app: App,
    pub(crate) listening: Listener,
    pub(crate) keys: Vec<ApiKey>,
    pub(crate) limits: Limits,
    pub(crate) traces: Option<&'a Traces>,
    /// How many inquiries a second the watch over settled payments makes at most.
    pub(crate) watch_per_second: u32,
    /// How many days buyers are kept; for ever, if not said.
    pub(crate) buyer_days: Option<u32>,
    /// What slips are mailed by, if anything.
    pub(crate) mailer: Option<Mailer>,
    /// Who mails the day's checkpoint, if anybody.
    pub(crate) checkpoint: Option<checkpoint::Post>,
    /// Where the machine's administrator asks, of a ledger in a file.
    pub(crate) control: Option<Control>,
}

/// Serves until the process is told to stop, and then ends in order: requests first, then the calls
/// that are in flight; what is left stands in the ledger. When the ledger's writer has ended nothing more can be
/// done here, so the process ends at once and fails: a supervisor starts it again, and the start settles what is open.
pub(crate) async fn serve(
    service: Service<'_>,
    reload: impl AsyncFn(&Engine, &Api),
) -> Result<(), Failure> {
    let Service {
        app,
        listening,
        keys,
        limits,
        traces,
        watch_per_second,
        buyer_days,
        mailer,
        checkpoint,
        control,
    } = service;
    let App {
        engine,
        access,
        webhooks,
        ..
    } = app.clone();
    if engine.store().is_sole() {
        let open = engine.recover().await?;
        if open > 0 {
            print::talk(&format!("{open} unfinished payment(s) taken up"));
        }
    }
    let limits = limits.within(harden::descriptors()?);
    let api = Api::new(app, keys, limits);
    let listening = listening.counted_by(&api);
    let router = sugi_api::router(&api, Pages::with_mail(&api, mailer).router());
    let router = match traces {
        Some(traces) => traces.around(router),
        None => router,
    };
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let told = || {
        let mut stopping = stopping.clone();
        async move { drop(stopping.wait_for(|stop| *stop).await) }
    };
    let whole = async {
        tokio::join!(
            sugi_api::serve(listening, router, limits, told()),
            engine.run(told()),
            Box::pin(engine.watch_settled(watch_per_second, told())),
            Box::pin(async {
                let forget = async {
                    if let Some(days) = buyer_days {
                        retention::run(&access, &engine, days, told()).await;
                    }
                };
                let mail = async {
                    if let Some(checkpoint) = &checkpoint {
                        checkpoint.run(&access, engine.store(), told()).await;
                    }
                };
                let tell = webhooks.run(sugi_api::event_json, told());
                let control = async {
                    if let Some(control) = control {
                        control.run(&access, told()).await;
                    }
                };
                tokio::join!(forget, mail, tell, control);
            }),
            async {
                tokio::select! {
                    () = until_stopped() => {}
                    () = reload(&engine, &api) => {}
                }
                stop.send_replace(true);
            }
        );
        let left = engine.stop(LAST_CALLS).await;
        access.flush().await;
        left
    };
    let ended = async {
        let why = engine.store().writer_ended().await;
        print::talk("the ledger cannot be written any more; this process ends");
        stop.send_replace(true);
        tokio::time::sleep(LAST_WORDS).await;
        why
    };
    let (left, ended) = tokio::select! {
        // It may have been told to stop while it was ending.
        left = whole => (left, ended_already(&engine)),
        why = ended => (0, Some(why)),
    };
    if let Some(why) = ended {
        let what = format!("the ledger's writer has ended: {why}");
        let hint = "start it again; what was under way is settled then";
        return Err(Failure::new(what).hint(hint).code(START_AGAIN));
    }
    match left {
        0 => Ok(()),
        left => Err(Failure::new(format!("{left} call(s) to KCP had not ended"))
            .hint("the next start settles them")),
    }
}

fn ended_already(engine: &Engine) -> Option<String> {
    match engine.store().writer() {
        WriterState::Ended { why } => Some(why),
        _ => None,
    }
}

/// The API keys; without any, a warning.
fn keys(config: &Config) -> Result<Vec<ApiKey>, Failure> {
    let keys = config.keys()?;
    if keys.is_empty() {
        print::talk(
            "warning: no API key is configured, so nobody can ask for anything; `sugi key` makes one",
        );
    }
    Ok(keys)
}

/// Reads the shops and the API keys anew whenever the process is told to (SIGHUP). All of them or none:
/// half a configuration is one that nobody wrote.
fn reload(path: PathBuf) -> impl AsyncFn(&Engine, &Api) {
    async move |engine: &Engine, api: &Api| {
        let Ok(mut told) = signal(SignalKind::hangup()) else {
            return std::future::pending().await;
        };
        while told.recv().await.is_some() {
            let read = Config::read(&path).and_then(|config| Ok((config.shops()?, keys(&config)?)));
            match read {
                Ok((shops, keys)) => {
                    engine.set_shops(shops);
                    api.set_keys(keys);
                    print::talk("shops and API keys read anew");
                }
                Err(why) => {
                    print::talk(&format!("the shops and API keys stay as they were: {why}"));
                }
            }
        }
    }
}
