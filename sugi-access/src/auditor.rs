//! The audit's writer: takes what queued up and writes it behind the end of the chain, once.
//!
//! Nothing is lost without a trace. A batch that the ledger refuses is written entry by entry, and an
//! entry that is refused by itself leaves a row that says so. While the ledger is away entries wait, up to
//! a limit; beyond it they are counted, and one row tells how many there were once the ledger is back.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use sugi_store::{AUDIT_ENTRIES_AT_ONCE, AuditCheckpoint, AuditEntry, Store, StoreError};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

/// Entries that may wait for the writer. Callers that come when it is full wait for room.
const QUEUE: usize = 4_096;
/// Entries that are kept in memory while the ledger is away; the rest is counted.
const KEPT: usize = 4_096;
/// How often a batch is tried when other nodes write at the same time.
const TRIES: usize = 100;
/// Who writes the row that stands for entries that are missing, and what it is called.
const SELF: &str = "sugi";
const GAP: &str = "audit gap";

/// How long the writer waits for a ledger that is away.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// The pauses before a batch is tried again: together as long as another server needs to take over.
    pauses_ms: &'static [u64],
    /// The pause after those, for as long as it takes. Callers are not kept waiting any more.
    again: Duration,
}

const MAX_WAIT: Patience = Patience {
    pauses_ms: &[50, 100, 250, 500, 1_000, 3_000, 5_000, 10_000],
    again: Duration::from_secs(10),
};

#[derive(Debug)]
pub(crate) struct Auditor {
    queue: mpsc::Sender<Work>,
    gap: Arc<Gap>,
}

#[derive(Debug)]
enum Work {
    AuditEntry(AuditEntry, Option<oneshot::Sender<Result<(), StoreError>>>),
    /// Says so when everything before it stands, or waits for a ledger that is away.
    Flush(oneshot::Sender<()>),
}

impl Auditor {
    pub(crate) fn start(store: Arc<Store>) -> Self {
        Self::with(store, MAX_WAIT)
    }

    fn with(store: Arc<Store>, max_wait: Patience) -> Self {
        let (queue, work) = mpsc::channel(QUEUE);
        let gap = Arc::<Gap>::default();
        let writer = Writer {
            chain: Chain { store, end: None },
            gap: Arc::clone(&gap),
            max_wait,
            begun: Vec::new(),
            waiting: VecDeque::new(),
            again_at: Instant::now(),
        };
        tokio::spawn(writer.write_all(work));
        Self { queue, gap }
    }

    pub(crate) async fn note(&self, audit_entry: AuditEntry) {
        if let Err(mpsc::error::SendError(work)) =
            self.queue.send(Work::AuditEntry(audit_entry, None)).await
        {
            self.lost(work, "the audit's writer is gone");
        }
    }

    pub(crate) fn note_now(&self, audit_entry: AuditEntry) {
        match self.queue.try_send(Work::AuditEntry(audit_entry, None)) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(work)) => self.lost(work, "the audit has no room"),
            Err(mpsc::error::TrySendError::Closed(work)) => {
                self.lost(work, "the audit's writer is gone");
            }
        }
    }

    fn lost(&self, work: Work, why: &str) {
        if let Work::AuditEntry(audit_entry, _) = work {
            self.gap.count(&audit_entry, why);
        }
    }

    pub(crate) async fn write_down(&self, audit_entry: AuditEntry) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        let sent = self
            .queue
            .send(Work::AuditEntry(audit_entry, Some(reply)))
            .await;
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

/// Entries that are not in the audit, until a row of it says how many.
#[derive(Debug, Default)]
struct Gap(Mutex<Option<Lost>>);

#[derive(Debug, Clone, Copy)]
struct Lost {
    count: u64,
    first: Timestamp,
    last: Timestamp,
}

impl Gap {
    /// Counts an entry that is only in the log.
    fn count(&self, audit_entry: &AuditEntry, why: &str) {
        tracing::error!(?audit_entry, why, "not in the audit");
        self.add(Lost::one(audit_entry));
    }

    fn add(&self, more: Lost) {
        let mut lost = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *lost = Some(lost.map_or(more, |lost| Lost {
            count: lost.count + more.count,
            first: lost.first.min(more.first),
            last: lost.last.max(more.last),
        }));
    }

    fn take(&self) -> Option<Lost> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn is_there(&self) -> bool {
        let lost = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lost.is_some()
    }
}

impl Lost {
    fn one(audit_entry: &AuditEntry) -> Self {
        Self {
            count: 1,
            first: audit_entry.at,
            last: audit_entry.at,
        }
    }

    /// The row that stands for them.
    fn audit_entry(self) -> AuditEntry {
        AuditEntry {
            at: self.last,
            actor: SELF.into(),
            action: GAP.into(),
            subject: String::new(),
            outcome: format!(
                "{} not written, from {} to {}",
                self.count, self.first, self.last
            ),
            origin: "-".into(),
        }
    }
}

struct Writer {
    chain: Chain,
    gap: Arc<Gap>,
    max_wait: Patience,
    /// A batch whose outcome may be open: it is tried again as it is, so that what was written after all
    /// is found.
    begun: Vec<AuditEntry>,
    /// What came after it.
    waiting: VecDeque<AuditEntry>,
    again_at: Instant,
}

/// What became of an entry.
enum Fate {
    Written,
    /// The ledger took a row that says that it is missing, and not the entry.
    Refused(StoreError),
    /// The ledger is away.
    Away(StoreError),
}

impl Writer {
    /// The writer's life: it ends when no one can do anything any more.
    async fn write_all(mut self, mut work: mpsc::Receiver<Work>) {
        let mut batch = Vec::with_capacity(AUDIT_ENTRIES_AT_ONCE);
        loop {
            let got = if self.is_behind() {
                tokio::select! {
                    biased;
                    () = tokio::time::sleep_until(self.again_at) => {
                        self.catch_up().await;
                        continue;
                    }
                    got = work.recv_many(&mut batch, AUDIT_ENTRIES_AT_ONCE) => got,
                }
            } else {
                work.recv_many(&mut batch, AUDIT_ENTRIES_AT_ONCE).await
            };
            if got == 0 {
                break;
            }
            if self.is_behind() {
                batch.drain(..).for_each(|work| self.keep(work));
            } else {
                self.take(&mut batch).await;
            }
        }
        if self.is_behind() {
            self.catch_up().await;
            for audit_entry in self.begun.iter().chain(&self.waiting) {
                self.gap.count(audit_entry, "the process ends");
            }
        }
    }

    fn is_behind(&self) -> bool {
        !self.begun.is_empty() || !self.waiting.is_empty() || self.gap.is_there()
    }

    /// Writes a batch and answers it.
    async fn take(&mut self, batch: &mut Vec<Work>) {
        let audit_entries: Vec<AuditEntry> = batch
            .iter()
            .filter_map(|work| match work {
                Work::AuditEntry(audit_entry, _) => Some(audit_entry.clone()),
                Work::Flush(_) => None,
            })
            .collect();
        let mut fates = self
            .write(&audit_entries, self.max_wait.pauses_ms)
            .await
            .into_iter();
        let mut flushes = Vec::new();
        for work in batch.drain(..) {
            match work {
                Work::AuditEntry(audit_entry, reply) => match (fates.next(), reply) {
                    (Some(Fate::Written), Some(reply)) => drop(reply.send(Ok(()))),
                    (Some(Fate::Refused(why)), Some(reply)) => drop(reply.send(Err(why))),
                    (Some(Fate::Written | Fate::Refused(_)), None) => {}
                    // Who waited is told that it does not stand, so it must not stand later.
                    (Some(Fate::Away(why)), Some(reply)) => {
                        self.gap.count(&audit_entry, "the ledger is away");
                        drop(reply.send(Err(why)));
                    }
                    (Some(Fate::Away(_)) | None, _) => self.begun.push(audit_entry),
                },
                Work::Flush(reply) => flushes.push(reply),
            }
        }
        if self.begun.is_empty() {
            self.tell_gap().await;
        }
        self.again_at = Instant::now() + self.max_wait.again;
        for reply in flushes {
            let _ = reply.send(());
        }
    }

    /// Keeps what comes while the ledger is away.
    fn keep(&mut self, work: Work) {
        match work {
            Work::AuditEntry(audit_entry, None) if self.waiting.len() < KEPT => {
                self.waiting.push_back(audit_entry);
            }
            Work::AuditEntry(audit_entry, reply) => {
                self.gap.count(&audit_entry, "the ledger is away");
                let why = "the ledger is away";
                let away = StoreError::Failed { why: why.into() };
                drop(reply.map(|reply| reply.send(Err(away))));
            }
            Work::Flush(reply) => drop(reply.send(())),
        }
    }

    /// Writes what waits, as far as the ledger takes it.
    async fn catch_up(&mut self) {
        loop {
            if self.begun.is_empty() {
                let count = self.waiting.len().min(AUDIT_ENTRIES_AT_ONCE);
                self.begun.extend(self.waiting.drain(..count));
            }
            if self.begun.is_empty() {
                self.tell_gap().await;
                break;
            }
            let begun = std::mem::take(&mut self.begun);
            let fates = self.write(&begun, &[]).await;
            let left = begun.into_iter().zip(fates);
            self.begun = left
                .filter(|(_, fate)| matches!(fate, Fate::Away(_)))
                .map(|(audit_entry, _)| audit_entry)
                .collect();
            if !self.begun.is_empty() {
                break;
            }
        }
        self.again_at = Instant::now() + self.max_wait.again;
    }

    /// Writes the row that says how many are missing, if some are.
    async fn tell_gap(&mut self) {
        if let Some(lost) = self.gap.take()
            && self.chain.write(&[lost.audit_entry()]).await.is_err()
        {
            self.gap.add(lost);
        }
    }

    /// Writes entries in their order; says what became of each.
    async fn write(&mut self, audit_entries: &[AuditEntry], pauses_ms: &[u64]) -> Vec<Fate> {
        let mut fates = Vec::with_capacity(audit_entries.len());
        let mut pauses = pauses_ms.iter();
        while let Some(rest) = audit_entries
            .get(fates.len()..)
            .filter(|rest| !rest.is_empty())
        {
            match self.some(rest).await {
                Ok(count) => fates.extend((0..count).map(|_| Fate::Written)),
                Err(Fate::Away(why)) => match pauses.next() {
                    Some(pause) if !matches!(why, StoreError::Inconsistent(_)) => {
                        tracing::warn!(%why, "the audit waits for the ledger");
                        tokio::time::sleep(Duration::from_millis(*pause)).await;
                    }
                    _ => {
                        tracing::error!(%why, "the audit cannot be written");
                        let away = |_| Fate::Away(why.clone());
                        fates.extend((0..rest.len()).map(away));
                    }
                },
                Err(fate) => fates.push(fate),
            }
        }
        fates
    }

    /// Writes all of them, or the first alone; says how many. An error is the first one's fate.
    async fn some(&mut self, rest: &[AuditEntry]) -> Result<usize, Fate> {
        let why = match self.chain.write(rest).await {
            Ok(()) => return Ok(rest.len()),
            Err(why) => why,
        };
        let Some(first) = rest.first() else {
            return Ok(0);
        };
        // Parts are written only where it is certain that the whole was not.
        if !self.chain.stands_still().await {
            return Err(Fate::Away(why));
        }
        if rest.len() > 1 && self.chain.write(std::slice::from_ref(first)).await.is_ok() {
            return Ok(1);
        }
        // Is it this entry, or the ledger?
        match self.chain.write(&[Lost::one(first).audit_entry()]).await {
            Ok(()) => {
                tracing::error!(audit_entry = ?first, %why, "not in the audit");
                Err(Fate::Refused(why))
            }
            Err(_) => Err(Fate::Away(why)),
        }
    }
}

/// The end of the chain, as far as this node knows.
struct Chain {
    store: Arc<Store>,
    end: Option<AuditCheckpoint>,
}

impl Chain {
    /// Writes a batch behind the end of the chain, wherever other nodes have moved it meanwhile.
    async fn write(&mut self, audit_entries: &[AuditEntry]) -> Result<(), StoreError> {
        if audit_entries.is_empty() {
            return Ok(());
        }
        for _ in 0..TRIES {
            if self.try_to_write(audit_entries).await? {
                return Ok(());
            }
        }
        Err(StoreError::Busy)
    }

    /// Whether the ledger can be read, and its chain ends where the last try found it.
    async fn stands_still(&self) -> bool {
        let now = self.store.audit_checkpoint().await;
        now.is_ok_and(|now| self.end == Some(now))
    }

    /// `false` when another node has moved the end of the chain.
    async fn try_to_write(&mut self, audit_entries: &[AuditEntry]) -> Result<bool, StoreError> {
        let store = &self.store;
        let behind = match self.end {
            Some(end) => end,
            None => store.audit_checkpoint().await?,
        };
        // An error leaves it there: whatever was written after all is found behind it.
        self.end = Some(behind);
        self.end = store.audit(behind, audit_entries).await?;
        Ok(self.end.is_some())
    }
}

#[cfg(test)]
mod tests {
    use sugi_store::{AuditFilter, Store};

    use super::*;

    const AT_ONCE: Patience = Patience {
        pauses_ms: &[1],
        again: Duration::from_millis(1),
    };

    fn audit_entry(n: usize) -> AuditEntry {
        AuditEntry {
            at: Timestamp::from_second(1_800_000_000 + i64::try_from(n).unwrap()).unwrap(),
            actor: "operator:kim".into(),
            action: "look".into(),
            subject: n.to_string(),
            outcome: "200".into(),
            origin: "-".into(),
        }
    }

    /// An outage that outlasts all patience, and more entries than are kept.
    #[tokio::test]
    async fn what_an_outage_costs_is_counted_in_a_row() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(dir.path()).unwrap());
        let hand = rusqlite::Connection::open(dir.path().join("sugi.db")).unwrap();
        let auditor = Auditor::with(store.clone(), AT_ONCE);
        hand.execute_batch("alter table audit rename to away")
            .unwrap();
        let early = auditor.write_down(audit_entry(0)).await;
        assert!(early.is_err(), "it does not stand");
        // A batch that is under way waits besides what is kept.
        auditor.note(audit_entry(1)).await;
        auditor.flush().await;
        for n in 0..KEPT + AUDIT_ENTRIES_AT_ONCE + 10 {
            auditor.note(audit_entry(2 + n)).await;
        }
        auditor.flush().await;
        hand.execute_batch("alter table away rename to audit")
            .unwrap();
        let rows = loop {
            auditor.note(audit_entry(9_999)).await;
            auditor.flush().await;
            let filter = AuditFilter {
                actor: Some(SELF.into()),
                ..AuditFilter::default()
            };
            let rows = store.audit_entries(&filter).await.unwrap();
            if !rows.is_empty() {
                break rows;
            }
        };
        let end = store.verify_audit(None).await.unwrap();
        let told: i64 = rows
            .iter()
            .map(|row| row.audit_entry.outcome.split(' ').next().unwrap())
            .map(|count| count.parse::<i64>().unwrap())
            .sum();
        assert!(told >= 11, "the one that was waited for, and ten: {rows:?}");
        let of_kim = end.seq - i64::try_from(rows.len()).unwrap();
        assert!(of_kim >= i64::try_from(KEPT).unwrap(), "{of_kim}");
    }
}
