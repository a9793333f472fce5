//! Result codes: what KCP answered, and what that means for money.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::code_table::{self, Row};
use crate::error::{Field, Invalid, Rule};

/// KCP's four-character result code `res_cd`.
///
/// ```
/// use nhn_kcp::{Class, MoneyMoved, Operation, ResultCode};
/// let code = ResultCode::parse("CC61")?;
/// assert_eq!(code.meaning().class, Class::Limit);
/// assert_eq!(code.verdict(Operation::Approve).money(), MoneyMoved::No);
/// # Ok::<(), nhn_kcp::Invalid>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResultCode([u8; 4]);

impl ResultCode {
    /// `0000`: done.
    pub const OK: Self = Self(*b"0000");

    /// Reads four ASCII letters or digits.
    ///
    /// # Errors
    ///
    /// [`Rule::Form`] for anything else.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match <[u8; 4]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_alphanumeric) => Ok(Self(code)),
            _ => {
                let field = Field::new("result code", "res_cd");
                let rule = Rule::Form("of four ASCII letters or digits");
                Err(Invalid::new(field, rule, "use KCP's code").with_length(text.len()))
            }
        }
    }

    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII gets in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Whether this is `0000`.
    #[must_use]
    pub fn is_ok(self) -> bool {
        self == Self::OK
    }

    /// What the code means, for people. What it says of a call is [`verdict`](Self::verdict).
    #[must_use]
    pub fn meaning(self) -> Meaning {
        let Some(row) = self.row() else {
            return Meaning {
                class: Class::Unlisted,
                retry: Retry::Settle,
                gloss_en: "a code that is not listed",
                gloss_ko: Class::Unlisted.gloss_ko(),
            };
        };
        Meaning {
            class: row.class,
            retry: row.retry,
            gloss_en: row.en,
            gloss_ko: if row.ko.is_empty() {
                row.class.gloss_ko()
            } else {
                row.ko
            },
        }
    }

    fn row(self) -> Option<&'static Row> {
        code_table::find(self.0)
    }
}

impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResultCode({})", self.as_str())
    }
}

impl std::str::FromStr for ResultCode {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

impl TryFrom<String> for ResultCode {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}

impl From<ResultCode> for String {
    fn from(code: ResultCode) -> Self {
        code.as_str().to_owned()
    }
}

/// What a result code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// Whose "no" it is.
    pub class: Class,
    /// What can be done about it, where it refuses.
    pub retry: Retry,
    /// A short text in English, in our words.
    pub gloss_en: &'static str,
    /// A short text in Korean, in our words; a general one where the code never answers key-in calls.
    pub gloss_ko: &'static str,
}

/// Whose "no" a code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// No refusal: done.
    Ok,
    /// The card company, or KCP's risk control, refuses the card.
    Issuer,
    /// What was to prove the holder (expiry, password, birth date) is wrong.
    Auth,
    /// An amount, count, or period limit.
    Limit,
    /// The merchant's contract or set-up.
    Merchant,
    /// A field of the request.
    Format,
    /// The state or amount of the original transaction.
    State,
    /// A system failed or did not answer in time.
    System,
    /// KCP's payment window, which key-in payments do not use.
    Window,
    /// Another way of payment.
    Other,
    /// A code that is not listed.
    Unlisted,
}

impl Class {
    /// A general text in Korean.
    #[must_use]
    pub const fn gloss_ko(self) -> &'static str {
        match self {
            Self::Ok => "정상 처리되었습니다.",
            Self::Issuer => "카드사에서 거절했습니다.",
            Self::Auth => "카드 인증 정보가 올바르지 않습니다.",
            Self::Limit => "한도를 넘었습니다.",
            Self::Merchant => "가맹점 계약 또는 설정을 확인해 주세요.",
            Self::Format => "요청 값이 올바르지 않습니다.",
            Self::State => "원거래의 상태 때문에 처리할 수 없습니다.",
            Self::System => "시스템 오류입니다. 결과를 확인해야 합니다.",
            Self::Window => "결제창 오류입니다.",
            Self::Other => "카드 결제가 아닌 다른 결제수단의 오류입니다.",
            Self::Unlisted => "알려지지 않은 코드입니다. 결과를 확인해야 합니다.",
        }
    }
}

/// Whether a request may have moved money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoneyMoved {
    /// It has.
    Yes,
    /// It has not.
    No,
    /// No one here can tell. Treat it as if it had, until there is evidence.
    Maybe,
}

/// What can be done after a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// Nothing: the same again gives the same again.
    Never,
    /// Try the same card later; nothing has happened.
    SameCardLater,
    /// Ask for another card.
    OtherCard,
    /// Correct what was entered.
    FixInput,
    /// Talk to KCP about the contract or the set-up.
    FixContract,
    /// The holder has to call the card company.
    AskIssuer,
    /// The original is not as expected: inquire, then decide.
    ReadAgain,
    /// The outcome is unknown. Find it out first; do not charge again.
    Settle,
}

/// What a result code means as the answer to a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelMeaning {
    /// Cancelled now.
    Done,
    /// It was cancelled before: for a full cancel that is the wished state. `CCA6` can also mean that
    /// a capture cannot be cancelled, so confirm by inquiry before you tell anyone.
    AlreadyCancelled,
    /// KCP does not know the original.
    NotFound,
    /// What was said to be left is not what is left: someone else cancelled. Read again.
    ///
    /// Includes `8038`, which sources explain in two opposite ways; reading again serves both.
    RemainderMismatch,
    /// More than is left.
    TooMuch,
    /// The parts of a mixed-tax amount are missing, do not add up, or are more than is left of one.
    /// No inquiry tells what is left of each, so the same again gives the same again.
    TaxParts,
    /// Another cancel of the same transaction is running. Read again in a while.
    InProgress,
    /// There was a partial cancel before, so the rest must be a partial cancel too.
    MustBePartial,
    /// It cannot be cancelled in part: its kind, the institution, a count, or a least amount forbids.
    PartialImpossible,
    /// It cannot be cancelled in its present state, or not here.
    NotCancellable,
    /// The contract, the set-up, or the key forbids it: server address not registered, no agreement
    /// on partial cancels, signature refused.
    Contract,
    /// The settlement still due to the merchant is smaller than the cancel: pay in first.
    Offset,
    /// Money may have gone back all the same: inquire.
    Unclear,
    /// A field of the request is refused; see [`ResultCode::meaning`].
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> ResultCode {
        ResultCode::parse(text).unwrap()
    }

    #[test]
    fn every_code_has_words() {
        for row in code_table::all() {
            assert!(row.code.iter().all(u8::is_ascii_alphanumeric));
            assert!(!row.en.is_empty() && row.en.is_ascii());
            let code = ResultCode(row.code);
            assert!(!code.meaning().gloss_ko.is_empty());
            assert_ne!(code.meaning().class, Class::Unlisted);
        }
        assert!(ResultCode::OK.is_ok());
        assert_eq!(code("ZZZZ").meaning().class, Class::Unlisted);
        assert_eq!(code("ZZZZ").meaning().retry, Retry::Settle);
    }

    #[test]
    fn cancels_are_read_by_what_to_do_next() {
        for (text, meaning) in [
            ("0000", CancelMeaning::Done),
            ("8133", CancelMeaning::AlreadyCancelled),
            ("8132", CancelMeaning::NotFound),
            ("8037", CancelMeaning::RemainderMismatch),
            ("8039", CancelMeaning::TooMuch),
            ("8098", CancelMeaning::TaxParts),
            ("8388", CancelMeaning::InProgress),
            ("8040", CancelMeaning::MustBePartial),
            ("8012", CancelMeaning::Contract),
            ("8178", CancelMeaning::Offset),
            ("8134", CancelMeaning::NotCancellable),
            ("8386", CancelMeaning::PartialImpossible),
            ("8072", CancelMeaning::Other),
            ("CC98", CancelMeaning::Unclear),
            ("CC61", CancelMeaning::Unclear),
            ("ZZZZ", CancelMeaning::Unclear),
        ] {
            assert_eq!(code(text).cancel_meaning(), meaning, "{text}");
        }
    }

    #[test]
    fn codes_are_four_ascii_signs() {
        for bad in ["", "000", "00000", "00 0", "가0", "CC-1"] {
            assert!(ResultCode::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(serde_json::to_string(&code("CC61")).unwrap(), "\"CC61\"");
        assert!(serde_json::from_str::<ResultCode>("\"CC\"").is_err());
    }
}
