//! sugi's memory: the journal, its projection, and the guards against doing anything twice.
//!
//! The journal is the truth. A row of it is written once; the pair (payment, number) is unique, and
//! that uniqueness is how races are decided: of two writers that both want to be next, one is told
//! so. The projection row of a payment, the claim on its order number and its idempotency key are
//! written in the same transaction.
//!
//! It is kept in an SQLite file, which one process writes ([`Store::open`]), or in PostgreSQL, which
//! several nodes may share ([`Store::connect`]). Everything above the rows is the same code for
//! both, and one suite of tests holds both to the same answers.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let dir = tempfile::tempdir()?;
//! let store = sugi_store::Store::open(dir.path())?;
//! assert!(store.load(&"pay_0193b0a1c2d37e4f8a5b6c7d8e9f0a1b".parse()?).await?.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod audit;
mod backup;
mod chain;
mod delivery;
mod document;
mod erasable;
mod error;
mod event_stream;
mod job;
mod lease;
mod list;
mod lock;
mod migrations;
mod payment_snapshot;
mod postgres;
mod record;
mod report;
mod retention;
mod snapshot;
mod sql;
mod sqlite;
mod store;
mod tally;
mod texts;
mod unsettled;
mod value;
mod verify;
mod writer;

pub use audit::{
    AUDIT_ENTRIES_AT_ONCE, AUDIT_ENTRIES_PAGE, AuditCheckpoint, AuditEntry, AuditFilter,
    Row as AuditRow,
};
pub use backup::RecoveryHold;
pub use chain::Hash;
pub use delivery::{
    DELIVERIES_MOST, DELIVERY_WAITS_MOST, Delivery, DeliveryState, Due, UNDELIVERED_MOST,
    Undelivered,
};
pub use document::{DOCUMENTS_MOST, Document, Kind as DocumentKind};
pub use erasable::Salt;
pub use error::{CreateError, IntegrityViolation, StoreError, broke_off};
pub use event_stream::{EVENTS_MOST, Event};
pub use lease::Lease;
pub use list::{Filter, Page, Summary, Text};
pub use payment_snapshot::{Entry, PaymentSnapshot, PendingAppend};
pub use report::{GROUPS_MOST, Group};
pub use store::{CreationClaims, Key, Store};
pub use tally::Tally;
pub use unsettled::Unsettled;
pub use verify::{NOT_COVERED, NotCovered};
pub use writer::WriterState;
