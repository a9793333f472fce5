//! What was measured, beside what is wanted.

use std::time::Duration;

use serde_json::{Value, json};

use super::load::Seen;
use crate::print;

/// All of a run.
pub(super) struct Report {
    disk_sync: Duration,
    rounds: u32,
    scenarios: Vec<Scenario>,
    /// Payments and journal rows that were walked.
    verified: (u64, u64),
}

/// Callers and a gateway, on one engine.
pub(super) struct Scenario {
    pub(super) engine: &'static str,
    pub(super) callers: usize,
    pub(super) gateway_ms: u64,
    pub(super) rounds: Vec<Round>,
}

/// A turn of each.
pub(super) struct Round {
    pub(super) pass_through: Side,
    pub(super) durable: Side,
}

/// One service's turn.
pub(super) struct Side {
    pub(super) seen: Seen,
    /// Its processor time.
    pub(super) cpu: Option<Duration>,
    /// That of a database server on this machine meanwhile.
    pub(super) database: Option<Duration>,
    /// That of processes outside of the benchmark.
    pub(super) others: Option<Duration>,
    /// Commits of the ledger's writer over the whole load.
    pub(super) commits: Option<u64>,
}

/// A number that is to be reached.
struct Goal {
    what: &'static str,
    engine: &'static str,
    callers: usize,
    gateway_ms: u64,
    value: f64,
    bound: Bound,
    /// What is wanted; beyond it is what is aimed at.
    least: f64,
    aim: f64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    AtLeast,
    AtMost,
}

impl Side {
    fn per_second(&self) -> f64 {
        count(self.seen.payments) / self.seen.took.as_secs_f64().max(1e-9)
    }

    fn cpu_us(&self) -> Option<f64> {
        Some(micros(self.cpu?) / count(self.seen.payments.max(1)))
    }

    fn database_us(&self) -> Option<f64> {
        Some(micros(self.database?) / count(self.seen.payments.max(1)))
    }

    fn commits_per_payment(&self) -> Option<f64> {
        Some(count(self.commits?) / count(self.seen.all.max(1)))
    }

    /// Cores that others kept busy.
    fn others_cores(&self) -> Option<f64> {
        Some(self.others?.as_secs_f64() / self.seen.took.as_secs_f64().max(1e-9))
    }

    fn p50(&self) -> f64 {
        micros(self.seen.quantile(0.5))
    }

    fn p99(&self) -> f64 {
        micros(self.seen.quantile(0.99))
    }
}

impl Scenario {
    /// The median over the rounds.
    fn median(&self, of: impl Fn(&Round) -> Option<f64>) -> Option<f64> {
        let mut values: Vec<f64> = self.rounds.iter().filter_map(of).collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        match values.len() % 2 {
            1 => values.get(middle).copied(),
            _ => Some(f64::midpoint(
                *values.get(middle.checked_sub(1)?)?,
                *values.get(middle)?,
            )),
        }
    }

    fn throughput(&self) -> Option<f64> {
        self.median(|round| Some(round.durable.per_second() / round.pass_through.per_second()))
    }

    fn cpu(&self) -> Option<f64> {
        self.median(|round| {
            let (durable, bare) = (round.durable.cpu_us()?, round.pass_through.cpu_us()?);
            (bare > 0.0).then(|| durable / bare)
        })
    }

    fn commits(&self) -> Option<f64> {
        self.median(|round| round.durable.commits_per_payment())
    }

    fn added_p50(&self, disk_sync: Duration) -> Option<f64> {
        let two = 2.0 * micros(disk_sync);
        self.median(|round| Some((round.durable.p50() - round.pass_through.p50()) / two))
    }

    fn tail(&self) -> Option<f64> {
        self.median(|round| Some(round.durable.p99() / round.durable.p50()))
    }

    fn goals(&self, disk_sync: Duration) -> Vec<Goal> {
        use Bound::{AtLeast, AtMost};
        let goal = |what, value: Option<f64>, bound, least, aim| {
            value.map(|value| Goal {
                what,
                engine: self.engine,
                callers: self.callers,
                gateway_ms: self.gateway_ms,
                value,
                bound,
                least,
                aim,
            })
        };
        let rate = |least, aim| goal("throughput", self.throughput(), AtLeast, least, aim);
        let syncs = |most, aim| goal("commits_per_payment", self.commits(), AtMost, most, aim);
        let sqlite = self.engine == "sqlite";
        let goals = match (self.callers, self.gateway_ms) {
            (128, 0) if sqlite => vec![
                rate(0.60, 0.75),
                syncs(0.05, 0.03),
                goal("cpu", self.cpu(), AtMost, 1.7, 1.35),
                goal("p99_to_p50", self.tail(), AtMost, 2.5, 1.8),
            ],
            (128, 0) => vec![
                rate(0.50, 0.62),
                syncs(0.05, 0.03),
                goal("cpu", self.cpu(), AtMost, 1.7, 1.35),
                goal("p99_to_p50", self.tail(), AtMost, 2.5, 1.8),
            ],
            (32, 0) => vec![rate(0.50, 0.62), syncs(0.15, 0.10)],
            (1, 0) if sqlite => {
                vec![goal(
                    "added_p50_in_two_syncs",
                    self.added_p50(disk_sync),
                    AtMost,
                    1.5,
                    1.2,
                )]
            }
            (128, 50) => vec![rate(0.98, 0.99)],
            (1_024, 50) => vec![rate(0.92, 0.96)],
            _ => vec![],
        };
        goals.into_iter().flatten().collect()
    }

    fn json(&self, disk_sync: Duration) -> Value {
        let side = |of: fn(&Round) -> &Side| {
            json!({
                "per_second": self.median(|round| Some(of(round).per_second())),
                "p50_us": self.median(|round| Some(of(round).p50())),
                "p99_us": self.median(|round| Some(of(round).p99())),
                "cpu_us_per_payment": self.median(|round| of(round).cpu_us()),
                "database_cpu_us_per_payment": self.median(|round| of(round).database_us()),
                "commits_per_payment": self.median(|round| of(round).commits_per_payment()),
                "others_cores": self.median(|round| of(round).others_cores()),
                "payments": self.rounds.iter().map(|round| of(round).seen.all).sum::<u64>(),
            })
        };
        json!({
            "engine": self.engine,
            "callers": self.callers,
            "gateway_ms": self.gateway_ms,
            "pass_through": side(|round| &round.pass_through),
            "durable": side(|round| &round.durable),
            "ratio": {
                "throughput": self.throughput(),
                "cpu": self.cpu(),
                "added_p50_in_two_syncs": self.added_p50(disk_sync),
                "p99_to_p50": self.tail(),
            },
        })
    }
}

impl Goal {
    fn reached(&self, number: f64) -> bool {
        match self.bound {
            Bound::AtLeast => self.value >= number,
            Bound::AtMost => self.value <= number,
        }
    }

    fn holds(&self) -> bool {
        self.reached(self.least)
    }

    fn bound(&self) -> &'static str {
        match self.bound {
            Bound::AtLeast => "at least",
            Bound::AtMost => "at most",
        }
    }

    fn words(&self) -> &'static str {
        match self.what {
            "throughput" => "approvals/s ÷ those of the pass-through",
            "commits_per_payment" => "commits per payment",
            "cpu" => "service CPU ÷ that of the pass-through",
            "p99_to_p50" => "p99 ÷ p50",
            _ => "added p50 ÷ two disk syncs",
        }
    }

    fn json(&self) -> Value {
        json!({
            "what": self.what, "engine": self.engine, "callers": self.callers, "gateway_ms": self.gateway_ms,
            "value": self.value, "bound": self.bound(), "goal": self.least, "aim": self.aim,
            "holds": self.holds(), "aim_reached": self.reached(self.aim),
        })
    }
}

impl Report {
    pub(super) fn new(disk_sync: Duration, rounds: u32) -> Self {
        Self {
            disk_sync,
            rounds,
            scenarios: Vec::new(),
            verified: (0, 0),
        }
    }

    pub(super) fn add(&mut self, scenario: Scenario) {
        self.scenarios.push(scenario);
    }

    /// How many payments the durable service answered on the engine that was measured last.
    pub(super) fn durable_payments(&self) -> u64 {
        let engine = self.scenarios.last().map(|last| last.engine);
        let of_engine = self
            .scenarios
            .iter()
            .filter(|scenario| Some(scenario.engine) == engine);
        of_engine
            .flat_map(|scenario| &scenario.rounds)
            .map(|round| round.durable.seen.all)
            .sum()
    }

    pub(super) fn verified(&mut self, payments: u64, rows: u64) {
        self.verified.0 += payments;
        self.verified.1 += rows;
    }

    fn goals(&self) -> impl Iterator<Item = Goal> {
        self.scenarios
            .iter()
            .flat_map(|scenario| scenario.goals(self.disk_sync))
    }

    /// The first goal that was not reached, in words.
    pub(super) fn first_missed(&self) -> Option<String> {
        let missed = self.goals().find(|goal| !goal.holds())?;
        let (value, digits) = (missed.value, digits(missed.what));
        Some(format!(
            "{}, {} callers, gateway {} ms: {} is {value:.digits$}, and is to be {} {}",
            missed.engine,
            missed.callers,
            missed.gateway_ms,
            missed.words(),
            missed.bound(),
            missed.least
        ))
    }

    pub(super) fn print(&self, json: bool) {
        if json {
            let goals: Vec<_> = self.goals().map(|goal| goal.json()).collect();
            let scenarios = self.scenarios.iter();
            let scenarios: Vec<_> = scenarios
                .map(|scenario| scenario.json(self.disk_sync))
                .collect();
            print::json(&json!({
                "holds": self.first_missed().is_none(),
                "cores": cores(),
                "disk_sync_us": micros(self.disk_sync),
                "rounds": self.rounds,
                "verified": { "payments": self.verified.0, "rows": self.verified.1 },
                "goals": goals,
                "scenarios": scenarios,
            }));
            return;
        }
        self.table_of_rates();
        self.table_of_goals();
        print::data(&format!(
            "{} cores; one disk sync takes {:.0} µs; medians of {} rounds; the ledger holds: {} payments, {} journal rows",
            cores(),
            micros(self.disk_sync),
            self.rounds,
            self.verified.0,
            self.verified.1
        ));
    }

    fn table_of_rates(&self) {
        let rows = self.scenarios.iter().flat_map(|scenario| {
            let row = move |name: &str, of: fn(&Round) -> &Side| {
                let cell = |of: &dyn Fn(&Round) -> Option<f64>, digits: usize| {
                    let value = scenario.median(of);
                    value.map_or("–".into(), |value| format!("{value:.digits$}"))
                };
                vec![
                    scenario.engine.to_owned(),
                    scenario.callers.to_string(),
                    scenario.gateway_ms.to_string(),
                    name.to_owned(),
                    cell(&|round| Some(of(round).per_second()), 0),
                    cell(&|round| Some(of(round).p50()), 0),
                    cell(&|round| Some(of(round).p99()), 0),
                    cell(&|round| of(round).cpu_us(), 1),
                    cell(&|round| of(round).database_us(), 1),
                    cell(&|round| of(round).commits_per_payment(), 3),
                    cell(&|round| of(round).others_cores(), 2),
                ]
            };
            [
                row("pass-through", |round| &round.pass_through),
                row("sugi", |round| &round.durable),
            ]
        });
        print::table(
            &[
                "engine",
                "callers",
                "gateway ms",
                "service",
                "approvals/s",
                "p50 µs",
                "p99 µs",
                "CPU µs",
                "database's",
                "commits",
                "others' cores",
            ],
            &[1, 2, 4, 5, 6, 7, 8, 9, 10],
            rows,
        );
    }

    fn table_of_goals(&self) {
        let rows = self.goals().map(|goal| {
            let digits = digits(goal.what);
            let mark = match (goal.holds(), goal.reached(goal.aim)) {
                (true, true) => "holds, and the aim",
                (true, false) => "holds",
                (false, _) => "MISSED",
            };
            vec![
                goal.engine.to_owned(),
                goal.callers.to_string(),
                goal.gateway_ms.to_string(),
                goal.words().to_owned(),
                format!("{:.digits$}", goal.value),
                format!("{} {}", goal.bound(), goal.least),
                goal.aim.to_string(),
                mark.to_owned(),
            ]
        });
        print::table(
            &[
                "engine",
                "callers",
                "gateway ms",
                "what",
                "seen",
                "goal",
                "aim",
                "",
            ],
            &[1, 2, 4, 6],
            rows,
        );
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

/// Commits are small numbers.
fn digits(what: &str) -> usize {
    if what == "commits_per_payment" { 3 } else { 2 }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}
