//! What the writer has done, counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a ledger's writer has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Transactions that were committed, each with the wait for the disk that full durability costs.
    pub commits: u64,
    /// Writes that they carried.
    pub writes: u64,
}

/// Counts, while others read.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    commits: AtomicU64,
    writes: AtomicU64,
}

impl Counter {
    /// A commit with so many writes in it has succeeded.
    pub(crate) fn committed(&self, writes: usize) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.writes.fetch_add(writes as u64, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Tally {
        Tally {
            commits: self.commits.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
        }
    }
}
