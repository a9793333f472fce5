//! The ledger in PostgreSQL: one connection that writes, a few that read, all to the primary.

mod batch;
mod link;
mod pooler;
mod target;
mod tls;
mod writer;

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{Semaphore, mpsc, oneshot, watch};

pub(crate) use self::link::{Link, words};
use self::{link::Role, target::Target, writer::Work};
use crate::{
    error::StoreError,
    job::{self, Write, WriteOutcome},
    migrations,
    payment_snapshot::PaymentSnapshot,
    tally::{Counter, Tally},
    value::{Cells, Value},
    writer::{self as state, Report, WriterState},
};

/// Readers at a time.
const READERS: usize = 4;
/// How many statements that write by themselves, beside the writer, at a time. They have places of their own: their
/// commits may hang for a standby, and reading goes on.
const SINGLES: usize = 2;
/// How long a caller waits for such a statement.
const MAX_WAIT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Postgres {
    target: Arc<Target>,
    queue: mpsc::Sender<Work>,
    counter: Arc<Counter>,
    writer: watch::Receiver<WriterState>,
    idle: Arc<Mutex<Vec<Link>>>,
    permits: Semaphore,
    singles: Arc<Semaphore>,
}

impl Postgres {
    pub(crate) async fn connect(url: &str) -> Result<Self, StoreError> {
        let target = Arc::new(Target::parse(url)?);
        pooler::refuse(&target).await?;
        migrations::run_postgres(&mut link::connect(&target).await?.0).await?;
        let writer = Link::open(&target, Role::Writer).await?;
        let (ledger, jobs) = Self::reading(target).await?;
        let (report, state) = Report::new();
        tokio::spawn(writer::run(
            Arc::clone(&ledger.target),
            writer,
            jobs,
            Arc::clone(&ledger.counter),
            report,
        ));
        Ok(Self {
            writer: state,
            ..ledger
        })
    }

    pub(crate) async fn connect_to_read(url: &str) -> Result<Self, StoreError> {
        let target = Arc::new(Target::parse(url)?);
        pooler::refuse(&target).await?;
        // Whoever wants to write finds a queue that is closed.
        Ok(Self::reading(target).await?.0)
    }

    async fn reading(target: Arc<Target>) -> Result<(Self, mpsc::Receiver<Work>), StoreError> {
        let reader = Link::open(&target, Role::Reader).await?;
        let (queue, jobs) = mpsc::channel(job::QUEUE);
        let ledger = Self {
            target,
            queue,
            counter: Arc::default(),
            writer: state::none(),
            idle: Arc::new(Mutex::new(vec![reader])),
            permits: Semaphore::new(READERS),
            singles: Arc::new(Semaphore::new(SINGLES)),
        };
        Ok((ledger, jobs))
    }

    pub(crate) fn tally(&self) -> Tally {
        self.counter.read()
    }

    pub(crate) fn writer(&self) -> &watch::Receiver<WriterState> {
        &self.writer
    }

    pub(crate) async fn write(
        &self,
        write: Write,
    ) -> Result<(WriteOutcome, PaymentSnapshot), StoreError> {
        job::ask(&self.queue, write, Work::Job).await
    }

    /// Asks the writer to commit something that means nothing.
    pub(crate) async fn probe(&self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        job::send(&self.queue, Work::Probe(reply))?;
        answer.await.unwrap_or_else(|_| Err(job::gone()))
    }

    pub(crate) async fn rows(
        &self,
        sql: Cow<'static, str>,
        values: Vec<Value<'static>>,
    ) -> Result<Vec<Cells>, StoreError> {
        let _permit = self.permits.acquire().await.map_err(|_| job::gone())?;
        // A kept connection may have died since; reading twice does no harm.
        let pool = self.pool();
        while let Some(link) = pool.kept() {
            match link.rows(&sql, &values).await {
                Err(_) if link.is_closed() => {}
                answer => return pool.keep(link, answer),
            }
        }
        let link = Link::open(&pool.target, Role::Reader).await?;
        let answer = link.rows(&sql, &values).await;
        pool.keep(link, answer)
    }

    /// Runs a statement that writes and is its own transaction.
    pub(crate) async fn run(
        &self,
        sql: Cow<'static, str>,
        values: Vec<Value<'static>>,
    ) -> Result<Vec<Cells>, StoreError> {
        self.single(move |pool| async move {
            let link = match std::iter::from_fn(|| pool.kept()).find(|link| !link.is_closed()) {
                Some(link) => link,
                None => Link::open(&pool.target, Role::Reader).await?,
            };
            let _ = link.warned();
            match link.rows(&sql, &values).await {
                Err(why) if link.is_closed() => Err(unknown(&link::words(&why))),
                Ok(_) if link.warned() => Err(unknown(WARNED)),
                answer => pool.keep(link, answer),
            }
        })
        .await
    }

    /// Runs statements that write, as one transaction.
    pub(crate) async fn run_all(
        &self,
        statements: Vec<(String, Vec<Value<'static>>)>,
    ) -> Result<Vec<Vec<Cells>>, StoreError> {
        self.single(move |pool| async move {
            // A connection that is left in the middle of a transaction is not put back, so it is closed.
            let link = pool.begun().await?;
            let mut found = Vec::with_capacity(statements.len());
            for (sql, values) in &statements {
                found.push(link.rows(sql, values).await?);
            }
            match link.command("commit").await {
                Err(why) if link.is_closed() => Err(unknown(&link::words(&why))),
                // It may be the only word of a standby that was not waited for.
                Ok(()) if link.warned() => Err(unknown(WARNED)),
                answer => pool.keep(link, answer.map(|()| found)),
            }
        })
        .await
    }

    /// Runs what writes by itself, as one of the few that may. It runs to its end whether it is waited for or not:
    /// a commit that hangs keeps its place, so that those that come after it do not each hang one more connection.
    async fn single<T, F>(
        &self,
        work: impl FnOnce(Pool) -> F + Send + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        let place = tokio::time::timeout(MAX_WAIT, Arc::clone(&self.singles).acquire_owned()).await;
        let place = place.map_err(|_| StoreError::Failed {
            why: "PostgreSQL does not commit; nothing was written".into(),
        })?;
        let place = place.map_err(|_| job::gone())?;
        let pool = self.pool();
        let done = tokio::spawn(async move {
            let _place = place;
            work(pool).await
        });
        match tokio::time::timeout(MAX_WAIT, done).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(why)) => Err(unknown(crate::error::broke_off(&why))),
            Err(_) => Err(unknown("the server does not answer")),
        }
    }

    /// A connection on which a transaction has begun that reads one moment.
    pub(crate) async fn snapshot(&self) -> Result<Link, StoreError> {
        let link = Link::open(&self.target, Role::Reader).await?;
        link.command("begin isolation level repeatable read read only")
            .await?;
        Ok(link)
    }

    fn pool(&self) -> Pool {
        Pool {
            target: Arc::clone(&self.target),
            idle: Arc::clone(&self.idle),
        }
    }
}

/// Connections beside the writer's, opened as they are needed and kept.
struct Pool {
    target: Arc<Target>,
    idle: Arc<Mutex<Vec<Link>>>,
}

impl Pool {
    /// A connection with a transaction that has begun on it.
    async fn begun(&self) -> Result<Link, StoreError> {
        // A kept connection may have died since; nothing was asked of it yet.
        while let Some(link) = self.kept() {
            if link.command(link::BEGIN).await.is_ok() {
                // A warning from before is none of this transaction's.
                let _ = link.warned();
                return Ok(link);
            }
        }
        let link = Link::open(&self.target, Role::Reader).await?;
        link.command(link::BEGIN).await?;
        let _ = link.warned();
        Ok(link)
    }

    /// Puts a connection back for the next one. (One that is not put back is closed.)
    fn keep<T>(
        &self,
        link: Link,
        answer: Result<T, tokio_postgres::Error>,
    ) -> Result<T, StoreError> {
        if !link.is_closed() {
            self.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(link);
        }
        Ok(answer?)
    }

    fn kept(&self) -> Option<Link> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }
}

/// The server warned at a commit: it may be that no standby has it.
const WARNED: &str = "the server warned while it committed";

fn unknown(why: &str) -> StoreError {
    StoreError::Unknown { why: why.into() }
}
