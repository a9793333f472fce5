//! The store as the engine sees it.

use std::path::Path;

use jiff::Timestamp;
use sugi_core::{PaymentId, ShopId};
use nhn_kcp::OrderNo;

use crate::{
    book::{Book, Draft},
    error::{CreateError, Finding, StoreError},
    list::{Filter, Page},
    sqlite::Sqlite,
};

/// The ledger.
#[derive(Debug)]
pub struct Store {
    engine: Sqlite,
}

/// What makes a payment happen once.
#[derive(Debug, Clone)]
pub struct Opening {
    /// Which attempt at the order this is, from 1.
    pub attempt: u32,
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

impl Store {
    /// Opens the ledger in a folder for writing, and locks it; the folder is made if it is missing.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it; anything the database says.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Ok(Self { engine: Sqlite::open(dir)? })
    }

    /// Opens the ledger in a folder for reading, beside a process that may be writing it.
    ///
    /// # Errors
    /// When there is none, or what the database says.
    pub fn open_to_read(dir: &Path) -> Result<Self, StoreError> {
        Ok(Self { engine: Sqlite::open_to_read(dir)? })
    }

    /// Writes a new payment: its first events, its claim on the order and on its idempotency key.
    ///
    /// # Errors
    /// [`CreateError`]; then nothing was written, except after [`StoreError::Unknown`].
    pub async fn create(&self, draft: Draft, due_at: Option<Timestamp>, opening: Opening) -> Result<Book, CreateError> {
        self.engine.create(draft, due_at, opening).await
    }

    /// Writes what happened to a payment. `None`: somebody else wrote first, nothing was written.
    ///
    /// # Errors
    /// What the database says; only after [`StoreError::Unknown`] may something have been written.
    pub async fn append(&self, draft: Draft, due_at: Option<Timestamp>) -> Result<Option<Book>, StoreError> {
        self.engine.append(draft, due_at).await
    }

    /// A payment, folded from its journal; the chain is checked on the way.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] when the journal was tampered with.
    pub async fn load(&self, id: &PaymentId) -> Result<Option<Book>, StoreError> {
        self.engine.load(id.clone()).await
    }

    /// A payment's journal, row by row, checked as [`load`](Self::load) checks it.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn journal(&self, id: &PaymentId) -> Result<Vec<crate::Entry>, StoreError> {
        self.engine.journal(id.clone()).await
    }

    /// The payment that an idempotency key made, and the hash of its request.
    ///
    /// # Errors
    /// What the database says.
    pub async fn by_key(&self, scope: &str, key: &str) -> Result<Option<(PaymentId, String)>, StoreError> {
        self.engine.by_key(scope.into(), key.into()).await
    }

    /// The payment that last used an order number at KCP.
    ///
    /// # Errors
    /// What the database says.
    pub async fn by_order(&self, shop: &ShopId, ordr_idxx: &OrderNo) -> Result<Option<PaymentId>, StoreError> {
        self.engine.by_order(shop.clone(), ordr_idxx.clone()).await
    }

    /// Up to `limit` payments that are due at `now`, the longest due first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<PaymentId>, StoreError> {
        self.engine.due(now, limit).await
    }

    /// When the next payment is due.
    ///
    /// # Errors
    /// What the database says.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.engine.next_due().await
    }

    /// A page of payments, the newest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn list(&self, filter: Filter) -> Result<Page, StoreError> {
        self.engine.list(filter).await
    }

    /// Walks the whole ledger: every chain, every fold, and every projection row against its fold.
    /// Returns how many payments and journal rows hold.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] with the first finding.
    pub async fn verify(&self) -> Result<(u64, u64), StoreError> {
        self.engine.verify().await
    }
}

impl From<Finding> for CreateError {
    fn from(finding: Finding) -> Self {
        Self::Store(finding.into())
    }
}
