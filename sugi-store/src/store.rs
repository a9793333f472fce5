//! The store as the engine sees it.

use std::{
    borrow::Cow,
    fmt::Write as _,
    path::Path,
    sync::{Arc, Mutex, atomic::AtomicU64},
};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use sugi_core::{Payment, PaymentId, Shops};
use tokio::sync::{Notify, watch};

use crate::{
    error::{CreateError, IntegrityViolation, StoreError},
    job::{Write, WriteOutcome},
    list::{Filter, Page, Summary, Text, and_of_shops},
    payment_snapshot::{Entry, PaymentSnapshot, PendingAppend},
    postgres::Postgres,
    record::{self, RawEntry, Row},
    snapshot::Snapshot,
    sql,
    sqlite::Sqlite,
    tally::Tally,
    value::{Cells, Value},
    verify,
    writer::WriterState,
};

/// The ledger.
#[derive(Debug)]
pub struct Store {
    pub(crate) engine: Engine,
    /// Told when something was written that others hear of.
    pub(crate) written: Notify,
    /// Rows of the outbox that do not read.
    pub(crate) unreadable_events: AtomicU64,
}

/// What the ledger is kept in. All that differs is how rows are read and how writes are committed;
/// what is asked and what the answers mean is the same above both.
#[derive(Debug)]
pub(crate) enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
    /// One moment of either, to be read.
    Snapshot(Snapshot),
}

impl Engine {
    /// What a statement that reads finds. One statement sees one moment.
    pub(crate) async fn rows(
        &self,
        sql: impl Into<Cow<'static, str>>,
        values: Vec<Value<'static>>,
    ) -> Result<Vec<Cells>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.rows(sql.into(), values).await,
            Self::Postgres(postgres) => postgres.rows(sql.into(), values).await,
            Self::Snapshot(snapshot) => snapshot.rows(sql.into(), values).await,
        }
    }

    /// Runs a statement that writes by itself.
    pub(crate) async fn run(
        &self,
        sql: impl Into<Cow<'static, str>>,
        values: Vec<Value<'static>>,
    ) -> Result<Vec<Cells>, StoreError> {
        let sql = sql.into();
        match self {
            Self::Sqlite(sqlite) => sqlite.run(sql, values).await,
            Self::Postgres(postgres) => postgres.run(sql, values).await,
            Self::Snapshot(_) => Err(only_to_read()),
        }
    }

    /// Runs statements that write, all of them or none; what each finds.
    pub(crate) async fn run_all(
        &self,
        statements: Vec<(String, Vec<Value<'static>>)>,
    ) -> Result<Vec<Vec<Cells>>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.run_all(statements).await,
            Self::Postgres(postgres) => postgres.run_all(statements).await,
            Self::Snapshot(_) => Err(only_to_read()),
        }
    }

    async fn write(&self, write: Write) -> Result<(WriteOutcome, PaymentSnapshot), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.write(write).await,
            Self::Postgres(postgres) => postgres.write(write).await,
            Self::Snapshot(_) => Err(only_to_read()),
        }
    }

    /// This moment of it, on a connection of its own.
    pub(crate) async fn snapshot(&self) -> Result<Self, StoreError> {
        Ok(Self::Snapshot(match self {
            Self::Sqlite(sqlite) => Snapshot::Sqlite(Arc::new(Mutex::new(sqlite.snapshot()?))),
            Self::Postgres(postgres) => Snapshot::Postgres(Box::new(postgres.snapshot().await?)),
            Self::Snapshot(_) => return Err(only_to_read()),
        }))
    }

    /// Where the ledger ends, as the file beside it says; `None` where there is none.
    pub(crate) fn ending(&self) -> Result<Option<i64>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.ending(),
            Self::Postgres(_) | Self::Snapshot(_) => Ok(None),
        }
    }
}

fn only_to_read() -> StoreError {
    let why = "it is a moment of the ledger, which is read only".into();
    StoreError::Failed { why }
}

/// What makes a payment happen once.
#[derive(Debug, Clone, Default)]
pub struct CreationClaims {
    /// The caller's idempotency key, if it gave one.
    pub key: Option<Key>,
}

/// An idempotency key.
#[derive(Debug, Clone)]
pub struct Key {
    /// Whose: keys of different callers do not meet.
    pub scope: String,
    /// The key itself.
    pub key: String,
    /// A hash of the request, without its card.
    pub request: String,
}

impl Key {
    /// What the payment that it makes tells of it.
    pub(crate) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for text in [&self.scope, &self.key, &self.request] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        let digest = hash.finalize();
        digest
            .iter()
            .fold(String::with_capacity(64), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            })
    }
}

/// How far a clock may stand before the newest event of a ledger.
const CLOCKS_APART: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

impl Store {
    /// Opens the ledger in a folder for writing, and locks it; the folder is made if it is missing.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it; anything the database says.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Ok(Self::over(Engine::Sqlite(Sqlite::open(dir)?)))
    }

    /// Opens the embedded ledger in a folder for writing although it may be held (see
    /// [`RecoveryHold`](crate::RecoveryHold)): for the act that ends the hold. No payment may be touched through it.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for the hold.
    pub fn open_held(dir: &Path) -> Result<Self, StoreError> {
        Ok(Self::over(Engine::Sqlite(Sqlite::open_held(dir)?)))
    }

    /// Opens the ledger in a folder for reading, beside a process that may be writing it.
    ///
    /// # Errors
    /// When there is none, or what the database says.
    pub fn open_to_read(dir: &Path) -> Result<Self, StoreError> {
        Ok(Self::over(Engine::Sqlite(Sqlite::open_to_read(dir)?)))
    }

    /// Connects to the ledger in a PostgreSQL database, which several nodes may share, and brings
    /// its schema up to date.
    ///
    /// The address is `postgres://user:password@host:port/database`, with libpq's parameters after
    /// a `?`. Several hosts (`host1:5432,host2:5432`) are tried in turn until one is the primary:
    /// nothing is ever read from a standby. `sslmode` is one of
    ///
    /// * `disable`: no TLS;
    /// * `prefer`: TLS if the server has it, without looking at its certificate. It keeps no one
    ///   out; it is what a host that is this machine gets when nothing is said;
    /// * `require` and `verify-full`: TLS, with a certificate that is valid for the host's name. It
    ///   is what any other host gets when nothing is said. (libpq's `require` believes any
    ///   certificate, which keeps no one out who matters.)
    ///
    /// `sslrootcert` names a PEM file with the authorities to trust; without it they are those of
    /// the browsers (Mozilla's list, compiled in).
    ///
    /// # Errors
    /// When the server cannot be reached, is a standby, or its schema is newer than this program.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Ok(Self::over(Engine::Postgres(Postgres::connect(url).await?)))
    }

    /// Connects to the ledger in a PostgreSQL database for reading. Its schema stays as it is.
    ///
    /// # Errors
    /// When the server cannot be reached, or its schema is not the one that this program reads.
    pub async fn connect_to_read(url: &str) -> Result<Self, StoreError> {
        let ledger = Postgres::connect_to_read(url).await?;
        Ok(Self::over(Engine::Postgres(ledger)))
    }

    fn over(engine: Engine) -> Self {
        Self {
            engine,
            written: Notify::new(),
            unreadable_events: AtomicU64::new(0),
        }
    }

    /// Whether no one else can write to this ledger while it is open: true for SQLite opened for
    /// writing, false for PostgreSQL.
    #[must_use]
    pub fn is_sole(&self) -> bool {
        matches!(&self.engine, Engine::Sqlite(sqlite) if sqlite.writes())
    }

    /// What the writer has done since the ledger was opened. One that is open for reading has none.
    #[must_use]
    pub fn tally(&self) -> Tally {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.tally(),
            Engine::Postgres(postgres) => postgres.tally(),
            Engine::Snapshot(_) => Tally {
                commits: 0,
                writes: 0,
            },
        }
    }

    /// How the writer is, as it knows from its last write.
    #[must_use]
    pub fn writer(&self) -> WriterState {
        self.state().borrow().clone()
    }

    /// Waits until the writer has ended, and says why. It cannot be started again: the process has to be.
    pub async fn writer_ended(&self) -> String {
        let mut state = self.state();
        let ended = state.wait_for(|state| matches!(state, WriterState::Ended { .. }));
        match ended.await.as_deref() {
            Ok(WriterState::Ended { why }) => why.clone(),
            // A ledger that is open for reading has no writer that could end.
            _ => std::future::pending().await,
        }
    }

    fn state(&self) -> watch::Receiver<WriterState> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.state().clone(),
            Engine::Postgres(postgres) => postgres.writer().clone(),
            Engine::Snapshot(_) => crate::writer::none(),
        }
    }

    /// Has the writer commit a change that changes nothing: whether the ledger can be written now.
    ///
    /// # Errors
    /// What the database says.
    pub async fn probe(&self) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.probe().await,
            Engine::Postgres(postgres) => postgres.probe().await,
            Engine::Snapshot(_) => Err(only_to_read()),
        }
    }

    /// How many bytes are free on the disk of an embedded ledger; `None` for a database, whose disk is its own.
    ///
    /// # Errors
    /// What the system says.
    pub fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.free_bytes().map(Some),
            Engine::Postgres(_) | Engine::Snapshot(_) => Ok(None),
        }
    }

    /// Writes a new payment: its first events, its claim on the order and on its idempotency key.
    ///
    /// # Errors
    /// [`CreateError`]; then nothing was written, except after [`StoreError::Unknown`].
    pub async fn create(
        &self,
        pending_append: PendingAppend,
        due_at: Option<Timestamp>,
        creation_claims: CreationClaims,
    ) -> Result<PaymentSnapshot, CreateError> {
        let pending_append = match &creation_claims.key {
            Some(key) => pending_append.made_by(key),
            None => pending_append,
        };
        let row = Row::of(pending_append.after(), pending_append.head(), due_at);
        let id = row.id.clone();
        match self
            .engine
            .write(Write {
                pending_append,
                row,
                creation_claims: Some(creation_claims),
            })
            .await?
        {
            (WriteOutcome::Written, payment_snapshot) => Ok(payment_snapshot),
            (WriteOutcome::Refused(why), _) => Err(why),
            (WriteOutcome::Foreign(why), _) => Err(why.into()),
            (WriteOutcome::Conflict, _) => Err(StoreError::Failed {
                why: format!("{id} exists already"),
            }
            .into()),
        }
    }

    /// Writes what happened to a payment. `None`: someone else wrote first, nothing was written.
    ///
    /// # Errors
    /// [`StoreError::Foreign`] when it would take another payment's transaction for its own. What the
    /// database says; only after [`StoreError::Unknown`] may something have been written.
    pub async fn append(
        &self,
        pending_append: PendingAppend,
        due_at: Option<Timestamp>,
    ) -> Result<Option<PaymentSnapshot>, StoreError> {
        let row = Row::of(pending_append.after(), pending_append.head(), due_at);
        let is_public_event = pending_append.public_event().next().is_some();
        let (write_outcome, payment_snapshot) = self
            .engine
            .write(Write {
                pending_append,
                row,
                creation_claims: None,
            })
            .await?;
        if let WriteOutcome::Foreign(why) = write_outcome {
            return Err(why);
        }
        let written = matches!(write_outcome, WriteOutcome::Written);
        if written && is_public_event {
            self.written.notify_one();
        }
        Ok(written.then_some(payment_snapshot))
    }

    /// A payment, folded from its journal; the chain is checked on the way.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] when the journal was tampered with.
    pub async fn load(&self, id: &PaymentId) -> Result<Option<PaymentSnapshot>, StoreError> {
        record::fold(id, self.raw_journal(id).await?)
    }

    /// A payment as it was after a row of its journal; as it is now, if it has no more rows.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn load_at(&self, id: &PaymentId, seq: u32) -> Result<Option<Payment>, StoreError> {
        let mut rows = self.raw_journal(id).await?;
        rows.truncate(usize::try_from(seq).unwrap_or(usize::MAX));
        Ok(record::fold(id, rows)?.map(|payment_snapshot| payment_snapshot.payment))
    }

    /// A payment's journal, row by row, checked as [`load`](Self::load) checks it.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn journal(&self, id: &PaymentId) -> Result<Vec<Entry>, StoreError> {
        let rows = self.raw_journal(id).await?;
        let entries = rows.iter().map(Entry::read).collect::<Result<Vec<_>, _>>();
        let entries =
            entries.map_err(|(seq, what)| IntegrityViolation::in_row(id.as_str(), seq, what))?;
        record::fold(id, rows)?;
        Ok(entries)
    }

    async fn raw_journal(&self, id: &PaymentId) -> Result<Vec<RawEntry>, StoreError> {
        let rows = self
            .engine
            .rows(sql::JOURNAL, vec![id.to_string().into()])
            .await?;
        rows.iter().map(|row| RawEntry::read(row, 0)).collect()
    }

    /// The payment that an idempotency key made, and the hash of its request.
    ///
    /// # Errors
    /// What the database says.
    pub async fn by_key(
        &self,
        scope: &str,
        key: &str,
    ) -> Result<Option<(PaymentId, String)>, StoreError> {
        let values = vec![scope.to_owned().into(), key.to_owned().into()];
        let found = self.engine.rows(sql::KEY, values).await?;
        found
            .first()
            .map(|row| Ok((row.id(0)?, row.text(1)?)))
            .transpose()
    }

    /// Up to `limit` payments that are due at `now`, the longest due first. One whose name does not read is logged
    /// and left out.
    ///
    /// # Errors
    /// What the database says.
    pub async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<PaymentId>, StoreError> {
        let values = vec![now.as_microsecond().into(), limit.into()];
        let found = self.engine.rows(sql::DUE, values).await?;
        Ok(found.iter().filter_map(named).collect())
    }

    /// Says when a payment is due, unless something has happened to it since it was read: it was looked
    /// at, and there was nothing to do yet.
    ///
    /// # Errors
    /// What the database says.
    pub async fn set_due(
        &self,
        payment: &Payment,
        due: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let due = due.map(Timestamp::as_microsecond);
        let values = vec![
            due.into(),
            payment.id.to_string().into(),
            i64::from(payment.seq).into(),
        ];
        self.engine.run(sql::SET_DUE, values).await.map(drop)
    }

    /// Makes every doubt that rests due: its shop's configuration may let KCP be asked now.
    ///
    /// # Errors
    /// What the database says.
    pub async fn doubts_due(&self, now: Timestamp) -> Result<(), StoreError> {
        let values = vec![now.as_microsecond().into()];
        self.engine.run(sql::DOUBTS_DUE, values).await.map(drop)
    }

    /// When the next payment is due.
    ///
    /// # Errors
    /// What the database says.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let rows = self.engine.rows(sql::NEXT_DUE, Vec::new()).await?;
        rows.first().map_or(Ok(None), |row| row.maybe_time(0))
    }

    /// Refuses to go on when the calendar stands before the ledger's newest event by more than clocks of
    /// several nodes are apart. `known` is a time up to which an earlier clock is known to have been ahead.
    ///
    /// # Errors
    /// [`StoreError::ClockBehind`], or what the database says.
    pub async fn check_clock(
        &self,
        now: Timestamp,
        known: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let rows = self.engine.rows(sql::NEWEST, Vec::new()).await?;
        let newest = rows.first().map_or(Ok(None), |row| row.maybe_time(0))?;
        match newest.filter(|newest| known.is_none_or(|known| *newest > known)) {
            Some(newest) if newest.duration_since(now) > CLOCKS_APART => {
                Err(StoreError::ClockBehind { now, newest })
            }
            _ => Ok(()),
        }
    }

    /// A page of payments, the newest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn list(&self, filter: Filter) -> Result<Page, StoreError> {
        let (sql, values) = filter.to_sql();
        Page::read(&self.engine.rows(sql, values).await?, &filter)
    }

    /// The texts that payments have and that begin so, in the order of their bytes: up to [`Text::MOST`],
    /// and one more if there are more.
    ///
    /// # Errors
    /// What the database says.
    pub async fn beginning(&self, text: Text, beginning: &str) -> Result<Vec<String>, StoreError> {
        let (sql, values) = text.to_sql(beginning);
        let rows = self.engine.rows(sql, values).await?;
        rows.iter().map(|row| row.text(0)).collect()
    }

    /// Up to `limit` payments of these shops in doubt, the oldest doubt first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn doubts(&self, limit: u32, shops: &Shops) -> Result<Vec<Summary>, StoreError> {
        let mut values = Vec::new();
        let Some(and) = and_of_shops(shops, &mut values) else {
            return Ok(Vec::new());
        };
        let sql = sql::DOUBTS
            .replace("{and}", &and)
            .replace("{limit}", &limit.to_string());
        let rows = self.engine.rows(sql, values).await?;
        rows.iter().map(Summary::read).collect()
    }

    /// Proves the whole ledger, as it is at one moment: the database's own integrity and schema, every
    /// chain, every fold, and what stands beside the journals against them. What that does not cover is in
    /// [`NOT_COVERED`](crate::NOT_COVERED). Returns how many payments and journal rows hold.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] with the first finding.
    pub async fn verify(&self) -> Result<(u64, u64), StoreError> {
        Ok(self.prove().await?.0)
    }

    /// The same, and which indexes of PostgreSQL were not compared with their tables: its planner reads them by
    /// another one, and amcheck, which would not ask it, is not installed.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn prove(&self) -> Result<((u64, u64), Vec<String>), StoreError> {
        let proved = verify::walk(&self.engine).await?;
        Ok((proved.counted, proved.unread))
    }

    /// Whether a file beside the ledger says where it ends, so that [`verify`](Self::verify) knows a copy
    /// that ends before: of an SQLite ledger that was copied with it.
    #[must_use]
    pub fn knows_its_end(&self) -> bool {
        self.engine.ending().is_ok_and(|ending| ending.is_some())
    }
}

/// The payment that a row names first; none, and a word in the log, if that is no name.
pub(crate) fn named(row: &Cells) -> Option<PaymentId> {
    let id = row.id(0);
    id.inspect_err(|why| tracing::error!(%why, "a payment that is due cannot be taken up"))
        .ok()
}

impl From<IntegrityViolation> for CreateError {
    fn from(violation: IntegrityViolation) -> Self {
        Self::Store(violation.into())
    }
}
