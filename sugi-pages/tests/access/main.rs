//! Who may do what: every address of the pages and every operation of the API, tried as everybody.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::format_push_string,
    reason = "a test"
)]

mod api;
mod audited;
#[path = "../../../sugi-api/tests/api/http.rs"]
#[allow(dead_code, reason = "the API's tests use all of it")]
mod http;
mod roles;
mod sessions;
#[allow(dead_code, reason = "the tests of the office use the rest of it")]
mod test_app;
