//! How the ledger's writer is: what readiness asks, and what ends the process when it has ended.

use tokio::sync::watch;

/// How the ledger's writer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriterState {
    /// Its last write succeeded, or it was not asked for one yet.
    Working,
    /// Its last write failed and was undone, because of a full disk or a database that is away. The next one may
    /// succeed.
    Failing {
        /// The database's words.
        why: String,
    },
    /// It has ended. What the file holds is not known any more, so only a new process can go on.
    Ended {
        /// The database's words.
        why: String,
    },
    /// The ledger is open for reading only.
    None,
}

/// The writer's end of its state. A writer that ends in any way, a panic included, says so by dropping it.
#[derive(Debug)]
pub(crate) struct Report(watch::Sender<WriterState>);

impl Report {
    /// A writer that works, and where others see how it is.
    pub(crate) fn new() -> (Self, watch::Receiver<WriterState>) {
        let (state, seen) = watch::channel(WriterState::Working);
        (Self(state), seen)
    }

    pub(crate) fn working(&self) {
        self.set(WriterState::Working);
    }

    pub(crate) fn failing(&self, why: &impl ToString) {
        let why = why.to_string();
        self.set(WriterState::Failing { why });
    }

    pub(crate) fn ended(&self, why: &impl ToString) {
        let why = why.to_string();
        self.set(WriterState::Ended { why });
    }

    pub(crate) fn is_failing(&self) -> bool {
        matches!(*self.0.borrow(), WriterState::Failing { .. })
    }

    fn set(&self, state: WriterState) {
        // Every batch says so, and nearly always the same.
        self.0.send_if_modified(|before| {
            let changed = *before != state;
            *before = state;
            changed
        });
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if !matches!(*self.0.borrow(), WriterState::Ended { .. }) {
            self.ended(&"it broke off");
        }
    }
}

/// The state of a ledger that no one here writes.
pub(crate) fn none() -> watch::Receiver<WriterState> {
    watch::channel(WriterState::None).1
}
