//! The ledger in one file: SQLite, one writer thread, group commit with full sync.

mod ending;
mod writer;

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{Connection, OpenFlags, params_from_iter, types::ValueRef};
use tokio::sync::{Semaphore, oneshot, watch};

pub(crate) use self::ending::NAME as END;
use self::{
    ending::Ending,
    writer::{Statement, Work, Writer},
};
use crate::{
    backup::RecoveryHold,
    error::StoreError,
    job::{self, Write, WriteOutcome},
    lock::Lock,
    migrations,
    payment_snapshot::PaymentSnapshot,
    sql,
    tally::{Counter, Tally},
    value::{Cells, Value},
    writer::{self as state, Report, WriterState},
};

/// Readers at a time.
const READERS: usize = 4;
/// How much of the file the writer keeps in memory: the inner pages and the newest leaves of every
/// index. With SQLite's 2 MB it would read them again for each batch, and write some of them twice;
/// with much more, every commit walks what is kept.
const WRITER_CACHE_KIB: u32 = 8 * 1_024;
/// How many pages the log holds before they are brought home. Pages that every batch touches come
/// home once for all of it; the file of the log grows to about 16 MB.
const CHECKPOINT_PAGES: u32 = 4_000;
/// How a ledger is opened that is only read. It writes none of it, and may have to begin a log's index.
const READS: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);
/// Before this, two connections that write and checkpoint at once could corrupt a WAL.
const OLDEST_SQLITE: i32 = 3_051_003;

#[derive(Debug)]
pub(crate) struct Sqlite {
    writer: Option<Writer>,
    counter: Arc<Counter>,
    state: watch::Receiver<WriterState>,
    readers: Arc<Readers>,
}

impl Sqlite {
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        RecoveryHold::refuse(dir)?;
        Self::open_held(dir)
    }

    /// The same, whether it is held or not.
    pub(crate) fn open_held(dir: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(dir).map_err(|why| StoreError::Failed {
            why: format!("{}: {why}", dir.display()),
        })?;
        let lock = Lock::take(dir)?;
        let mut db = connect(dir, OpenFlags::default())?;
        migrations::run(&mut db)?;
        for statement in sql::READS.iter().chain(sql::WRITES) {
            db.prepare_cached(statement)?;
        }
        db.execute_batch(&format!(
            "pragma cache_size = -{WRITER_CACHE_KIB}; pragma wal_autocheckpoint = {CHECKPOINT_PAGES}"
        ))?;
        // What is taken away (a buyer who was kept for long enough) leaves no bytes behind.
        db.execute_batch("pragma secure_delete = on")?;
        let counter = Arc::<Counter>::default();
        let (report, state) = Report::new();
        let ending = Ending::open(dir, &db)?;
        let counted = Arc::clone(&counter);
        let writer = Some(Writer::start(db, lock, ending, counted, report)?);
        Ok(Self {
            writer,
            counter,
            state,
            readers: Arc::new(Readers::new(dir)),
        })
    }

    pub(crate) fn open_to_read(dir: &Path) -> Result<Self, StoreError> {
        let readers = Readers::new(dir);
        readers.with(|_| Ok(()))?;
        Ok(Self {
            writer: None,
            counter: Arc::default(),
            state: state::none(),
            readers: Arc::new(readers),
        })
    }

    pub(crate) fn writes(&self) -> bool {
        self.writer.is_some()
    }

    pub(crate) fn tally(&self) -> Tally {
        self.counter.read()
    }

    /// How many bytes the disk of the ledger has left for it.
    pub(crate) fn free_bytes(&self) -> Result<u64, StoreError> {
        let dir = &self.readers.dir;
        let disk = rustix::fs::statvfs(dir).map_err(|why| StoreError::Failed {
            why: format!("{}: {why}", dir.display()),
        })?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    pub(crate) fn state(&self) -> &watch::Receiver<WriterState> {
        &self.state
    }

    pub(crate) async fn write(
        &self,
        write: Write,
    ) -> Result<(WriteOutcome, PaymentSnapshot), StoreError> {
        job::ask(self.writer()?.queue()?, write, Work::Job).await
    }

    pub(crate) async fn run(
        &self,
        sql: Cow<'static, str>,
        values: Vec<Value<'static>>,
    ) -> Result<Vec<Cells>, StoreError> {
        let found = self.statements(vec![(sql, values)]).await?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    pub(crate) async fn run_all(
        &self,
        statements: Vec<(String, Vec<Value<'static>>)>,
    ) -> Result<Vec<Vec<Cells>>, StoreError> {
        let owned = statements.into_iter();
        let owned = owned.map(|(sql, values)| (sql.into(), values)).collect();
        self.statements(owned).await
    }

    /// Runs statements in one transaction; what each finds.
    async fn statements(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Cells>>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let work = Work::Run { statements, reply };
        job::send(self.writer()?.queue()?, work)?;
        answer.await.unwrap_or_else(|_| Err(job::gone()))
    }

    pub(crate) async fn probe(&self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        job::send(self.writer()?.queue()?, Work::Probe { reply })?;
        answer.await.unwrap_or_else(|_| Err(job::gone())).map(drop)
    }

    /// A connection on which a transaction that reads has begun.
    pub(crate) fn snapshot(&self) -> Result<Connection, StoreError> {
        let db = connect(&self.readers.dir, READS)?;
        db.execute_batch("pragma query_only = on; begin")?;
        // The moment is that of the first read.
        db.query_row("select count(*) from sqlite_schema", [], |_| Ok(()))?;
        Ok(db)
    }

    pub(crate) fn ending(&self) -> Result<Option<i64>, StoreError> {
        ending::read(&self.readers.dir)
    }

    fn writer(&self) -> Result<&Writer, StoreError> {
        let read_only = || StoreError::Failed {
            why: "it is open for reading only".into(),
        };
        self.writer.as_ref().ok_or_else(read_only)
    }

    pub(crate) async fn rows(
        &self,
        sql: Cow<'static, str>,
        values: Vec<Value<'static>>,
    ) -> Result<Vec<Cells>, StoreError> {
        let permit = Arc::clone(&self.readers.permits)
            .acquire_owned()
            .await
            .map_err(|_| job::gone())?;
        let readers = Arc::clone(&self.readers);
        let answer = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            readers.with(|db| Ok(rows(db, &sql, &values)?))
        });
        answer.await.unwrap_or_else(|why| {
            Err(StoreError::Failed {
                why: crate::error::broke_off(&why).into(),
            })
        })
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
        Self {
            dir: dir.into(),
            idle: Mutex::default(),
            permits: Arc::new(Semaphore::new(READERS)),
        }
    }

    fn with<T>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let db = match kept {
            Some(db) => db,
            None => connect(&self.dir, READS)?,
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

/// Copies the ledger in a folder as it is at one moment into a file that is not there yet.
pub(crate) fn copy(dir: &Path, to: &Path) -> Result<(), StoreError> {
    let bad = || StoreError::Failed {
        why: format!("{}: its name is not UTF-8", to.display()),
    };
    let db = connect(dir, READS)?;
    db.execute("vacuum into $1", [to.to_str().ok_or_else(bad)?])?;
    Ok(())
}

/// How many commits the ledger in a folder knows.
pub(crate) fn commits(dir: &Path) -> Result<i64, StoreError> {
    Ok(connect(dir, READS)?.query_row(sql::check::ENDING, [], |row| row.get(1))?)
}

fn connect(dir: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        let version = rusqlite::version();
        let why =
            format!("SQLite {version} is too old to keep a ledger; 3.51.3 or newer is needed");
        return Err(StoreError::Failed { why });
    }
    let path = dir.join("sugi.db");
    let failed = |why: String| StoreError::Failed {
        why: format!("{}: {why}", path.display()),
    };
    let db = Connection::open_with_flags(&path, flags).map_err(|why| failed(why.to_string()))?;
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    db.set_prepared_statement_cache_capacity(64);
    let mode: String = db.query_row("pragma journal_mode = wal", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(failed(format!("no write-ahead log on this disk ({mode})")));
    }
    db.execute_batch("pragma synchronous = full; pragma trusted_schema = off")?;
    Ok(db)
}

/// What a statement finds.
pub(crate) fn rows(
    db: &Connection,
    sql: &str,
    values: &[Value],
) -> Result<Vec<Cells>, rusqlite::Error> {
    let mut statement = db.prepare_cached(sql)?;
    let width = statement.column_count();
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let cell = |at| {
            Ok(match row.get_ref(at)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => Value::Integer(number),
                // What another hand may have put there reads as what was never written, so that
                // the row is found and named instead of the whole answer failing.
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned().into(),
                // A strict table holds none; and it is not the text that it may look like.
                ValueRef::Blob(bytes) => {
                    format!("\u{fffd}{}", String::from_utf8_lossy(bytes)).into()
                }
                ValueRef::Real(number) => number.to_string().into(),
            })
        };
        found.push(Cells(
            (0..width)
                .map(cell)
                .collect::<Result<_, rusqlite::Error>>()?,
        ));
    }
    Ok(found)
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        match self {
            Self::Null => Ok(rusqlite::types::Null.into()),
            Self::Text(text) => text.as_ref().to_sql(),
            Self::Integer(number) => number.to_sql(),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(why: rusqlite::Error) -> Self {
        Self::Failed {
            why: why.to_string(),
        }
    }
}
