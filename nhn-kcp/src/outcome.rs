//! What a call can end in other than success, and whether money may have moved.
//!
//! One error type a call. Every failure is of one of three kinds, and the kind is all that decides
//! what may be done next:
//!
//! * *refused*: KCP answered no. No money moved.
//! * [`NotSent`]: no byte of the request left this process. It may be sent again.
//! * [`Lost`]: anything else. The request may have been carried out.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::code::{MoneyMoved, ResultCode};
use crate::money::Amount;
use crate::tno::Tno;

/// Why an approval did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum ApproveError {
    /// KCP or the card company said no, with a code after which no money has moved.
    #[error("declined: {0}")]
    Declined(Refusal),
    /// Nothing was sent. The same request may be sent again.
    #[error("not sent: {0}")]
    NotSent(NotSent),
    /// The card may have been charged. Do not charge again; find out first.
    #[error("outcome unknown, the card may have been charged: {0}")]
    Unknown(Lost),
}

impl ApproveError {
    /// Whether the card may have been charged.
    #[must_use]
    pub const fn money_moved(&self) -> MoneyMoved {
        match self {
            Self::Declined(_) | Self::NotSent(_) => MoneyMoved::No,
            Self::Unknown(_) => MoneyMoved::Maybe,
        }
    }

    /// KCP's no, where it is one.
    #[must_use]
    pub const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Declined(refusal) => Some(refusal),
            Self::NotSent(_) | Self::Unknown(_) => None,
        }
    }
}

/// Why a cancel did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum CancelError {
    /// KCP said no: this request gave no money back.
    /// [`ResultCode::verdict`] tells whether it stands or the payment has to be looked at first, and
    /// [`ResultCode::cancel_meaning`] what it means; it can be "cancelled already".
    #[error("cancel refused: {0}")]
    Refused(Refusal),
    /// Nothing was sent. The same request may be sent again.
    #[error("not sent: {0}")]
    NotSent(NotSent),
    /// The money may have gone back. Inquire by `tno`: the amount left tells.
    #[error("outcome unknown, the payment may have been cancelled: {0}")]
    Unknown(Lost),
}

impl CancelError {
    /// Whether money may have gone back.
    #[must_use]
    pub const fn money_moved(&self) -> MoneyMoved {
        match self {
            Self::Refused(_) | Self::NotSent(_) => MoneyMoved::No,
            Self::Unknown(_) => MoneyMoved::Maybe,
        }
    }

    /// KCP's no, where it is one.
    #[must_use]
    pub const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::NotSent(_) | Self::Unknown(_) => None,
        }
    }
}

/// Why an inquiry did not succeed. An inquiry moves no money and may be sent again in every case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum InquireError {
    /// KCP knows no such transaction, now. A request still under way can change that.
    #[error("no such transaction: {0}")]
    NotFound(Refusal),
    /// KCP did not answer the question: contract, signature, format, or a failure of its own.
    #[error("inquiry refused: {0}")]
    Refused(Refusal),
    /// Nothing was sent.
    #[error("not sent: {0}")]
    NotSent(NotSent),
    /// No answer, or none that can be trusted.
    #[error("no usable answer: {0}")]
    Unknown(Lost),
}

impl InquireError {
    /// KCP's no, where it is one.
    #[must_use]
    pub const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::NotFound(refusal) | Self::Refused(refusal) => Some(refusal),
            Self::NotSent(_) | Self::Unknown(_) => None,
        }
    }
}

/// KCP's no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The code.
    pub code: ResultCode,
    /// KCP's own text, mostly Korean (`res_msg`); empty when there was none.
    pub message: String,
    /// KCP's own text in English (`res_en_msg`), when there was one.
    #[serde(default)]
    pub message_en: Option<String>,
    /// KCP's number of the exchange (`trace_no`), when there was one: what its support asks for.
    #[serde(default)]
    pub trace_no: Option<String>,
    /// The fields of the answer, by KCP's names, that could not be read whole. What of them is a text
    /// has U+FFFD where that was.
    #[serde(default)]
    pub damaged: Vec<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.code.meaning().gloss_en)?;
        if self.message.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", self.message)
        }
    }
}

/// Why nothing was sent. Every variant means that no byte of the request left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum NotSent {
    /// The request could not be signed with the merchant's key.
    #[error("the request could not be signed")]
    Unsigned,
    /// The host's name has no address.
    #[error("the host name was not resolved: {0}")]
    Resolve(String),
    /// No connection: refused, unreachable, reset.
    #[error("no connection: {0}")]
    Connect(String),
    /// No connection within the time for it.
    #[error("no connection in time")]
    ConnectTimedOut,
    /// A connection, but no trust: the TLS handshake failed.
    #[error("TLS handshake failed: {0}")]
    Tls(String),
    /// The connection ended before the first byte was written.
    #[error("the connection ended before anything was written")]
    Disconnected,
}

/// A request left, and no answer came that settles it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// What went wrong.
    pub why: LostWhy,
    /// The payment's transaction number, where the broken answer to an approval still had a readable
    /// one: the way out is to cancel and inquire by it. Always `None` for the other calls, and where
    /// the answer speaks of another order, whose payment it would be.
    #[serde(default)]
    pub tno: Option<Tno>,
}

impl Lost {
    /// A lost answer with or without a transaction number.
    #[must_use]
    pub const fn new(why: LostWhy, tno: Option<Tno>) -> Self {
        Self { why, tno }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tno {
            Some(tno) => write!(f, "{}; the answer names tno {tno}", self.why),
            None => write!(f, "{}", self.why),
        }
    }
}

/// What was wrong with the answer, or that there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum LostWhy {
    /// No whole answer within the time for it.
    #[error("no whole answer in time")]
    TimedOut,
    /// The connection ended before a whole answer had come, or what came was not HTTP.
    #[error("the connection ended before a whole answer")]
    Disconnected,
    /// The answer is larger than any that KCP gives.
    #[error("the answer is too large")]
    TooLarge,
    /// Another HTTP status than 200, no matter what the body says: who answered so is not known.
    #[error("HTTP status {0}")]
    HttpStatus(u16),
    /// The body is not one JSON object: cut, garbled, or in an encoding in which ASCII is not ASCII.
    #[error("the answer is not a JSON object")]
    NotJson,
    /// A member of the JSON object that decides is there twice with two values, so there are two answers
    /// in it.
    #[error("the answer repeats a field")]
    RepeatedField,
    /// A member that decides is there and cannot be read whole: bytes that are no UTF-8, a raw line end.
    /// Texts for people may be so; they decide nothing.
    #[error("a field that decides cannot be read")]
    Unreadable,
    /// `res_cd` is missing or is no result code.
    #[error("the answer has no result code")]
    NoCode,
    /// A code that does not end this call: a failure on the way, what answers another call, or a code
    /// that is not listed. See [`ResultCode::verdict`].
    #[error("answered {0}, after which the outcome is open")]
    AmbiguousCode(ResultCode),
    /// Success without a transaction number.
    #[error("the answer has no transaction number")]
    NoTno,
    /// The answer is about another transaction than asked.
    #[error("the answer is about another transaction")]
    WrongTno,
    /// The answer names another order number than asked.
    #[error("the answer is about another order")]
    WrongOrder,
    /// Success without an amount that can be read.
    #[error("the answer has no amount")]
    NoAmount,
    /// Another amount than was asked.
    #[error("asked for {asked}, answered {answered}")]
    WrongAmount {
        /// Asked.
        asked: Amount,
        /// Answered.
        answered: Amount,
    },
    /// The right total, but another part of it on the card (`card_mny`), or one that cannot be read.
    #[error("the card part of the amount is wrong")]
    WrongCardAmount,
    /// Another currency than was asked.
    #[error("the currency is wrong")]
    WrongCurrency,
    /// What KCP says is left does not follow from what was left before.
    #[error("the amount left is wrong")]
    WrongRemainder,
}
