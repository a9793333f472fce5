//! Conversations with the service over real HTTP. KCP is the sandbox; the ledger is SQLite.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::format_push_string,
    clippy::too_many_lines,
    reason = "a test"
)]

mod audit;
mod auth;
mod bad;
mod canary;
mod cancel;
mod create;
mod differs;
mod document;
mod events;
mod health;
mod http;
mod list;
mod metrics;
mod peer;
mod resolve;
mod service;
mod tax;
mod test_app;
mod text;
mod tls;
mod unauthenticated;
mod velocity;
mod webhooks;
