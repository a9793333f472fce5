//! A server that speaks NHN KCP's key-in protocol, keeps the true books, and misbehaves on demand.
//!
//! It stands in for KCP wherever a program that takes key-in card payments is built or tested:
//! approvals of both kinds, full and partial cancels and inquiries over real HTTP on loopback. It
//! shares no code with any client. What it answers was read from KCP's guide; what the guide leaves
//! open is a setting, and [`fidelity`] says of every behaviour how well it is known.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use kcp_sandbox::{Fault, FaultKind, Sandbox};
//!
//! let sandbox = Sandbox::start().await?;
//! // The next approval is booked, and its answer never arrives.
//! sandbox.fault(Fault::new(FaultKind::LoseAnswer))?;
//! // … run the program under test against sandbox.url() …
//! for payment in sandbox.books().transactions {
//!     println!("{} {} {}", payment.tno, payment.ordr_idxx, payment.remaining);
//! }
//! # Ok(()) }
//! ```
//!
//! It takes test cards only ([`cards`]) and keeps everything in memory.

mod approve;
mod books;
mod cancel;
mod cards;
mod certificate;
mod chance;
mod clock;
mod codes;
mod compare;
mod control;
mod credentials;
mod error;
mod euc_kr;
mod fault;
mod fault_text;
mod fidelity;
mod fields;
mod gateway;
mod inquire;
mod ledger;
mod lint;
mod message;
mod misbehave;
mod page;
mod payload;
mod query;
mod reply;
mod sandbox;
mod server;
mod settings;
mod shop;
mod tax;
mod wire;
mod world;

pub use books::{Books, Cancel, Declined, State, Transaction};
pub use cards::{Card, cards, magic_card};
pub use compare::{Comparison, Difference, LedgerEntry};
pub use credentials::{Credentials, CredentialsError, TEST_SITE};
pub use error::Error;
pub use fault::{CutAt, Fault, FaultKind, Match};
pub use fidelity::{Behaviour, Source, fidelity};
pub use gateway::Operation;
pub use lint::{Lint, LintLevel};
pub use message::Message;
pub use sandbox::{Builder, Sandbox, StartError};
pub use settings::{InquirySignature, Mask, Settings};
pub use tax::TaxParts;
pub use world::Snapshot;
