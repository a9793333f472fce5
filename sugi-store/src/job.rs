//! A write on its way to the one that writes, and back.

use tokio::sync::{mpsc, oneshot};

use crate::{
    error::{CreateError, StoreError},
    payment_snapshot::{PaymentSnapshot, PendingAppend},
    record::{self, Row},
    store::CreationClaims,
};

/// Commits take at most this many writes at once.
pub(crate) const BATCH: usize = 256;
/// Writes that may wait; beyond it callers are told that the ledger is busy.
pub(crate) const QUEUE: usize = 8_192;

/// A write and the one who waits for it.
pub(crate) struct Job {
    pub(crate) write: Box<Write>,
    reply: oneshot::Sender<Result<(WriteOutcome, PaymentSnapshot), StoreError>>,
}

/// What is to be written.
pub(crate) struct Write {
    pub(crate) pending_append: PendingAppend,
    pub(crate) row: Row,
    /// Only for a new payment.
    pub(crate) creation_claims: Option<CreationClaims>,
}

/// What became of a write whose transaction was committed.
#[derive(Debug)]
pub(crate) enum WriteOutcome {
    /// It is in the journal.
    Written,
    /// Someone else wrote this payment's next row first.
    Conflict,
    /// The new payment must not be.
    Refused(CreateError),
    /// The payment would take what is another's: [`StoreError::Foreign`].
    Foreign(StoreError),
}

impl Job {
    pub(crate) fn answer(self, write_outcome: Result<WriteOutcome, StoreError>) {
        // The caller may have hung up; what was written stays written.
        let _ = self.reply.send(
            write_outcome.map(|write_outcome| (write_outcome, self.write.pending_append.written())),
        );
    }
}

impl Write {
    /// What an order's count of living payments gains by a payment that exists: one, where it comes back
    /// to life, and one less where it dies.
    pub(crate) fn lives_more(&self) -> Option<i64> {
        let lives = record::is_live(self.pending_append.after().status());
        match (self.pending_append.was_live(), lives) {
            (false, true) => Some(1),
            (true, false) => Some(-1),
            _ => None,
        }
    }
}

/// Puts a write into the queue and waits for what becomes of it. The book is the payment as it
/// is if the write was written.
pub(crate) async fn ask<T>(
    queue: &mpsc::Sender<T>,
    write: Write,
    wrap: impl FnOnce(Job) -> T,
) -> Result<(WriteOutcome, PaymentSnapshot), StoreError> {
    let (reply, answer) = oneshot::channel();
    let write = Box::new(write);
    send(queue, wrap(Job { write, reply }))?;
    answer.await.unwrap_or_else(|_| Err(gone()))
}

/// Puts something into a writer's queue without waiting.
pub(crate) fn send<T>(queue: &mpsc::Sender<T>, work: T) -> Result<(), StoreError> {
    queue.try_send(work).map_err(|why| match why {
        mpsc::error::TrySendError::Full(_) => StoreError::Busy,
        mpsc::error::TrySendError::Closed(_) => StoreError::Failed {
            why: "it closed after a failed write; start again".into(),
        },
    })
}

/// The writer ended before it answered.
pub(crate) fn gone() -> StoreError {
    StoreError::Unknown {
        why: "the ledger's writer ended".into(),
    }
}
