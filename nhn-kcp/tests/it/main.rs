//! The client against a server that speaks KCP's protocol, over HTTP on loopback.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod books;
mod connection;
mod guard;
mod house;
mod keys;
mod leaks;
mod lost;
mod raw;
mod tls;
