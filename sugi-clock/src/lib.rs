//! Clocks and randomness. No other crate of the product reads a clock or draws a number, so everything
//! above it can be tested with time that a test moves.
//!
//! ```
//! use jiff::{SignedDuration, Timestamp};
//! use sugi_clock::Clock;
//! let clock = Clock::manual(Timestamp::UNIX_EPOCH);
//! clock.advance(SignedDuration::from_mins(5));
//! assert_eq!(clock.now().as_second(), 300);
//! ```
#![allow(clippy::disallowed_methods, reason = "this is the one place")]

mod clock;
mod ids;
mod random;

pub use clock::Clock;
pub use ids::{
    new_approval_request_id, new_cancel_id, new_node_name, new_payment_id, new_webhook_id,
};
pub use random::{new_api_key, new_secret, random_bytes};
