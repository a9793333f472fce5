//! The one that writes.
//!
//! Whatever queued up while the last commit ran is committed together, once, so that a busy hour
//! costs hardly more syncs than a quiet one. Answers go out only after that commit returned.

use std::{borrow::Cow, sync::Arc, thread::JoinHandle};

use rusqlite::{Connection, ErrorCode, ffi, params, params_from_iter};
use tokio::sync::{mpsc, oneshot};

use super::{ending::Ending, rows};
use crate::{
    error::StoreError,
    job::{BATCH, Job, QUEUE, Write, WriteOutcome, gone},
    lock::Lock,
    payment_snapshot::PendingAppend,
    record, sql,
    store::CreationClaims,
    tally::Counter,
    value::{Cells, Value},
    writer::Report,
};

#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Work>>,
    thread: Option<JoinHandle<()>>,
    _lock: Lock,
}

/// A statement and its parameters.
pub(super) type Statement = (Cow<'static, str>, Vec<Value<'static>>);

/// What the writer is asked for.
pub(super) enum Work {
    Job(Job),
    /// Statements by themselves, all of them or none; what each finds is the answer.
    Run {
        statements: Vec<Statement>,
        reply: oneshot::Sender<Result<Vec<Vec<Cells>>, StoreError>>,
    },
    /// A change that means nothing, to see whether the disk takes it.
    Probe {
        reply: oneshot::Sender<Result<Vec<Vec<Cells>>, StoreError>>,
    },
}

impl Writer {
    pub(super) fn start(
        db: Connection,
        lock: Lock,
        ending: Ending,
        counter: Arc<Counter>,
        report: Report,
    ) -> Result<Self, StoreError> {
        let (queue, work) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("ledger".into())
            .spawn(move || write_all(&db, work, &ending, &counter, &report))
            .map_err(|why| StoreError::Failed {
                why: why.to_string(),
            })?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            _lock: lock,
        })
    }

    pub(super) fn queue(&self) -> Result<&mpsc::Sender<Work>, StoreError> {
        self.queue.as_ref().ok_or_else(gone)
    }
}

impl Drop for Writer {
    /// Lets what is queued be written, then gives the lock away.
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The writer's life: take what queued up, write it, commit it once, answer.
fn write_all(
    db: &Connection,
    mut work: mpsc::Receiver<Work>,
    ending: &Ending,
    counter: &Counter,
    report: &Report,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(first) = work.blocking_recv() {
        batch.push(first);
        while batch.len() < BATCH {
            let Ok(next) = work.try_recv() else { break };
            batch.push(next);
        }
        if let Err(why) = write_batch(db, &mut batch, ending, counter, report) {
            // Who hears that it ended is refused by the queue, and has written nothing.
            work.close();
            report.ended(&why);
            tracing::error!(%why, "the ledger cannot be relied on any more; it takes no more writes");
            return;
        }
    }
}

/// Writes a batch and answers it. An error means that the file's state is unknown: after a failed
/// sync, trying again could report as safe what the disk has dropped.
fn write_batch(
    db: &Connection,
    batch: &mut Vec<Work>,
    ending: &Ending,
    counter: &Counter,
    report: &Report,
) -> Result<(), rusqlite::Error> {
    let written = db.execute_batch("begin immediate").and_then(|()| {
        let found = batch
            .iter()
            .map(|work| write(db, ending, work))
            .collect::<Result<Vec<_>, _>>()?;
        let commits = db
            .prepare_cached(sql::check::COUNT_COMMIT)?
            .query_row([], |row| row.get(0))?;
        db.prepare_cached("commit")?.execute([])?;
        ending.note(commits);
        Ok(found)
    });
    let why = match written {
        Ok(found) => {
            counter.committed(batch.len());
            report.working();
            for (work, found) in batch.drain(..).zip(found) {
                work.answer(Ok(found));
            }
            return Ok(());
        }
        Err(why) => why,
    };
    // The database may have rolled back by itself; if it did not, do it now.
    let undone = db.is_autocommit() || db.execute_batch("rollback").is_ok();
    let code = why.sqlite_error_code();
    let broken = code.is_some_and(is_of_the_file);
    let why_not = why.to_string();
    if undone && !broken {
        // One of them may have spoilt it for the others: each gets a commit of its own.
        if batch.len() > 1 {
            return batch
                .drain(..)
                .try_for_each(|work| write_batch(db, &mut vec![work], ending, counter, report));
        }
        if code.is_some_and(is_of_the_machine) {
            report.failing(&why_not);
        }
        for work in batch.drain(..) {
            work.answer(Err(StoreError::Failed {
                why: why_not.clone(),
            }));
        }
        return Ok(());
    }
    for work in batch.drain(..) {
        work.answer(Err(StoreError::Unknown {
            why: why_not.clone(),
        }));
    }
    Err(why)
}

/// Trouble after which no one knows what the file holds, or which no later write gets around: only a new process
/// finds out. (A file on a disk that became read-only says `ReadOnly`; one that was moved away, the probe does.)
fn is_of_the_file(code: ErrorCode) -> bool {
    use ErrorCode::{DatabaseCorrupt, NotADatabase, ReadOnly, SystemIoFailure};
    matches!(
        code,
        SystemIoFailure | DatabaseCorrupt | ReadOnly | NotADatabase
    )
}

/// Trouble that any other write would have as well, and that may pass: a full disk above all.
fn is_of_the_machine(code: ErrorCode) -> bool {
    use ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, FileLockingProtocolFailed, OutOfMemory,
        PermissionDenied,
    };
    matches!(
        code,
        DiskFull
            | CannotOpen
            | OutOfMemory
            | PermissionDenied
            | DatabaseBusy
            | DatabaseLocked
            | FileLockingProtocolFailed
    )
}

/// What one thing came to inside the batch's transaction.
enum Found {
    WriteOutcome(WriteOutcome),
    Rows(Vec<Vec<Cells>>),
}

/// Runs one thing inside the batch's transaction.
fn write(db: &Connection, ending: &Ending, work: &Work) -> Result<Found, rusqlite::Error> {
    match work {
        Work::Job(job) => match &job.write.creation_claims {
            Some(creation_claims) => open(db, &job.write, creation_claims).map(Found::WriteOutcome),
            None => append(db, &job.write).map(Found::WriteOutcome),
        },
        Work::Run { statements, .. } => {
            let found = statements.iter().map(|(sql, values)| rows(db, sql, values));
            Ok(Found::Rows(found.collect::<Result<_, _>>()?))
        }
        Work::Probe { .. } => probe(db, ending).map(|()| Found::Rows(Vec::new())),
    }
}

/// Counts on in the file's header, which nothing reads. (A row that is set to what it holds already is not written.)
fn probe(db: &Connection, ending: &Ending) -> Result<(), rusqlite::Error> {
    if !ending.is_in_place() {
        let why = "the ledger's file was moved away or replaced";
        let moved = ffi::Error::new(ffi::SQLITE_READONLY_DBMOVED);
        return Err(rusqlite::Error::SqliteFailure(moved, Some(why.into())));
    }
    let n: i32 = db.query_row("pragma user_version", [], |row| row.get(0))?;
    db.pragma_update(
        None,
        "user_version",
        n.wrapping_add(1) & i32::from(i16::MAX),
    )
}

impl Work {
    /// Sends the answer, now that it is known whether the commit went well.
    fn answer(self, found: Result<Found, StoreError>) {
        match (self, found) {
            (Self::Job(job), Ok(Found::WriteOutcome(write_outcome))) => {
                job.answer(Ok(write_outcome));
            }
            (Self::Run { reply, .. } | Self::Probe { reply }, Ok(Found::Rows(rows))) => {
                drop(reply.send(Ok(rows)));
            }
            (Self::Job(job), Err(why)) => job.answer(Err(why)),
            (Self::Run { reply, .. } | Self::Probe { reply }, Err(why)) => {
                drop(reply.send(Err(why)));
            }
            // Each thing finds what it asks for.
            (Self::Job(_), Ok(Found::Rows(_)))
            | (Self::Run { .. } | Self::Probe { .. }, Ok(Found::WriteOutcome(_))) => {}
        }
    }
}

fn append(db: &Connection, write: &Write) -> Result<WriteOutcome, rusqlite::Error> {
    let row = &write.row;
    if let Some(tno) = &row.tno {
        let owner = rows(db, sql::OWNER, &[tno.into(), (&row.site_cd).into()])?;
        if let Some(foreign) = record::foreign(owner.first(), row) {
            return Ok(WriteOutcome::Foreign(foreign));
        }
    }
    if !push(db, &write.pending_append)? {
        return Ok(WriteOutcome::Conflict);
    }
    db.prepare_cached(sql::PROJECT)?
        .execute(params_from_iter(&row.projected()))?;
    if let Some(more) = write.lives_more() {
        let values = params![more, row.site_cd, row.order_no];
        db.prepare_cached(sql::COUNT_ORDER)?.execute(values)?;
    }
    Ok(WriteOutcome::Written)
}

/// Appends the rows; `false` when someone else was first, and then nothing was written.
fn push(db: &Connection, pending_append: &PendingAppend) -> Result<bool, rusqlite::Error> {
    let mut statement = db.prepare_cached(sql::APPEND)?;
    let id = pending_append.after().id.as_str();
    for entry in &pending_append.entries {
        let values = params![
            id,
            entry.seq,
            entry.at.as_microsecond(),
            entry.body,
            entry.hash.to_hex(),
            entry.erasable
        ];
        if statement.execute(values)? == 0 {
            return Ok(false);
        }
    }
    for (entry, public_event) in pending_append.public_event() {
        let (at, shop) = (
            entry.at.as_microsecond(),
            &pending_append.after().request.shop,
        );
        let values = params![at, id, entry.seq, public_event.as_str(), shop.as_str()];
        db.prepare_cached(sql::public_event::POST)?
            .execute(values)?;
    }
    Ok(true)
}

/// Writes a new payment. What could refuse it is looked at before anything is written, so that
/// nothing has to be taken back: a savepoint would copy every page that the payment touches.
fn open(
    db: &Connection,
    write: &Write,
    creation_claims: &CreationClaims,
) -> Result<WriteOutcome, rusqlite::Error> {
    let row = &write.row;
    if let Some(key) = &creation_claims.key {
        let holder = rows(db, sql::KEY, &[(&key.scope).into(), (&key.key).into()])?;
        if !holder.is_empty() {
            return Ok(WriteOutcome::Refused(record::key_used(holder.first(), key)));
        }
    }
    let order: [Value<'_>; 2] = [(&row.site_cd).into(), (&row.order_no).into()];
    let living = rows(db, sql::ORDER, &order)?;
    let is_alive = |row: &Cells| !row.int(0).is_ok_and(|living| living == 0);
    let [site_cd, order_no] = order;
    let order: [Value<'_>; 3] = [order_no, site_cd, (&row.shop).into()];
    if living.iter().any(is_alive) || !rows(db, sql::LIVING_ELSEWHERE, &order)?.is_empty() {
        let living = rows(db, sql::LIVING, &order)?;
        return Ok(WriteOutcome::Refused(record::order_live(living.first())));
    }
    if !push(db, &write.pending_append)? {
        return Ok(WriteOutcome::Conflict);
    }
    if let Some(key) = &creation_claims.key {
        let values = params![key.scope, key.key, key.request, row.id];
        once(db.prepare_cached(sql::CLAIM_KEY)?.execute(values)?)?;
    }
    let values = params![row.site_cd, row.order_no];
    once(db.prepare_cached(sql::CLAIM_ORDER)?.execute(values)?)?;
    db.prepare_cached(sql::OPEN)?
        .execute(params_from_iter(&row.opened()))?;
    Ok(WriteOutcome::Written)
}

/// What was free a moment ago in this transaction is free still; anything else undoes it whole.
fn once(changed: usize) -> Result<(), rusqlite::Error> {
    match changed {
        1 => Ok(()),
        other => Err(rusqlite::Error::StatementChangedRows(other)),
    }
}
