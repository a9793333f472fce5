//! What is done at the end of a day and behind the counter: the day's numbers, files of them, the
//! settings, operators, the audit, and one's own account.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::format_push_string,
    reason = "a test"
)]

mod account;
mod audit;
#[path = "../../../sugi-access/tests/suite/authenticator.rs"]
#[allow(dead_code, reason = "the tests of access use all of it")]
mod authenticator;
mod codes;
mod day;
mod export;
mod file;
#[path = "../../../sugi-api/tests/api/http.rs"]
#[allow(dead_code, reason = "the API's tests use all of it")]
mod http;
mod ledger;
mod operators;
mod page;
mod passkeys;
mod settings;
#[path = "../access/test_app.rs"]
#[allow(dead_code, reason = "the tests of who may do what use all of it")]
mod test_app;
mod totals;
mod webhooks;
