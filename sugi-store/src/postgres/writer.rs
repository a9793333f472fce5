//! The one that writes: takes what queued up, has it committed once, answers; and when the
//! connection breaks, finds out what became of what was on it before anybody is answered.

use std::{collections::HashSet, pin::pin, sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};
use tokio_postgres::{
    Error,
    error::{DbError, SqlState},
};

use super::{
    batch::{self, Trouble},
    link::{Link, Role, words},
    target::Target,
};
use crate::{
    error::StoreError,
    job::{BATCH, Job, WriteOutcome},
    record,
    sql::{self, many},
    tally::Counter,
    writer::Report,
};

/// How long writes wait for a connection to come back before they are refused.
const GRACE: Duration = Duration::from_secs(1);
/// How long to try to find out what became of a commit: as long as it may well take until another server
/// has taken over. Only those whose commit it is wait so long, and what they would be told before is
/// that no one knows. It is less than a stop of the service waits.
const SEARCH: Duration = Duration::from_secs(30);
/// How often a batch is tried that the server undid to get two nodes out of each other's way.
const TRIES: u32 = 5;

/// What the writer is asked for.
pub(super) enum Work {
    Job(Job),
    /// A commit that means nothing, to see whether the server takes it.
    Probe(Probe),
}

/// Where a probe's outcome is waited for.
pub(super) type Probe = oneshot::Sender<Result<(), StoreError>>;

/// What was taken out of the queue and is not under way yet.
#[derive(Default)]
struct Waiting {
    jobs: Vec<Job>,
    probes: Vec<Probe>,
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.probes.is_empty()
    }

    fn push(&mut self, work: Work) {
        match work {
            Work::Job(job) => self.jobs.push(job),
            Work::Probe(probe) => self.probes.push(probe),
        }
    }

    fn refuse(&mut self) {
        fail(std::mem::take(&mut self.jobs), &away());
        answer(&mut self.probes, &Err(away()));
    }
}

/// The writer's life: it ends when no one can ask for anything any more.
///
/// A connection that broke, or that met trouble which every other write would meet as well, is replaced at once,
/// whether anything waits to be written or not: readiness follows the writer, and what is not ready is sent nothing
/// that could wake it.
pub(super) async fn run(
    target: Arc<Target>,
    link: Link,
    mut queue: mpsc::Receiver<Work>,
    counter: Arc<Counter>,
    report: Report,
) {
    let mut link = Some(link);
    let mut waiting = Waiting::default();
    loop {
        let is_good = |link: &Link| !link.is_closed() && !report.is_failing();
        let open = match link.take().filter(is_good) {
            Some(link) => Some(link),
            None => refusing(connect(&target, &report), &mut queue, &mut waiting).await,
        };
        let Some(open) = open else { return };
        if waiting.is_empty() {
            tokio::select! {
                biased;
                work = queue.recv() => match work {
                    Some(work) => waiting.push(work),
                    None => return,
                },
                () = open.closed() => continue,
            }
        }
        while waiting.jobs.len() < BATCH {
            let Ok(work) = queue.try_recv() else { break };
            waiting.push(work);
        }
        let (batch, later) = batch::apart(std::mem::take(&mut waiting.jobs));
        waiting.jobs = later;
        if batch.is_empty() {
            let touched = touch(&target, &open).await;
            match &touched {
                Ok(()) => report.working(),
                Err(why) => report.failing(why),
            }
            answer(&mut waiting.probes, &touched);
            link = Some(open);
            continue;
        }
        let seen = Seen {
            counter: &counter,
            report: &report,
        };
        let written = write(&target, open, batch, &mut queue, &mut waiting, seen);
        link = Box::pin(written).await;
        if !report.is_failing() {
            // What was just committed is all that a probe asks.
            answer(&mut waiting.probes, &Ok(()));
        }
    }
}

fn answer(probes: &mut Vec<Probe>, outcome: &Result<(), StoreError>) {
    for probe in probes.drain(..) {
        // The caller may have hung up.
        let _ = probe.send(outcome.clone());
    }
}

fn away() -> StoreError {
    StoreError::Failed {
        why: "PostgreSQL is away; nothing was written".into(),
    }
}

/// Commits a change that changes nothing. It waits for no lock for long, and a server that takes too long is asked
/// to let it be: nothing rests on it, and each that was left hanging would hold a connection at the server.
async fn touch(target: &Target, link: &Link) -> Result<(), StoreError> {
    // A warning from before is none of this commit's.
    let _ = link.warned();
    match tokio::time::timeout(
        batch::MAX_WAIT,
        link.command(&format!("set local lock_timeout = '2s'; {}", sql::TOUCH)),
    )
    .await
    {
        Ok(Ok(())) if link.warned() => Err(StoreError::Failed {
            why: "the server warned while it committed".into(),
        }),
        Ok(done) => Ok(done?),
        Err(_) => {
            link.cancel(target).await;
            let why = "the server did not commit in time".into();
            Err(StoreError::Failed { why })
        }
    }
}

/// Where others see what the writer does.
#[derive(Clone, Copy)]
struct Seen<'a> {
    counter: &'a Counter,
    report: &'a Report,
}

/// Waits for the database to come back. After a short grace, whoever wants to write meanwhile is
/// told so at once. `None`: no one is left who could want anything.
async fn refusing<T>(
    back: impl Future<Output = T>,
    queue: &mut mpsc::Receiver<Work>,
    waiting: &mut Waiting,
) -> Option<T> {
    let mut back = pin!(back);
    if let Ok(back) = tokio::time::timeout(GRACE, &mut back).await {
        return Some(back);
    }
    loop {
        waiting.refuse();
        tokio::select! {
            biased;
            back = &mut back => return Some(back),
            work = queue.recv() => waiting.push(work?),
        }
    }
}

/// Connects to a server that commits, however long it takes.
async fn connect(target: &Target, report: &Report) -> Link {
    let mut pauses = pauses();
    loop {
        let opened = async {
            let link = Link::open(target, Role::Writer).await?;
            touch(target, &link).await.map(|()| link)
        };
        match opened.await {
            Ok(link) => {
                report.working();
                return link;
            }
            Err(why) => {
                report.failing(&why);
                tracing::error!(%why, "the ledger's database is away");
            }
        }
        pause(&mut pauses).await;
    }
}

/// Pauses between tries: short at first, then a second each.
fn pauses() -> impl Iterator<Item = u64> {
    [20, 50, 100, 250, 500]
        .into_iter()
        .chain(std::iter::repeat(1_000))
}

async fn pause(pauses: &mut impl Iterator<Item = u64>) {
    tokio::time::sleep(Duration::from_millis(pauses.next().unwrap_or_default())).await;
}

/// Writes a batch and answers it; what comes back is the connection, if it is still good.
async fn write(
    target: &Target,
    mut link: Link,
    batch: Vec<Job>,
    queue: &mut mpsc::Receiver<Work>,
    waiting: &mut Waiting,
    Seen { counter, report }: Seen<'_>,
) -> Option<Link> {
    let mut groups = vec![(batch, 1)];
    while let Some((group, tries)) = groups.pop() {
        match Box::pin(batch::write(&link, &group)).await {
            Ok(write_outcomes) => {
                counter.committed(group.len());
                report.working();
                for (job, write_outcome) in group.into_iter().zip(write_outcomes) {
                    job.answer(Ok(write_outcome));
                }
            }
            Err(Trouble::Undone(why)) => {
                let _ = link.command("rollback").await;
                match remedy(&why, group.len(), tries) {
                    Remedy::Again => groups.push((group, tries + 1)),
                    Remedy::OneByOne => {
                        groups.extend(group.into_iter().rev().map(|job| (vec![job], 1)));
                    }
                    Remedy::None => {
                        if is_the_servers(&why) {
                            report.failing(&words(&why));
                        }
                        let why = explain(&link, &group, why).await;
                        fail(group, &why);
                    }
                }
            }
            Err(Trouble::Lost(why)) => {
                let why = format!("the connection broke before the commit: {why}");
                report.failing(&why);
                let why = StoreError::Failed { why };
                fail(group, &why);
                groups.drain(..).for_each(|(group, _)| fail(group, &why));
                return None;
            }
            Err(Trouble::Unsure {
                why,
                transaction,
                write_outcomes,
            }) => {
                drop(link);
                report.failing(&why);
                tracing::warn!(%why, writes = group.len(), "the outcome of a commit is not known; looking");
                let search = tokio::time::timeout(SEARCH, search(target, &transaction, &group));
                let found = refusing(search, queue, waiting).await.and_then(Result::ok);
                let (back, found) = found.unzip();
                settle(group, write_outcomes, found.as_ref(), &why);
                let Some(back) = back else {
                    groups.drain(..).for_each(|(group, _)| fail(group, &away()));
                    return None;
                };
                report.working();
                link = back;
            }
        }
    }
    Some(link)
}

fn fail(group: Vec<Job>, why: &StoreError) {
    for job in group {
        job.answer(Err(why.clone()));
    }
}

enum Remedy {
    Again,
    OneByOne,
    None,
}

/// What to do about a batch that the server refused and undid.
fn remedy(why: &Error, size: usize, tries: u32) -> Remedy {
    match why
        .code()
        .map(SqlState::code)
        .and_then(|code| code.get(..2))
    {
        // Deadlock, or an engine that wants a transaction to be run again.
        Some("40") if tries < TRIES => Remedy::Again,
        // A value that does not fit: one write's fault, which is not to be its neighbours'.
        Some("22" | "23" | "54") if size > 1 => Remedy::OneByOne,
        _ => Remedy::None,
    }
}

/// Whether every write would be refused now, and not only this one: no memory or disk (class 53), a server that
/// goes down (57) or has trouble with its files (58), or one that became read-only.
fn is_the_servers(why: &Error) -> bool {
    let code = why.code().map_or("", SqlState::code);
    code == SqlState::READ_ONLY_SQL_TRANSACTION.code()
        || matches!(code.get(..2), Some("53" | "57" | "58"))
}

/// Why a single write was refused: another payment's transaction is no failure of the database.
async fn explain(link: &Link, group: &[Job], why: Error) -> StoreError {
    let is_taken = |told: &DbError| told.constraint() == Some(sql::ONE_OWNER);
    if let ([job], true) = (group, why.as_db_error().is_some_and(is_taken)) {
        let row = &job.write.row;
        let transaction = [(&row.tno).into(), (&row.site_cd).into()];
        let owner = link.rows(sql::OWNER, &transaction).await;
        if let Ok(Some(foreign)) = owner.map(|owner| record::foreign(owner.first(), row)) {
            return foreign;
        }
    }
    why.into()
}

/// Answers a batch after a search: by the hashes that are there, if they could be read.
fn settle(
    group: Vec<Job>,
    write_outcomes: Vec<WriteOutcome>,
    found: Option<&HashSet<String>>,
    why: &str,
) {
    for (job, write_outcome) in group.into_iter().zip(write_outcomes) {
        let is_there = found.map(|found| found.contains(&job.write.row.head));
        job.answer(match (write_outcome, is_there) {
            (WriteOutcome::Written, Some(false)) => {
                let why = format!("the commit did not take effect: {why}");
                Err(StoreError::Failed { why })
            }
            (WriteOutcome::Written, None) => Err(StoreError::Unknown { why: why.into() }),
            // What was in the way of the others stands, no matter what became of this transaction.
            (write_outcome, _) => Ok(write_outcome),
        });
    }
}

/// Looks, until it is known, which of the rows that a transaction was to write are there.
async fn search(target: &Target, transaction: &str, group: &[Job]) -> (Link, HashSet<String>) {
    let mut pauses = pauses();
    loop {
        match look(target, transaction, group).await {
            Ok(found) => return found,
            Err(why) => tracing::warn!(%why, "what became of a commit is still not known"),
        }
        pause(&mut pauses).await;
    }
}

async fn look(
    target: &Target,
    transaction: &str,
    group: &[Job],
) -> Result<(Link, HashSet<String>), StoreError> {
    let open = |why: &str| StoreError::Unknown { why: why.into() };
    let link = Link::open(target, Role::Writer).await?;
    // The old connection is gone for us, but the server may still be at work on what came over it.
    match link.rows(many::ENDED, &[transaction.into()]).await {
        Ok(rows)
            if rows.first().and_then(|row| row.text(0).ok()).as_deref() == Some("in progress") =>
        {
            return Err(open("the server is still at work on it"));
        }
        Ok(_) => {}
        // A server that took over has never heard of it.
        Err(why) if why.code() == Some(&SqlState::INVALID_PARAMETER_VALUE) => {}
        Err(why) => return Err(why.into()),
    }
    // A row that can be seen is not yet safe: a restart, or someone who cancels the wait for a
    // standby, makes it visible before the standby has it. A commit after it vouches for it.
    touch(target, &link).await?;
    let names = group.iter().map(|job| (&job.write.row.id).into()).collect();
    let numbers = group.iter().map(|job| job.write.row.seq.into()).collect();
    let rows = link
        .many(many::HASHES, &[names, numbers])
        .await
        .map_err(|why| open(&words(&why)))?;
    let found = rows
        .iter()
        .map(|row| row.text(1))
        .collect::<Result<_, _>>()?;
    Ok((link, found))
}
