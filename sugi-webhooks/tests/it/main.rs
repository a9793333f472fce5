//! A merchant's own program that is told, over real HTTP and TLS, from a real ledger.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

mod document;
mod receiver;
mod setting;
mod telling;
mod test_app;
