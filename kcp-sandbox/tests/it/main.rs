//! The sandbox from outside: real HTTP over loopback, read with a client that knows nothing of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::needless_pass_by_value,
    clippy::format_push_string,
    reason = "a test fails by panicking, and its helpers are written to be short at the call"
)]

mod approve;
mod cancel;
mod client;
mod control;
mod credentials;
mod faults;
mod inquire;
mod lints;
mod programs;
mod samples;
mod secrets;
mod tax;
mod worlds;
