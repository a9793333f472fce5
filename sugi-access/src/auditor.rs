//! The audit's writer: takes what queued up and writes it behind the end of the chain, once.

use std::time::Duration;

use sugi_engine::Engine;
use sugi_store::{Anchor, DEEDS_AT_ONCE, Deed, StoreError};
use tokio::sync::{mpsc, oneshot};

/// Deeds that may wait. Whoever comes when it is full waits for room.
const QUEUE: usize = 4_096;
/// How often a batch is tried when other nodes write at the same time.
const TRIES: usize = 100;
/// The pauses before a batch is tried again that the ledger did not take: as long as another server
/// needs to take over.
const PAUSES_MS: [u64; 8] = [50, 100, 250, 500, 1_000, 3_000, 5_000, 10_000];

#[derive(Debug)]
pub(crate) struct Auditor {
    queue: mpsc::Sender<Work>,
}

#[derive(Debug)]
enum Work {
    Deed(Deed, Option<oneshot::Sender<Result<(), StoreError>>>),
    /// Says so when everything before it stands.
    Flush(oneshot::Sender<()>),
}

impl Auditor {
    pub(crate) fn start(engine: Engine) -> Self {
        let (queue, work) = mpsc::channel(QUEUE);
        tokio::spawn(write_all(engine, work));
        Self { queue }
    }

    pub(crate) async fn note(&self, deed: Deed) {
        if self.queue.send(Work::Deed(deed, None)).await.is_err() {
            tracing::error!("the audit's writer is gone");
        }
    }

    pub(crate) fn note_now(&self, deed: Deed) {
        if self.queue.try_send(Work::Deed(deed, None)).is_err() {
            tracing::error!("the audit has no room; a deed is only in the log");
        }
    }

    pub(crate) async fn write_down(&self, deed: Deed) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.queue.send(Work::Deed(deed, Some(reply))).await;
        let gone = || StoreError::Failed {
            why: "the audit's writer is gone".into(),
        };
        sent.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    pub(crate) async fn flush(&self) {
        let (reply, answer) = oneshot::channel();
        if self.queue.send(Work::Flush(reply)).await.is_ok() {
            let _ = answer.await;
        }
    }
}

/// The writer's life: it ends when nobody can do anything any more.
async fn write_all(engine: Engine, mut work: mpsc::Receiver<Work>) {
    let mut chain = Chain {
        engine,
        end: None,
        fails: false,
    };
    let mut batch = Vec::with_capacity(DEEDS_AT_ONCE);
    while work.recv_many(&mut batch, DEEDS_AT_ONCE).await > 0 {
        let deeds: Vec<Deed> = batch
            .iter()
            .filter_map(|work| match work {
                Work::Deed(deed, _) => Some(deed.clone()),
                Work::Flush(_) => None,
            })
            .collect();
        let written = chain.write(&deeds).await;
        if let Err(why) = &written {
            // What was done stays in the log, whatever becomes of the ledger.
            tracing::error!(%why, "the audit cannot be written");
            for deed in &deeds {
                tracing::error!(?deed, "not in the audit");
            }
        }
        for work in batch.drain(..) {
            match work {
                Work::Deed(_, Some(reply)) => drop(reply.send(written.clone())),
                Work::Deed(_, None) => {}
                Work::Flush(reply) => drop(reply.send(())),
            }
        }
    }
}

/// The end of the chain, as far as this node knows.
struct Chain {
    engine: Engine,
    end: Option<Anchor>,
    /// The batch before could not be written, for all patience.
    fails: bool,
}

impl Chain {
    /// Writes a batch behind the end of the chain, wherever other nodes have moved it meanwhile.
    async fn write(&mut self, deeds: &[Deed]) -> Result<(), StoreError> {
        if deeds.is_empty() {
            return Ok(());
        }
        // Patience with a ledger that is away is had once, not with every batch that queued up.
        let pauses: &[u64] = if self.fails { &[] } else { &PAUSES_MS };
        let mut pauses = pauses.iter();
        for _ in 0..TRIES {
            match self.try_to_write(deeds).await {
                Ok(true) => {
                    self.fails = false;
                    return Ok(());
                }
                Ok(false) => {}
                Err(why) => match pauses.next() {
                    Some(pause) if !matches!(why, StoreError::Inconsistent(_)) => {
                        tracing::warn!(%why, "the audit waits for the ledger");
                        tokio::time::sleep(Duration::from_millis(*pause)).await;
                    }
                    _ => {
                        self.fails = true;
                        return Err(why);
                    }
                },
            }
        }
        Err(StoreError::Busy)
    }

    /// `false` when another node has moved the end of the chain.
    async fn try_to_write(&mut self, deeds: &[Deed]) -> Result<bool, StoreError> {
        let store = self.engine.store();
        let behind = match self.end {
            Some(end) => end,
            None => store.audit_anchor().await?,
        };
        // An error leaves it there: whatever was written after all is found behind it.
        self.end = Some(behind);
        self.end = store.audit(behind, deeds).await?;
        Ok(self.end.is_some())
    }
}
