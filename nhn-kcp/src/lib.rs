//! Typed client for NHN KCP's key-in card payments (수기결제): approve, cancel, inquire.
//!
//! Key-in means that someone types the card number in, with or without a proof of who holds the card
//! (인증, 비인증). KCP takes it as one JSON message over HTTPS. This crate makes that message from
//! values that were checked before, signs what has to be signed, holds the answer against what was
//! asked, and says of every failure whether money may have moved.
//!
//! ```
//! # #[cfg(feature = "client")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use nhn_kcp::{
//!     ApproveError, AuthenticatedKeyIn, Cancel, CancelReason, Card, CardNumber, Client, Credentials,
//!     Expiry, Gateway, HolderNo, HolderProof, Inquiry, Money, Order, OrderNo, PasswordPrefix, SiteCode,
//!     korean_date,
//! };
//!
//! // A server that imitates KCP. With KCP itself: `Gateway::Test` or `Gateway::Production`, and
//! // `Credentials::from_files("splCert.pem", "splPrikeyPKCS8.pem", password)`.
//! let sandbox = kcp_sandbox::Sandbox::start().await?;
//! let made = sandbox.credentials();
//! let credentials =
//!     Credentials::from_pem(made.cert_pem.as_bytes(), made.key_pem.as_bytes(), &made.key_password)?;
//! let gateway = Gateway::sandbox(sandbox.url())?;
//! let client = Client::builder(SiteCode::parse("T0000")?, credentials, gateway).build()?;
//!
//! let order = Order::new(OrderNo::parse("TEST1234567890")?, Money::won(1004)?);
//! let card = Card::new(CardNumber::parse("4111111111111111")?, Expiry::parse("2099-12")?);
//! let proof = HolderProof::new(HolderNo::parse("951010")?, PasswordPrefix::parse("00")?);
//! let today = korean_date(sandbox.now());
//! let tno = match client.approve(AuthenticatedKeyIn::new(order, card, proof, today)?).await {
//!     Ok(approval) => approval.tno,
//!     // The card was not charged.
//!     Err(ApproveError::Declined(refusal)) => return Err(refusal.to_string().into()),
//!     // Nothing left this process: it may be sent again.
//!     Err(ApproveError::NotSent(why)) => return Err(why.into()),
//!     // The card may have been charged. Find out, do not charge again.
//!     Err(ApproveError::Unknown(lost)) => return Err(lost.to_string().into()),
//! };
//!
//! assert_eq!(client.inquire(&Inquiry::by_tno(tno.clone())).await?.remaining, Some(1004));
//! let reason = CancelReason::parse("고객 요청")?;
//! assert_eq!(client.cancel(&Cancel::full(tno, reason)).await?.remaining, 0);
//! # Ok(()) }
//! # #[cfg(not(feature = "client"))] fn main() {}
//! ```
//!
//! # What it holds to
//!
//! * **A value in hand is a right value.** Every one is parsed once; an [`Invalid`] says field, rule,
//!   and remedy, and never what was typed. Stored values are parsed again when they are read back.
//! * **Card data cannot be seen or kept.** [`CardNumber`], [`Expiry`], [`HolderNo`] and
//!   [`PasswordPrefix`] have no `Serialize`, no `Display`, no `Clone`, a `Debug` that prints their name
//!   alone, and are wiped when dropped. [`Client::approve`](Client#method.approve) takes the request
//!   away and drops it before it sends.
//! * **No means no, yes means yes.** An approval is `0000`, a transaction number, and the amount that was
//!   asked. A decline is a code that is known to move no money. Everything else is
//!   [`ApproveError::Unknown`].
//! * **Nothing is sent twice.** No retries, no redirects, no proxies. [`NotSent`] means that no byte of
//!   the request left this process.
//! * **Live and test stay apart.** See [`Gateway::check`](Gateway#method.check).
//!
//! # Where the rules come from
//!
//! Field names and meanings are those of KCP's guide to key-in payments. Lengths, cancel rules, and
//! signing come from KCP's other pages, samples, and manuals. Where a rule is read between the lines,
//! its documentation says "inferred".
//!
//! # Features
//!
//! `client` (on by default): [`Client`], [`Credentials`], [`Gateway`]; needs tokio. Without it the crate
//! is values only: no I/O, no clock, no cryptography.

#![warn(missing_docs)]

mod approve;
mod cancel;
mod card;
mod code;
mod code_table;
mod error;
mod inquire;
mod mask;
mod money;
pub mod normal;
mod order;
mod outcome;
pub mod pan;
mod reply;
mod tax;
mod text;
mod time;
mod tno;
mod verdict;

pub use approve::{AuthenticatedKeyIn, KeyIn, UnauthenticatedKeyIn};
pub use cancel::{Cancel, CancelScope};
pub use card::{Card, CardNumber, Expiry, HolderNo, HolderProof, PasswordPrefix};
pub use code::{CancelMeaning, Class, Meaning, MoneyMoved, ResultCode, Retry};
pub use error::{Invalid, Rule};
pub use inquire::{Inquiry, InquirySubject};
pub use mask::MaskedCard;
pub use money::{Amount, Currency, Installments, Money};
pub use order::{Buyer, BuyerMail, BuyerName, BuyerPhone, CancelReason, GoodsName, Order, OrderNo};
pub use outcome::{ApproveError, CancelError, InquireError, Lost, LostWhy, NotSent, Refusal};
pub use reply::{Approval, Cancellation, Company, Interest, Transaction, TransactionState};
pub use tax::{TaxParts, TaxSplit};
pub use time::{KcpTime, korean_date};
pub use tno::{SiteCode, Tno};
pub use verdict::{Operation, Says, Verdict};

#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
mod credential;
#[cfg(feature = "client")]
mod gateway;
#[cfg(feature = "client")]
mod http;
#[cfg(feature = "client")]
mod wire;

#[cfg(feature = "client")]
pub use self::http::Timeouts;
#[cfg(feature = "client")]
pub use client::{BuildError, Client, ClientBuilder, ServerDate};
#[cfg(feature = "client")]
pub use credential::{CredentialError, Credentials};
#[cfg(feature = "client")]
pub use gateway::{Gateway, GatewayError, SandboxUrl};
