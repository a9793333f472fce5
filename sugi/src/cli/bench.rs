//! `sugi bench`: what durability costs, measured beside a service that has none.
//!
//! Both services are this program in processes of their own, behind the same load and in front of the
//! same gateway, which share one more process. They take turns in short rounds, so that whatever else
//! the machine does falls on both, and what is told are ratios: medians over the rounds.

mod disk;
mod gateway;
mod load;
mod pass_through;
mod report;
mod service;
mod wire;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use kcp_sandbox::{Credentials, TEST_SITE};
use sugi_core::Shops;
use sugi_store::{Filter, Store};
use tokio::time::{Instant, sleep};

use self::{
    gateway::Gateway,
    load::{Load, Stretch},
    report::{Report, Round, Scenario, Side},
    service::Service,
};
use crate::{
    cli::{Failure, demo::Temporary, key::sha256},
    config::{self, Config, ContractConfig, Hashes, KeyConfig, ShopConfig},
    print,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    part: Option<Part>,
    /// Measure PostgreSQL as well, in this empty database
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Keep the SQLite ledger here; otherwise it goes with the benchmark. The disk that is measured
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Rounds, each with a turn of either service
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// How long a turn is, in seconds
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// End a turn earlier, after so many payments
    #[arg(long)]
    payments: Option<u64>,
    /// Before each turn, wait so many seconds at most for other processes to leave the machine alone
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=3600))]
    max_wait: u32,
    /// Only with so many callers
    #[arg(long, value_name = "N")]
    callers: Option<usize>,
    /// Only with a gateway that takes so many milliseconds
    #[arg(long, value_name = "MS")]
    gateway_ms: Option<u64>,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// What the benchmark starts besides the service.
#[derive(Debug, clap::Subcommand)]
enum Part {
    /// The bare pass-through alone, to look at it with other tools
    #[command(hide = true)]
    PassThrough(pass_through::Args),
}

/// Callers at once, and how many milliseconds the gateway takes.
const SCENARIOS: [(usize, u64); 6] = [(128, 0), (32, 0), (1, 0), (32, 50), (128, 50), (1_024, 50)];

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    if let Some(Part::PassThrough(args)) = args.part {
        return pass_through::run(args).await;
    }
    if cfg!(debug_assertions) {
        print::talk("warning: this is a debug build, whose numbers mean little");
    }
    let postgres = match &args.database {
        Some(url) => Some((url, empty(url).await?)),
        None => None,
    };
    let temporary = Temporary::unless(args.data.as_deref(), "bench")?;
    let dir = args.data.as_deref().unwrap_or(&temporary.dir);
    let bench = Bench::open(dir, &args).await?;
    let mut report = Report::new(disk::sync_time(dir)?, args.rounds);
    bench.measure("sqlite", &[], &mut report).await?;
    bench
        .verify(&Store::open_to_read(&dir.join("ledger"))?, &mut report)
        .await?;
    if let Some((url, store)) = postgres {
        bench
            .measure("postgresql", &[("SUGI_DATABASE", url)], &mut report)
            .await?;
        bench.verify(&store, &mut report).await?;
    }
    report.print(args.json);
    match report.first_missed() {
        None => Ok(()),
        Some(missed) => Err(Failure::new(missed)
            .hint("docs/performance.md says how to measure on a quiet machine, and what was seen")),
    }
}

/// What both services are started with.
struct Bench {
    gateway: Gateway,
    config: PathBuf,
    key: String,
    scenarios: Vec<(usize, u64)>,
    rounds: u32,
    warm: Stretch,
    watched: Stretch,
    max_wait: Duration,
}

/// How long it is looked whether the machine is quiet, and how much of that others may have worked.
const LOOK: Duration = Duration::from_millis(400);
const QUIET: Duration = Duration::from_millis(40);

impl Bench {
    async fn open(dir: &Path, args: &Args) -> Result<Self, Failure> {
        let config = dir.join("sugi.toml");
        if config.exists() || dir.join("ledger").exists() {
            return Err(
                Failure::new(format!("{} holds a ledger already", dir.display())).hint(
                    "name a new folder: the benchmark's payments belong into no other ledger",
                ),
            );
        }
        let wanted = |(callers, gateway_ms): &(usize, u64)| {
            args.callers.is_none_or(|only| only == *callers)
                && args.gateway_ms.is_none_or(|only| only == *gateway_ms)
        };
        let scenarios: Vec<_> = SCENARIOS.into_iter().filter(wanted).collect();
        if scenarios.is_empty() {
            let all = SCENARIOS.map(|(callers, ms)| format!("{callers} callers with {ms} ms"));
            return Err(Failure::new(
                "nothing is measured with so many callers and such a gateway",
            )
            .hint(format!("there are {}", all.join(", "))));
        }
        let (gateway, key) = (Gateway::start().await?, sugi_clock::new_api_key());
        let credentials = Credentials::read_or_generate(dir, TEST_SITE)?;
        let contract = ContractConfig::without_proof();
        let shop = ShopConfig::at(&gateway.url, &credentials, Path::new("."), contract)?;
        let known = KeyConfig {
            sha256: Hashes::One(sha256(&key)),
            shops: Some(Shops::All),
            scopes: Some(["pay".into()].into()),
            addresses: Vec::new(),
        };
        let written = Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            key: BTreeMap::from([("bench".parse()?, known)]),
            ..Config::of(BTreeMap::from([("main".parse()?, shop)]))
        };
        config::write(&config, &written)?;
        let (time, payments) = (
            Duration::from_secs(args.seconds.into()),
            args.payments.unwrap_or(u64::MAX),
        );
        let warm = Stretch {
            time: time / 4,
            payments: payments / 4,
        };
        let watched = Stretch { time, payments };
        let rounds = args.rounds;
        Ok(Self {
            gateway,
            config,
            key,
            scenarios,
            rounds,
            warm,
            watched,
            max_wait: Duration::from_secs(args.max_wait.into()),
        })
    }

    /// Every scenario on one engine.
    async fn measure(
        &self,
        engine: &'static str,
        env: &[(&str, &str)],
        report: &mut Report,
    ) -> Result<(), Failure> {
        let services = [
            Service::start(&["bench", "pass-through"], &self.config, &[])?,
            Service::start(&["serve"], &self.config, env)?,
        ];
        for (callers, gateway_ms) in self.scenarios.iter().copied() {
            print::talk(&format!(
                "{engine}, {callers} callers, a gateway that takes {gateway_ms} ms"
            ));
            self.gateway.delay(gateway_ms);
            let mut rounds = Vec::new();
            for n in 0..self.rounds {
                let turn = |side: usize| {
                    let word = format!("c{callers}g{gateway_ms}r{n}");
                    self.turn(&services, side, callers, word)
                };
                // Who begins changes, so that it favours no one.
                rounds.push(if n % 2 == 0 {
                    let pass_through = turn(0).await?;
                    Round {
                        pass_through,
                        durable: turn(1).await?,
                    }
                } else {
                    let durable = turn(1).await?;
                    Round {
                        pass_through: turn(0).await?,
                        durable,
                    }
                });
            }
            report.add(Scenario {
                engine,
                callers,
                gateway_ms,
                rounds,
            });
        }
        Ok(())
    }

    /// One service's turn.
    async fn turn(
        &self,
        services: &[Service; 2],
        side: usize,
        callers: usize,
        word: String,
    ) -> Result<Side, Failure> {
        let service = &services[side];
        let load = Load {
            address: service.address,
            key: self.key.clone(),
            callers,
            word,
        };
        let commits = async || match side {
            0 => Ok(None),
            _ => service.metric("sugi_ledger_commits_total").await.map(Some),
        };
        self.uncertainty_window(service, services).await;
        let before = commits().await?;
        let mut marks = Vec::with_capacity(2);
        let mark = || marks.push(Mark::now(service, services));
        let seen = load.run(self.warm, self.watched, mark).await?;
        let after = commits().await?;
        Ok(Side {
            commits: before.zip(after).map(|(before, after)| after - before),
            cpu: Mark::between(&marks, |mark| mark.service),
            database: Mark::between(&marks, |mark| mark.database),
            others: Mark::between(&marks, |mark| mark.others),
            seen,
        })
    }

    /// Waits, as long as patience lasts, until others leave the machine alone.
    async fn uncertainty_window(&self, service: &Service, services: &[Service; 2]) {
        let until = Instant::now() + self.max_wait;
        while Instant::now() < until {
            let begin = Mark::now(service, services);
            sleep(LOOK).await;
            let marks = [begin, Mark::now(service, services)];
            match Mark::between(&marks, |mark| mark.others) {
                Some(busy) if busy > QUIET => {}
                _ => break,
            }
        }
    }

    /// Walks the ledger that was made: all of it must hold, and nothing may be missing.
    async fn verify(&self, store: &Store, report: &mut Report) -> Result<(), Failure> {
        let (payments, rows) = store.verify().await?;
        let answered = report.durable_payments();
        if payments != answered {
            return Err(Failure::new(format!(
                "{answered} payments were answered and the ledger holds {payments}"
            )));
        }
        report.verified(payments, rows);
        Ok(())
    }
}

/// Processor times at a moment.
struct Mark {
    service: Option<Duration>,
    /// Of a database server on this machine.
    database: Option<Duration>,
    /// Of all processes that have nothing to do with the benchmark.
    others: Option<Duration>,
}

impl Mark {
    fn now(service: &Service, services: &[Service; 2]) -> Self {
        let database = service::cpu_of_all("postgres");
        let ours = services.iter().map(Service::cpu);
        let ours = ours.chain([service::cpu_of("self"), database]);
        let ours = ours.sum::<Option<Duration>>();
        let others = service::cpu_of_machine().zip(ours);
        Self {
            service: service.cpu(),
            database,
            others: others.map(|(machine, ours)| machine.saturating_sub(ours)),
        }
    }

    fn between(marks: &[Self], what: impl Fn(&Self) -> Option<Duration>) -> Option<Duration> {
        let (begin, end) = (marks.first()?, marks.last()?);
        Some(what(end)?.saturating_sub(what(begin)?))
    }
}

/// Connects to a database, and makes sure that nobody's payments are in it.
async fn empty(url: &str) -> Result<Store, Failure> {
    let store = Store::connect(url).await?;
    let page = store
        .list(Filter {
            limit: 1,
            ..Filter::default()
        })
        .await?;
    if page.payments.is_empty() {
        return Ok(store);
    }
    Err(Failure::new("the database holds payments already")
        .hint("give an empty one: the benchmark's payments belong into no other ledger"))
}
