//! One connection: every statement prepared on it, and an ear for what the server says besides.

use std::{
    collections::HashMap,
    error::Error as _,
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::BytesMut;
use futures_util::future::try_join_all;
use tokio::{sync::watch, task::AbortHandle};
use tokio_postgres::{
    AsyncMessage, Client, Error, Statement,
    error::{Severity, SqlState},
    types::{FromSql, IsNull, ToSql, Type, to_sql_checked},
};

use super::target::{Driver, Target};
use crate::{
    error::StoreError,
    sql,
    value::{Cells, Value},
};

/// What every connection needs, no matter what the role or the database has as its default. A warning at
/// commit may be the only word of a standby that was not waited for, so warnings must come through.
/// A commit waits for the disk, and for a synchronous standby's disk if there is one; a stronger
/// setting is left alone.
const SETTINGS: &str = "\
set default_transaction_isolation = 'read committed'; set client_min_messages = 'warning';
select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') <> 'remote_apply'";

/// What the one that writes needs besides. A time-out that fires during COMMIT would leave its
/// outcome open, so there is none; a node that freezes inside a transaction must not keep others
/// waiting, so the server ends that.
const WRITER_SETTINGS: &str = "\
set statement_timeout = 0; set lock_timeout = 0; set idle_in_transaction_session_timeout = '10s'";

/// What the others need besides: none waits for a lock for ever.
const READER_SETTINGS: &str = "set lock_timeout = '5s'";

/// Begins a transaction of several statements on a connection that mostly reads: a node that freezes in it keeps no
/// other waiting.
pub(super) const BEGIN: &str = "begin; set local idle_in_transaction_session_timeout = '10s'";

/// How long a server that took a connection may take until everything on it is ready.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Prepared on an empty ledger, a statement may be planned to scan the table, and the plan stays
/// while the table grows. Everything is found by an index, so scans are ruled out; for batches,
/// where rows come in by hundreds, so are the joins that read a whole table. A plan that needs what is ruled
/// out costs so much on paper that it would be compiled first, for half a second.
const READER_PLANS: &str = "set enable_seqscan = off; set jit = off";
const WRITER_PLANS: &str = "\
set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off;
set plan_cache_mode = 'force_generic_plan'; set jit = off";

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Writer,
    Reader,
}

#[derive(Debug)]
pub(crate) struct Link {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    line: Line,
    /// How many questions are under way.
    asked: AtomicUsize,
}

/// What carries a connection's bytes.
#[derive(Debug)]
pub(super) struct Line {
    warned: Arc<AtomicBool>,
    driver: AbortHandle,
    /// It has no sender any more when the connection ended.
    open: watch::Receiver<()>,
}

impl Link {
    /// Connects, makes sure of the other side, and prepares every statement.
    pub(super) async fn open(target: &Target, role: Role) -> Result<Self, StoreError> {
        let (client, line) = connect(target).await?;
        let mut link = Self {
            client,
            statements: HashMap::new(),
            line,
            asked: AtomicUsize::new(0),
        };
        // A server that hangs holds a connecting client no longer than one that is away.
        let prepared = link.asking(prepare(&link.client, role));
        if let Ok(statements) = tokio::time::timeout(MAX_WAIT, prepared).await {
            link.statements = statements?;
        } else {
            let why = "PostgreSQL took the connection and does not answer".into();
            return Err(StoreError::Failed { why });
        }
        Ok(link)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Waits until the connection has ended.
    pub(super) async fn closed(&self) {
        let mut open = self.line.open.clone();
        while open.changed().await.is_ok() {}
    }

    /// Asks the server to let go of what it is at work on, if it hears it soon.
    pub(super) async fn cancel(&self, target: &Target) {
        target.cancel(self.client.cancel_token()).await;
    }

    /// Waits for an answer. What is given up before it came is counted on: see [`Drop`].
    async fn asking<T>(&self, answer: impl Future<Output = T>) -> T {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = answer.await;
        self.asked.fetch_sub(1, Ordering::SeqCst);
        answer
    }

    /// What a statement finds.
    pub(crate) async fn rows(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Cells>, Error> {
        let rows = if let Some(statement) = self.statements.get(sql) {
            let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
            self.asking(self.client.query(statement, &values)).await?
        } else {
            let values: Vec<_> = values
                .iter()
                .map(|value| (value as _, value.kind()))
                .collect();
            self.asking(self.client.query_typed(sql, &values)).await?
        };
        cells(&rows)
    }

    /// Runs a batch form with its columns; nothing to run when they are empty.
    pub(super) async fn many(
        &self,
        sql: &str,
        columns: &[Vec<Value<'_>>],
    ) -> Result<Vec<Cells>, Error> {
        if columns.first().is_none_or(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let columns: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as _).collect();
        let rows = match self.statements.get(sql) {
            Some(statement) => self.asking(self.client.query(statement, &columns)).await?,
            None => self.asking(self.client.query(sql, &columns)).await?,
        };
        cells(&rows)
    }

    pub(super) async fn command(&self, sql: &str) -> Result<(), Error> {
        self.asking(self.client.batch_execute(sql)).await
    }

    /// Whether the server warned of something since it was last asked.
    pub(super) fn warned(&self) -> bool {
        self.line.warned.swap(false, Ordering::SeqCst)
    }
}

impl Drop for Link {
    /// The driver ends after the last answer. Where one may never come, nothing waits for it.
    fn drop(&mut self) {
        if self.asked.load(Ordering::SeqCst) > 0 {
            self.line.driver.abort();
        }
    }
}

/// Connects and makes sure of the other side, without preparing anything.
pub(super) async fn connect(target: &Target) -> Result<(Client, Line), StoreError> {
    let (client, driver) = target.connect().await?;
    let warned = Arc::new(AtomicBool::new(false));
    let (is_open, open) = watch::channel(());
    let driver = tokio::spawn(drive(driver, Arc::clone(&warned), is_open)).abort_handle();
    let ready = async {
        check(&client).await?;
        Ok::<_, StoreError>(client.batch_execute(SETTINGS).await?)
    };
    if let Ok(ready) = tokio::time::timeout(MAX_WAIT, ready).await {
        ready?;
    } else {
        driver.abort();
        let why = "PostgreSQL took the connection and does not answer".into();
        return Err(StoreError::Failed { why });
    }
    let line = Line {
        warned,
        driver,
        open,
    };
    Ok((client, line))
}

/// Sets a connection up for its role, and prepares every statement that the role needs.
async fn prepare(
    client: &Client,
    role: Role,
) -> Result<HashMap<&'static str, Statement>, StoreError> {
    let mut all = sql::READS
        .iter()
        .chain(sql::WRITES)
        .copied()
        .collect::<Vec<_>>();
    if role == Role::Writer {
        client.batch_execute(WRITER_SETTINGS).await?;
        all.extend(sql::many::ALL);
    } else {
        client.batch_execute(READER_SETTINGS).await?;
    }
    pin_plans(client, role).await?;
    let prepared = try_join_all(all.iter().map(|sql| client.prepare(sql))).await?;
    Ok(all.into_iter().zip(prepared).collect())
}

/// Moves bytes until the connection ends. A notice is seen here before the answer that follows it
/// reaches whoever waits for it.
async fn drive(mut driver: Driver, warned: Arc<AtomicBool>, _is_open: watch::Sender<()>) {
    loop {
        match poll_fn(|cx| driver.poll_message(cx)).await {
            Some(Ok(AsyncMessage::Notice(notice))) => {
                if notice.parsed_severity() == Some(Severity::Warning) {
                    warned.store(true, Ordering::SeqCst);
                    tracing::warn!(
                        code = notice.code().code(),
                        what = notice.message(),
                        "PostgreSQL warns"
                    );
                }
            }
            Some(Ok(_)) => {}
            Some(Err(why)) => {
                tracing::warn!(why = words(&why), "the connection to PostgreSQL broke");
                return;
            }
            None => return,
        }
    }
}

/// Only the primary knows what was written last, and only UTF-8 holds every name.
async fn check(client: &Client) -> Result<(), StoreError> {
    let ask =
        "select pg_is_in_recovery(), current_setting('server_encoding'), current_setting('fsync')";
    let row = client.query_one(ask, &[]).await?;
    if row.try_get(0)? {
        let why = "this PostgreSQL is a standby, which may lag behind; give the primary's address, or all \
                   addresses with commas between them";
        return Err(StoreError::Failed { why: why.into() });
    }
    let encoding: String = row.try_get(1)?;
    if encoding != "UTF8" {
        let why = format!(
            "the database is encoded in {encoding}, which cannot hold every name; make one with \
                           `create database sugi encoding 'UTF8' template template0`"
        );
        return Err(StoreError::Failed { why });
    }
    if row.try_get::<_, &str>(2)? == "off" {
        tracing::warn!(
            "PostgreSQL runs with fsync off: a power cut can lose payments that were acknowledged"
        );
    }
    Ok(())
}

async fn pin_plans(client: &Client, role: Role) -> Result<(), StoreError> {
    let plans = if role == Role::Writer {
        WRITER_PLANS
    } else {
        READER_PLANS
    };
    match client.batch_execute(plans).await {
        // An engine that speaks the protocol but plans in its own way has no such switches.
        Err(why) if why.code() == Some(&SqlState::UNDEFINED_OBJECT) => Ok(()),
        other => Ok(other?),
    }
}

fn cells(rows: &[tokio_postgres::Row]) -> Result<Vec<Cells>, Error> {
    let row = |row: &tokio_postgres::Row| {
        (0..row.len())
            .map(|at| row.try_get(at))
            .collect::<Result<_, _>>()
    };
    rows.iter().map(|cells| row(cells).map(Cells)).collect()
}

type Refused = Box<dyn std::error::Error + Sync + Send>;

impl Value<'_> {
    fn kind(&self) -> Type {
        match self {
            Self::Null | Self::Text(_) => Type::TEXT,
            Self::Integer(_) => Type::INT8,
        }
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Refused> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Text(text) => text.as_ref().to_sql_checked(kind, out),
            Self::Integer(number) => number.to_sql_checked(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TEXT || *kind == Type::INT8
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value<'static> {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Refused> {
        if *kind == Type::INT8 {
            i64::from_sql(kind, raw).map(Into::into)
        } else {
            String::from_sql(kind, raw).map(Into::into)
        }
    }

    fn from_sql_null(_: &Type) -> Result<Self, Refused> {
        Ok(Self::Null)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TEXT || *kind == Type::INT8
    }
}

impl From<Error> for StoreError {
    fn from(why: Error) -> Self {
        Self::Failed { why: words(&why) }
    }
}

/// An error with its causes: by itself the driver's says only which kind it is.
pub(crate) fn words(why: &Error) -> String {
    if let Some(told) = why.as_db_error() {
        return format!("{} ({})", told.message(), told.code().code());
    }
    let mut words = why.to_string();
    let mut cause = why.source();
    while let Some(why) = cause {
        words = format!("{words}: {why}");
        cause = why.source();
    }
    words
}

/// Why a server could not be reached, and what to do about it.
pub(super) fn reach(why: &Error) -> String {
    let words = words(why);
    let remedy = match why.code() {
        Some(code) if *code == SqlState::INVALID_PASSWORD => "; check user and password",
        Some(code) if *code == SqlState::INVALID_CATALOG_NAME => "; make it with `createdb`",
        Some(code) if *code == SqlState::TOO_MANY_CONNECTIONS => {
            "; raise max_connections, each node takes eight"
        }
        Some(_) => "",
        None if words.contains("certificate") => {
            "; name the server's authority with sslrootcert=FILE, and the server as its certificate does"
        }
        None if words.contains("TLS") => {
            "; turn TLS on at the server, or write sslmode=disable if the network between is yours alone"
        }
        None => "; is it running, and is this its address?",
    };
    format!("{words}{remedy}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How the server would run a statement that it prepared on an empty ledger.
    async fn plan(link: &Link, sql: &str) -> String {
        let statement = link.client.prepare(sql).await.unwrap();
        let types = statement
            .params()
            .iter()
            .map(|kind| match kind.name().strip_prefix('_') {
                Some(member) => format!("{member}[]"),
                None => kind.name().into(),
            });
        let listed = |parts: Vec<String>| match parts.as_slice() {
            [] => String::new(),
            parts => format!("({})", parts.join(", ")),
        };
        let nulls = listed(types.clone().map(|_| "null".into()).collect());
        link.command(&format!("prepare p {} as {sql}", listed(types.collect())))
            .await
            .unwrap();
        let rows = link
            .client
            .simple_query(&format!("explain execute p {nulls}"))
            .await
            .unwrap();
        link.command("deallocate p").await.unwrap();
        let lines = rows.iter().filter_map(|row| match row {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The planner's trap: on an empty table that was never analysed, a scan looks cheap.
    #[tokio::test]
    async fn plans_made_on_an_empty_ledger_use_its_indexes() {
        let database = pg_for_tests::database();
        crate::Store::connect(database.url()).await.unwrap();
        let target = Target::parse(database.url()).unwrap();
        let writer = Link::open(&target, Role::Writer).await.unwrap();
        let reader = Link::open(&target, Role::Reader).await.unwrap();
        reader
            .command("set plan_cache_mode = 'force_generic_plan'")
            .await
            .unwrap();
        for (link, sql) in [
            (&writer, sql::many::PROJECT),
            (&writer, sql::many::CLAIM_ORDER),
            (&writer, sql::many::COUNT_ORDER),
            (&writer, sql::many::UNCLAIM_KEY),
            (&writer, sql::many::HASHES),
            (&reader, sql::JOURNAL),
            (&reader, sql::ORDER),
            (&reader, sql::LIVING),
            (&reader, sql::LIVING_ELSEWHERE),
            (&reader, sql::OWNER),
            (&reader, sql::KEY),
            (&reader, sql::DUE),
            (&reader, sql::NEXT_DUE),
            (&reader, sql::WALK),
        ] {
            let plan = plan(link, sql).await;
            assert!(
                plan.contains("Index") && !plan.contains("Seq Scan"),
                "{sql}\n{plan}"
            );
        }
        // The test can tell: left to itself, the planner walks into the trap.
        writer
            .command("reset all; set plan_cache_mode = 'force_generic_plan'")
            .await
            .unwrap();
        let plan = plan(&writer, sql::many::PROJECT).await;
        assert!(plan.contains("Seq Scan") || plan.contains("Hash"), "{plan}");
    }
}
