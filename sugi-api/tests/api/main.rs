//! Conversations with the service over real HTTP. KCP is the sandbox; the ledger is SQLite.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::format_push_string,
    reason = "a test"
)]

mod cancel;
mod create;
mod house;
mod http;
mod list;
