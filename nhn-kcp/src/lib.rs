//! Typed client for NHN KCP's key-in card payments (수기결제): approve, cancel, inquire.
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
mod order;
mod outcome;
mod reply;
mod text;
mod time;
mod tno;

pub use approve::{AuthenticatedKeyIn, KeyIn, UnauthenticatedKeyIn};
pub use cancel::{Cancel, CancelScope};
pub use card::{Card, CardNumber, Expiry, HolderNo, HolderProof, PasswordPrefix};
pub use code::{CancelMeaning, Class, Meaning, MoneyMoved, ResultCode, Retry};
pub use error::{Invalid, Rule};
pub use inquire::{Inquiry, InquirySubject};
pub use mask::MaskedCard;
pub use money::{Amount, Currency, Installments, Money};
pub use order::{
    Buyer, BuyerMail, BuyerName, BuyerPhone, CancelReason, GoodsName, Order, OrderNo, TaxSplit,
};
pub use outcome::{ApproveError, CancelError, InquireError, Lost, LostWhy, NotSent, Refusal};
pub use reply::{Approval, Cancellation, Company, Interest, Transaction, TransactionState};
pub use time::{KcpTime, korean_date};
pub use tno::{SiteCode, Tno};

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
pub use client::{BuildError, Client, ClientBuilder};
#[cfg(feature = "client")]
pub use credential::{CredentialError, Credentials};
#[cfg(feature = "client")]
pub use gateway::{Gateway, GatewayError, SandboxUrl};
