//! The audit's writer: takes what queued up and writes it behind the end of the chain, once.

use sugi_engine::Engine;
use sugi_store::{Anchor, DEEDS_AT_ONCE, Deed, StoreError};
use tokio::sync::{mpsc, oneshot};

/// Deeds that may wait. Whoever comes when it is full waits for room.
const QUEUE: usize = 4_096;
/// How often a batch is tried when other nodes write at the same time.
const TRIES: usize = 100;

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
    let mut end = None;
    let mut batch = Vec::with_capacity(DEEDS_AT_ONCE);
    while work.recv_many(&mut batch, DEEDS_AT_ONCE).await > 0 {
        let deeds: Vec<Deed> = batch
            .iter()
            .filter_map(|work| match work {
                Work::Deed(deed, _) => Some(deed.clone()),
                Work::Flush(_) => None,
            })
            .collect();
        let written = write(&engine, &mut end, &deeds).await;
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

/// Writes a batch behind the end of the chain, wherever other nodes have moved it meanwhile.
async fn write(
    engine: &Engine,
    end: &mut Option<Anchor>,
    deeds: &[Deed],
) -> Result<(), StoreError> {
    for _ in 0..TRIES {
        let behind = match *end {
            Some(end) => end,
            None => engine.store().audit_anchor().await?,
        };
        *end = engine.store().audit(behind, deeds).await.inspect_err(|_| {
            // Where the chain stands is to be read again.
            *end = None;
        })?;
        if end.is_some() {
            return Ok(());
        }
    }
    Err(StoreError::Busy)
}
