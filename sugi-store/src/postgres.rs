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
};

use tokio::sync::{Semaphore, mpsc, watch};

pub(crate) use self::link::{Link, words};
use self::{link::Role, target::Target};
use crate::{
    error::StoreError,
    job::{self, Job, Write, WriteOutcome},
    migrations,
    payment_snapshot::PaymentSnapshot,
    tally::{Counter, Tally},
    value::{Cells, Value},
    writer::{self as state, Report, WriterState},
};

/// Readers at a time.
const READERS: usize = 4;

#[derive(Debug)]
pub(crate) struct Postgres {
    target: Arc<Target>,
    queue: mpsc::Sender<Job>,
    counter: Arc<Counter>,
    writer: watch::Receiver<WriterState>,
    idle: Mutex<Vec<Link>>,
    permits: Semaphore,
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

    async fn reading(target: Arc<Target>) -> Result<(Self, mpsc::Receiver<Job>), StoreError> {
        let reader = Link::open(&target, Role::Reader).await?;
        let (queue, jobs) = mpsc::channel(job::QUEUE);
        let ledger = Self {
            target,
            queue,
            counter: Arc::default(),
            writer: state::none(),
            idle: Mutex::new(vec![reader]),
            permits: Semaphore::new(READERS),
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
        job::ask(&self.queue, write, |job| job).await
    }

    pub(crate) async fn rows(
        &self,
        sql: Cow<'static, str>,
        values: Vec<Value<'static>>,
    ) -> Result<Vec<Cells>, StoreError> {
        let _permit = self.permits.acquire().await.map_err(|_| job::gone())?;
        // A kept connection may have died since; reading twice does no harm.
        while let Some(link) = self.kept() {
            match link.rows(&sql, &values).await {
                Err(_) if link.is_closed() => {}
                answer => return self.keep(link, answer),
            }
        }
        let link = Link::open(&self.target, Role::Reader).await?;
        let answer = link.rows(&sql, &values).await;
        self.keep(link, answer)
    }

    /// Runs a statement that writes and is its own transaction.
    pub(crate) async fn run(
        &self,
        sql: Cow<'static, str>,
        values: Vec<Value<'static>>,
    ) -> Result<Vec<Cells>, StoreError> {
        let _permit = self.permits.acquire().await.map_err(|_| job::gone())?;
        let kept = std::iter::from_fn(|| self.kept()).find(|link| !link.is_closed());
        let link = match kept {
            Some(link) => link,
            None => Link::open(&self.target, Role::Reader).await?,
        };
        match link.rows(&sql, &values).await {
            Err(why) if link.is_closed() => Err(StoreError::Unknown {
                why: link::words(&why),
            }),
            answer => self.keep(link, answer),
        }
    }

    /// Runs statements that write, as one transaction.
    pub(crate) async fn run_all(
        &self,
        statements: Vec<(String, Vec<Value<'static>>)>,
    ) -> Result<Vec<Vec<Cells>>, StoreError> {
        let _permit = self.permits.acquire().await.map_err(|_| job::gone())?;
        // A connection that is left in the middle of a transaction is not put back, so it is closed.
        let link = self.begun().await?;
        let mut found = Vec::with_capacity(statements.len());
        for (sql, values) in &statements {
            found.push(link.rows(sql, values).await?);
        }
        match link.command("commit").await {
            Err(why) if link.is_closed() => Err(StoreError::Unknown {
                why: link::words(&why),
            }),
            // It may be the only word of a standby that was not waited for.
            Ok(()) if link.warned() => Err(StoreError::Unknown {
                why: "the server warned while it committed".into(),
            }),
            answer => self.keep(link, answer.map(|()| found)),
        }
    }

    /// A connection on which a transaction has begun that reads one moment.
    pub(crate) async fn snapshot(&self) -> Result<Link, StoreError> {
        let link = Link::open(&self.target, Role::Reader).await?;
        link.command("begin isolation level repeatable read read only")
            .await?;
        Ok(link)
    }

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
