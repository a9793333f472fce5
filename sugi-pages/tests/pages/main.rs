//! What every page promises: asked for over HTTP as a browser without a script does it, with the
//! sandbox's books to compare.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::format_push_string,
    reason = "a test"
)]

mod approval_requests;
mod browser;
mod cancel;
mod close;
mod every_page;
mod four_eyes;
mod html;
#[path = "../../../sugi-api/tests/api/http.rs"]
#[allow(dead_code, reason = "the API's tests use all of it")]
mod http;
mod kept;
mod keyin;
mod live;
mod mail;
mod payment;
#[path = "../../../sugi-mail/tests/it/post.rs"]
#[allow(dead_code, reason = "the tests of mail use all of it")]
mod post;
mod receipt;
mod search;
mod test_app;
mod troubles;
mod unauthenticated;
