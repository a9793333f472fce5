//! The ledger in one file: SQLite, one writer thread, group commit with full sync.
//!
//! Whatever queued up while the last commit ran is committed together, once, so that a busy hour
//! costs hardly more syncs than a quiet one. Answers go out only after that commit returned.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use jiff::Timestamp;
use nhn_kcp::OrderNo;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row as SqlRow, params, params_from_iter};
use sugi_core::{PaymentId, ShopId};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::{
    book::{Book, Draft, Entry},
    error::{CreateError, Finding, StoreError},
    list::{Filter, Page, Summary, Value},
    lock::Lock,
    migrations,
    record::{self, RawEntry, Row},
    sql,
    store::Opening,
    verify,
};

/// Commits take at most this many writes at once.
const BATCH: usize = 256;
/// Writes that may wait; beyond it callers are told that the ledger is busy.
const QUEUE: usize = 8_192;
/// Readers at a time.
const READERS: usize = 4;
/// Before this, two connections that write and checkpoint at once could corrupt a WAL.
const OLDEST_SQLITE: i32 = 3_051_003;

#[derive(Debug)]
pub(crate) struct Sqlite {
    writer: Option<Writer>,
    readers: Arc<Readers>,
}

#[derive(Debug)]
struct Writer {
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    _lock: Lock,
}

enum Job {
    Create { draft: Draft, row: Row, opening: Opening, reply: oneshot::Sender<Result<Book, CreateError>> },
    Append { draft: Draft, row: Row, reply: oneshot::Sender<Result<Option<Book>, StoreError>> },
}

impl Sqlite {
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(dir).map_err(|why| StoreError::Failed { why: format!("{}: {why}", dir.display()) })?;
        let lock = Lock::take(dir)?;
        let mut db = connect(dir, OpenFlags::default())?;
        migrations::run(&mut db)?;
        for statement in sql::ALL {
            db.prepare_cached(statement)?;
        }
        let (queue, jobs) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("ledger".into())
            .spawn(move || write_all(&db, jobs))
            .map_err(|why| StoreError::Failed { why: why.to_string() })?;
        let writer = Writer { queue: Some(queue), thread: Some(thread), _lock: lock };
        Ok(Self { writer: Some(writer), readers: Arc::new(Readers::new(dir)) })
    }

    pub(crate) fn open_to_read(dir: &Path) -> Result<Self, StoreError> {
        let readers = Readers::new(dir);
        readers.with(|_| Ok(()))?;
        Ok(Self { writer: None, readers: Arc::new(readers) })
    }

    pub(crate) async fn create(
        &self,
        draft: Draft,
        due_at: Option<Timestamp>,
        opening: Opening,
    ) -> Result<Book, CreateError> {
        let row = Row::of(draft.after(), draft.head(), due_at);
        let (reply, answer) = oneshot::channel();
        self.send(Job::Create { draft, row, opening, reply })?;
        answer.await.unwrap_or_else(|_| Err(gone().into()))
    }

    pub(crate) async fn append(&self, draft: Draft, due_at: Option<Timestamp>) -> Result<Option<Book>, StoreError> {
        let row = Row::of(draft.after(), draft.head(), due_at);
        let (reply, answer) = oneshot::channel();
        self.send(Job::Append { draft, row, reply })?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        let read_only = || StoreError::Failed { why: "it is open for reading only".into() };
        let queue = self.writer.as_ref().and_then(|writer| writer.queue.as_ref()).ok_or_else(read_only)?;
        queue.try_send(job).map_err(|why| match why {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => {
                StoreError::Failed { why: "it closed after a failed write; start again".into() }
            }
        })
    }

    pub(crate) async fn load(&self, id: PaymentId) -> Result<Option<Book>, StoreError> {
        self.read(move |db| record::fold(&id, journal(db, id.as_str())?)).await
    }

    pub(crate) async fn journal(&self, id: PaymentId) -> Result<Vec<Entry>, StoreError> {
        self.read(move |db| {
            let rows = journal(db, id.as_str())?;
            let entries = rows.iter().map(Entry::read).collect::<Result<Vec<_>, _>>();
            let entries = entries.map_err(|(seq, what)| Finding::in_row(id.as_str(), seq, what))?;
            record::fold(&id, rows)?;
            Ok(entries)
        })
        .await
    }

    pub(crate) async fn by_key(&self, scope: String, key: String) -> Result<Option<(PaymentId, String)>, StoreError> {
        self.read(move |db| find_key(db, &scope, &key)).await
    }

    pub(crate) async fn by_order(&self, shop: ShopId, ordr_idxx: OrderNo) -> Result<Option<PaymentId>, StoreError> {
        self.read(move |db| Ok(find_order(db, shop.as_str(), ordr_idxx.as_str())?.map(|(id, ..)| id))).await
    }

    pub(crate) async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<PaymentId>, StoreError> {
        self.read(move |db| ids(db, sql::DUE, params![now.as_microsecond(), limit])).await
    }

    pub(crate) async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(|db| {
            let at: Option<i64> = db.prepare_cached(sql::NEXT_DUE)?.query_row([], |row| row.get(0))?;
            Ok(at.and_then(|at| Timestamp::from_microsecond(at).ok()))
        })
        .await
    }

    pub(crate) async fn list(&self, filter: Filter) -> Result<Page, StoreError> {
        self.read(move |db| {
            let (sql, values) = filter.to_sql();
            let mut statement = db.prepare_cached(&sql)?;
            let mut rows = statement.query(params_from_iter(values.iter()))?;
            let mut payments = Vec::new();
            while let Some(row) = rows.next()? {
                payments.push(summary(row)?);
            }
            let more = payments.len() > filter.limit.clamp(1, Filter::MOST);
            payments.truncate(filter.limit.clamp(1, Filter::MOST));
            Ok(Page { payments, more })
        })
        .await
    }

    pub(crate) async fn verify(&self) -> Result<(u64, u64), StoreError> {
        self.read(verify::walk).await
    }

    async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.readers.permits).acquire_owned().await.map_err(|_| gone())?;
        let readers = Arc::clone(&self.readers);
        let answer = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            readers.with(question)
        });
        answer.await.unwrap_or_else(|why| Err(StoreError::Failed { why: why.to_string() }))
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

/// Connections that can only read, opened as they are needed and kept.
#[derive(Debug)]
struct Readers {
    dir: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    fn new(dir: &Path) -> Self {
        Self { dir: dir.into(), idle: Mutex::default(), permits: Arc::new(Semaphore::new(READERS)) }
    }

    fn with<T>(&self, question: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let db = match kept {
            Some(db) => db,
            None => connect(&self.dir, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?,
        };
        if db.is_readonly("main")? {
            // A folder on a read-only medium is fine for reading.
        } else {
            db.execute_batch("pragma query_only = on")?;
        }
        let answer = question(&db);
        idle().push(db);
        answer
    }
}

fn connect(dir: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        let why = format!("SQLite {} is too old to keep a ledger; 3.51.3 or newer is needed", rusqlite::version());
        return Err(StoreError::Failed { why });
    }
    let path = dir.join("sugi.db");
    let db = Connection::open_with_flags(&path, flags)
        .map_err(|why| StoreError::Failed { why: format!("{}: {why}", path.display()) })?;
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    db.set_prepared_statement_cache_capacity(64);
    let mode: String = db.query_row("pragma journal_mode = wal", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Failed { why: format!("{}: no write-ahead log on this disk ({mode})", path.display()) });
    }
    db.execute_batch("pragma synchronous = full; pragma trusted_schema = off")?;
    Ok(db)
}

/// The writer's life: take what queued up, write it, commit it once, answer.
fn write_all(db: &Connection, mut jobs: mpsc::Receiver<Job>) {
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(first) = jobs.blocking_recv() {
        batch.push(first);
        while batch.len() < BATCH {
            let Ok(job) = jobs.try_recv() else { break };
            batch.push(job);
        }
        if let Err(why) = write_batch(db, &mut batch) {
            tracing::error!(%why, "the ledger cannot be relied on any more; it takes no more writes");
            return;
        }
    }
}

/// Writes a batch and answers it. An error means that the file's state is unknown: after a failed
/// sync, trying again could report as safe what the disk has dropped.
fn write_batch(db: &Connection, batch: &mut Vec<Job>) -> Result<(), rusqlite::Error> {
    let mut answers: Vec<Box<dyn FnOnce(Option<StoreError>)>> = Vec::with_capacity(batch.len());
    let written = db.execute_batch("begin immediate").and_then(|()| {
        for job in batch.drain(..) {
            answers.push(write(db, job)?);
        }
        db.prepare_cached("commit")?.execute([]).map(drop)
    });
    let Err(why) = written else {
        answers.into_iter().for_each(|answer| answer(None));
        return Ok(());
    };
    // The database may have rolled back by itself; if it did not, do it now.
    let undone = db.is_autocommit() || db.execute_batch("rollback").is_ok();
    let safe = undone && !matches!(why.sqlite_error_code(), Some(ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt));
    let error = match safe {
        true => StoreError::Failed { why: why.to_string() },
        false => StoreError::Unknown { why: why.to_string() },
    };
    answers.into_iter().for_each(|answer| answer(Some(error.clone())));
    // Jobs that were not reached are told as well, by their dropped reply.
    batch.clear();
    if safe { Ok(()) } else { Err(why) }
}

/// Runs one job inside the batch's transaction; what comes back sends its answer after the commit.
fn write(db: &Connection, job: Job) -> Result<Box<dyn FnOnce(Option<StoreError>)>, rusqlite::Error> {
    Ok(match job {
        Job::Create { draft, row, opening, reply } => {
            db.prepare_cached("savepoint job")?.execute([])?;
            let outcome = open(db, &draft, &row, &opening)?;
            if outcome.is_some() {
                db.prepare_cached("rollback to job")?.execute([])?;
            }
            db.prepare_cached("release job")?.execute([])?;
            Box::new(move |failed| {
                let _ = reply.send(match (failed, outcome) {
                    (Some(why), _) => Err(why.into()),
                    (None, Some(conflict)) => Err(conflict),
                    (None, None) => Ok(draft.written()),
                });
            })
        }
        Job::Append { draft, row, reply } => {
            let first = push(db, &draft)?;
            if first {
                project(db, &row)?;
                let live = record::is_live(draft.after().status());
                if live != draft.was_live {
                    db.prepare_cached(sql::SET_ORDER_LIVE)?.execute(params![i64::from(live), row.id])?;
                }
            }
            Box::new(move |failed| {
                let _ = reply.send(match failed {
                    Some(why) => Err(why),
                    None => Ok(first.then(|| draft.written())),
                });
            })
        }
    })
}

/// Appends the rows; `false` when somebody else was first, and then nothing was written.
fn push(db: &Connection, draft: &Draft) -> Result<bool, rusqlite::Error> {
    let mut statement = db.prepare_cached(sql::APPEND)?;
    let id = draft.after().id.as_str();
    for entry in &draft.entries {
        let values = params![id, entry.seq, entry.at.as_microsecond(), entry.body, entry.hash.to_hex()];
        if statement.execute(values)? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

fn project(db: &Connection, row: &Row) -> Result<(), rusqlite::Error> {
    db.prepare_cached(sql::PROJECT)?.execute(params![
        row.seq, row.head, row.status, row.cancelled, row.tno, row.app_no, row.issuer, row.due_at, row.doubt_since,
        row.updated_at, row.id,
    ])?;
    Ok(())
}

/// Writes a new payment; what comes back is why it must not be.
fn open(db: &Connection, draft: &Draft, row: &Row, opening: &Opening) -> Result<Option<CreateError>, rusqlite::Error> {
    if let Some(key) = &opening.key {
        let values = params![key.scope, key.key, key.request, row.id];
        if db.prepare_cached(sql::CLAIM_KEY)?.execute(values)? == 0 {
            let Some((payment, request)) = find_key(db, &key.scope, &key.key).map_err(unstore)? else {
                return Ok(Some(gone().into()));
            };
            return Ok(Some(CreateError::KeyUsed { payment, same_request: request == key.request }));
        }
    }
    let mut claim = db.prepare_cached(sql::CLAIM_ORDER)?;
    if claim.execute(params![row.shop, row.order_no, row.id, opening.attempt])? == 0 {
        let Some((payment, live, attempts)) = find_order(db, &row.shop, &row.order_no).map_err(unstore)? else {
            return Ok(Some(gone().into()));
        };
        let next = u32::try_from(attempts).unwrap_or(u32::MAX).saturating_add(1);
        return Ok(Some(if live { CreateError::OrderLive { payment } } else { CreateError::Attempt { next } }));
    }
    // A later attempt has an order number of its own at KCP, which must be nobody else's either.
    if row.ordr_idxx != row.order_no && claim.execute(params![row.shop, row.ordr_idxx, row.id, 1])? == 0 {
        return Ok(Some(CreateError::Attempt { next: opening.attempt + 1 }));
    }
    if !push(db, draft)? {
        return Ok(Some(StoreError::Failed { why: format!("{} exists already", row.id) }.into()));
    }
    db.prepare_cached(sql::OPEN)?.execute(params![
        row.id, row.seq, row.head, row.status, row.cancelled, row.tno, row.app_no, row.issuer, row.due_at, row.doubt_since,
        row.updated_at, row.shop, row.order_no, row.ordr_idxx, row.amount, row.currency, row.buyer_name, row.buyer_phone,
        row.last4, row.actor, row.created_at,
    ])?;
    Ok(None)
}

fn find_key(db: &Connection, scope: &str, key: &str) -> Result<Option<(PaymentId, String)>, StoreError> {
    let found = db
        .prepare_cached(sql::KEY)?
        .query_row([scope, key], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))
        .optional()?;
    found.map(|(id, request)| Ok((read_id(&id)?, request))).transpose()
}

fn find_order(db: &Connection, shop: &str, ordr_idxx: &str) -> Result<Option<(PaymentId, bool, i64)>, StoreError> {
    let found = db
        .prepare_cached(sql::ORDER)?
        .query_row([shop, ordr_idxx], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)? != 0, row.get(2)?)))
        .optional()?;
    found.map(|(id, live, attempts)| Ok((read_id(&id)?, live, attempts))).transpose()
}

pub(crate) fn journal(db: &Connection, id: &str) -> Result<Vec<RawEntry>, StoreError> {
    let mut statement = db.prepare_cached(sql::JOURNAL)?;
    let rows = statement.query_map([id], |row| {
        Ok(RawEntry { seq: row.get(0)?, at: row.get(1)?, body: row.get(2)?, hash: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(crate) fn ids(db: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<Vec<PaymentId>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params, |row| row.get::<_, String>(0))?;
    rows.map(|id| read_id(&id?)).collect()
}

fn read_id(text: &str) -> Result<PaymentId, StoreError> {
    text.parse().map_err(|why| Finding::in_projection(text, why).into())
}

fn summary(row: &SqlRow<'_>) -> Result<Summary, StoreError> {
    let text: String = row.get(0)?;
    let id = read_id(&text)?;
    let bad = |what: String| StoreError::from(Finding::in_projection(&text, what));
    let amount = |at: usize| row.get::<_, i64>(at).map(|amount| u64::try_from(amount).unwrap_or_default());
    let time = |at: i64| Timestamp::from_microsecond(at).map_err(|why| bad(why.to_string()));
    let (shop, status): (String, String) = (row.get(1)?, row.get(3)?);
    Ok(Summary {
        shop: shop.parse().map_err(|why: sugi_core::BadName| bad(why.to_string()))?,
        order_no: row.get(2)?,
        status: status.parse().map_err(|()| bad(format!("unknown status {status}")))?,
        amount: amount(4)?,
        cancelled: amount(5)?,
        currency: row.get(6)?,
        buyer_name: row.get(7)?,
        buyer_phone: row.get(8)?,
        last4: row.get(9)?,
        tno: row.get(10)?,
        app_no: row.get(11)?,
        issuer: row.get(12)?,
        by: row.get(13)?,
        created_at: time(row.get(14)?)?,
        doubt_since: row.get::<_, Option<i64>>(15)?.map(time).transpose()?,
        id,
    })
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        match self {
            Self::Text(text) => text.to_sql(),
            Self::Integer(number) => number.to_sql(),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(why: rusqlite::Error) -> Self {
        Self::Failed { why: why.to_string() }
    }
}

/// A finding inside the writer's transaction undoes the batch like any other failure.
fn unstore(why: StoreError) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(why.into())
}

/// The writer ended before it answered.
fn gone() -> StoreError {
    StoreError::Unknown { why: "the ledger's writer ended".into() }
}
