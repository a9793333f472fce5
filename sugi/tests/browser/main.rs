//! The pages in a real Chromium, against the real program: what people see and what their keys do.
//!
//! Chromium, its driver and axe-core are installed by `./test`. Screenshots of every page are left in
//! `target/screenshots`, to be looked at.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

mod amounts;
mod cancel;
mod configurations;
mod driver;
mod every_page;
mod key_in;
mod lang;
mod measure;
mod passkeys;
mod search;
mod service;
mod signed_out;
mod test_app;
