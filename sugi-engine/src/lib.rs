//! The engine: the one path that moves money.
//!
//! Whoever wants something of a payment (an API call, a page, the command line, a timer, a start
//! after a crash) enters here. The engine runs one loop around the pure core: load, ask
//! [`todo`](sugi_core::todo::todo), append the intent, call KCP, append what was heard, again.
//! That work belongs to the engine and not to whoever asked: they may hang up at any time.

mod cancel;
mod circuit_breaker;
mod currencies;
mod drive;
mod engine;
mod kcp;
mod kcp_clock;
mod merchant;
mod named;
mod resolve;
mod sale;
mod shop;
mod stuck;
mod tally;
mod trace;
mod velocity;
mod watch;
mod work;

pub use cancel::{CancelAsk, CancelError};
pub use circuit_breaker::CircuitBreakerRule;
pub use currencies::{BadCurrencies, Currencies};
pub use engine::Engine;
pub use kcp_clock::{Calendar, KcpClock};
pub use merchant::Merchant;
pub use resolve::{Resolution, ResolveAsk, ResolveError, Resolved};
pub use sale::{Outcome, PayError, PaymentHandle, Sale};
pub use shop::{Contract, Limits, OrderNumbers, Shop};
pub use tally::{Counts, Inquiries, Moved, WatchCounts};
pub use trace::TRACES;
pub use velocity::{AlarmRule, LimitBy, Most, VelocityNow, VelocityRule, counted_as};
pub use watch::{Finding, Lag};
