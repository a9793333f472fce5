//! The engine: the one path that moves money.
//!
//! Whoever wants something of a payment (an API call, a page, the command line, a timer, a start
//! after a crash) enters here. The engine runs one loop around the pure core: load, ask
//! [`todo`](sugi_core::todo::todo), append the intent, call KCP, append what was heard, again.
//! That work belongs to the engine and not to whoever asked: they may hang up at any time.

pub mod clock;
mod drive;
mod engine;
mod kcp;
mod shop;
mod work;

pub use engine::{CancelError, Engine, Outcome, PayError, Resolution, ResolveError, Sale, Ticket};
pub use shop::{Contract, Shop};
