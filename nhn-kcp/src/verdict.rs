//! What a result code says of the call that was answered with it, and of no other.
//!
//! One code can answer several calls and means something else each time: "cancelled already" is good news
//! for a cancel, and for an approval it says that KCP has such a payment. So every call has a list of its
//! own, and only what stands on it ends the call. The lists are positive: they hold the codes of which it
//! is *known*, for this very call, that nothing moved. Whatever is not on the list is in doubt, whether it
//! stands on KCP's sheet, on the list of another call, or nowhere.
//!
//! Every group of codes stands with its reason. `codes.tsv` beside this crate's manifest has every code with
//! the verdict of each call, so that a change of a list is seen code by code; a test keeps it.

mod approve;
mod cancel;
mod inquire;

use serde::{Deserialize, Serialize};

use crate::code::{CancelMeaning, Class, MoneyMoved, ResultCode};

/// A call that a result code answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A key-in approval.
    Approve,
    /// A cancel of the whole (`STSC`).
    Cancel,
    /// A cancel of a part (`STPC`).
    PartialCancel,
    /// An inquiry.
    Inquire,
}

impl Operation {
    /// All calls.
    pub const ALL: [Self; 4] = [
        Self::Approve,
        Self::Cancel,
        Self::PartialCancel,
        Self::Inquire,
    ];
}

/// What a code says of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// It was carried out.
    Done,
    /// It was refused, and nothing moved: the call is over.
    Refused,
    /// An inquiry found no such transaction.
    NotFound,
    /// A cancel was refused for the state of the payment. That state can be what an earlier send of the
    /// same cancel brought about, so KCP's books are looked at before the refusal is believed; the same
    /// cancel again would be refused again.
    RefusedByState,
    /// A cancel was refused because KCP's books are not as it supposes, or because another one is under
    /// way: look at them, and ask again by what they show.
    ReadAgain,
    /// The call may have been carried out.
    InDoubt,
}

/// What a code says of a call, and why that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Verdict {
    /// What it says.
    pub says: Says,
    /// Of a declined approval: whether the code is the card company's. One of KCP's own is as definite as
    /// KCP's word, which is worth a look where looking works.
    pub issuer: bool,
    /// Why.
    pub why: &'static str,
}

impl Verdict {
    /// Whether money may have moved.
    #[must_use]
    pub const fn money(self) -> MoneyMoved {
        match self.says {
            Says::Done => MoneyMoved::Yes,
            Says::Refused | Says::NotFound | Says::RefusedByState | Says::ReadAgain => {
                MoneyMoved::No
            }
            Says::InDoubt => MoneyMoved::Maybe,
        }
    }
}

impl ResultCode {
    /// What the code says as the answer to a call. Never fails: what is not known is in doubt.
    ///
    /// ```
    /// use nhn_kcp::{Operation, ResultCode, Says};
    /// let limit = ResultCode::parse("CC61")?.verdict(Operation::Approve);
    /// assert!(limit.says == Says::Refused && limit.issuer);
    /// // A duplicate of which sale? Perhaps of this one, which was charged.
    /// let duplicate = ResultCode::parse("8128")?.verdict(Operation::Approve);
    /// assert_eq!(duplicate.says, Says::InDoubt);
    /// # Ok::<(), nhn_kcp::Invalid>(())
    /// ```
    #[must_use]
    pub fn verdict(self, call: Operation) -> Verdict {
        if self.is_ok() {
            return Verdict {
                says: Says::Done,
                issuer: false,
                why: "KCP's word for done; the numbers beside it have to fit",
            };
        }
        let listed = match call {
            Operation::Approve => approve::find(self),
            Operation::Cancel | Operation::PartialCancel => {
                cancel::find(self).map(|group| group.verdict(call))
            }
            Operation::Inquire => inquire::find(self),
        };
        listed.unwrap_or(Verdict {
            says: Says::InDoubt,
            issuer: false,
            why: why_not_listed(call, self.meaning().class),
        })
    }

    /// What the code means as the answer to a cancel.
    #[must_use]
    pub fn cancel_meaning(self) -> CancelMeaning {
        if self.is_ok() {
            return CancelMeaning::Done;
        }
        cancel::find(self).map_or(CancelMeaning::Unclear, |group| group.meaning)
    }
}

/// Why a code that is not on a call's list does not end it.
fn why_not_listed(call: Operation, class: Class) -> &'static str {
    match (call, class) {
        (Operation::Inquire, _) => "not listed for inquiries: it tells nothing of the transaction",
        (_, Class::Unlisted) => "not on KCP's sheet, so nothing is known of it",
        (_, Class::System) => {
            "a system on the way failed or ran out of time, on one side of the card company or the other"
        }
        (_, Class::Window) => "of KCP's payment window, which took no part",
        (_, Class::Other) => "about another way to pay, or another service",
        (Operation::Approve, Class::State) => {
            "about a transaction that exists, and this sale may be it"
        }
        (Operation::Approve, Class::Auth) => "about a proof that key-in sales do not use",
        (Operation::Approve, Class::Issuer | Class::Limit) => {
            "a refusal of something that was not asked for"
        }
        (Operation::Approve, _) => {
            "about something that a key-in sale does not send, or does not say about what"
        }
        (Operation::Cancel | Operation::PartialCancel, _) => {
            "not listed for cancels: it may have taken effect all the same"
        }
    }
}

/// Whether a list, codes with white space between them, holds a code.
fn holds(list: &str, code: ResultCode) -> bool {
    list.split_ascii_whitespace()
        .any(|one| one == code.as_str())
}

#[cfg(test)]
mod tests;
