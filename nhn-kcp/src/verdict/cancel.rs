//! Which codes end a cancel, of the whole or of a part, and which send us to KCP's books first.
//!
//! A look costs little, because a cancel names its transaction. So only few codes end a cancel without one:
//! those with which KCP refuses the caller, or the kind of cancel, before it looks at the payment's state.

use super::{Operation, Says, Verdict, holds};
use crate::code::{CancelMeaning, ResultCode};

/// Codes that mean the same as the answer to a cancel.
pub(super) struct Group {
    pub(super) meaning: CancelMeaning,
    /// What they say of a cancel of the whole.
    full: Says,
    /// And of a part.
    partial: Says,
    why: &'static str,
    codes: &'static str,
}

impl Group {
    pub(super) const fn verdict(&self, call: Operation) -> Verdict {
        Verdict {
            says: match call {
                Operation::PartialCancel => self.partial,
                Operation::Cancel | Operation::Approve | Operation::Inquire => self.full,
            },
            issuer: false,
            why: self.why,
        }
    }
}

pub(super) fn find(code: ResultCode) -> Option<&'static Group> {
    GROUPS.iter().find(|group| holds(group.codes, code))
}

/// All lists, for tests.
#[cfg(test)]
pub(super) fn lists() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().map(|group| group.codes)
}

/// Says the same of the whole and of a part.
const fn both(meaning: CancelMeaning, says: Says, why: &'static str, codes: &'static str) -> Group {
    Group {
        meaning,
        full: says,
        partial: says,
        why,
        codes,
    }
}

/// Ends a cancel of a part. No one asked for a part where it answers a cancel of the whole, so there the
/// books are looked at.
const fn of_parts(meaning: CancelMeaning, why: &'static str, codes: &'static str) -> Group {
    Group {
        meaning,
        full: Says::RefusedByState,
        partial: Says::Refused,
        why,
        codes,
    }
}

static GROUPS: &[Group] = &[
    both(
        CancelMeaning::Contract,
        Says::Refused,
        "KCP refuses the caller, whatever it asks: shop, certificate, signature, address, right",
        "8001 8002 8012 8642 8897 S034",
    ),
    both(
        CancelMeaning::Offset,
        Says::Refused,
        "what KCP still owes the shop is less than the cancel, so KCP gives nothing back",
        "8178",
    ),
    both(
        CancelMeaning::NotCancellable,
        Says::Refused,
        "this kind of payment is never cancelled this way, whatever its state",
        "8346 8379",
    ),
    of_parts(
        CancelMeaning::Contract,
        "the shop has no agreement on cancels of a part",
        "8392",
    ),
    of_parts(
        CancelMeaning::PartialImpossible,
        "the kind of payment, the institution, a count or a least amount forbids a cancel of a part",
        "8035 8384 8385 8386",
    ),
    of_parts(
        CancelMeaning::TaxParts,
        "the tax parts are missing, do not add up, or are more than is left: KCP refuses the division",
        "8011 8074 8078 8079 8080 8098 8099 8564",
    ),
    both(
        CancelMeaning::AlreadyCancelled,
        Says::ReadAgain,
        "it is cancelled: by whom, and how much of it, the books tell",
        "8023 8133 8373 CCA4 CCA6 CCA7",
    ),
    both(
        CancelMeaning::NotFound,
        Says::ReadAgain,
        "KCP does not find what it approved: the books tell",
        "5530 8061 8132 8372 8585 8643 CCA1",
    ),
    both(
        CancelMeaning::RemainderMismatch,
        Says::ReadAgain,
        "something else is left than was said: somebody cancelled, perhaps an earlier send of this",
        "8037 8038 8344 8381 CCA8",
    ),
    both(
        CancelMeaning::TooMuch,
        Says::ReadAgain,
        "less is left than this cancel takes: somebody cancelled, perhaps an earlier send of this",
        "8036 8039 8382 8550",
    ),
    both(
        CancelMeaning::InProgress,
        Says::ReadAgain,
        "a cancel is under way, and it may be this one",
        "8387 8388 CCAB",
    ),
    both(
        CancelMeaning::MustBePartial,
        Says::ReadAgain,
        "a part was cancelled before: what is left has to be cancelled as a part",
        "8040 8734 CCA9",
    ),
    both(
        CancelMeaning::NotCancellable,
        Says::RefusedByState,
        "the state does not allow it, and cancelled is such a state too",
        "5002 8134 8374 8E01 8E02 CCA2 CCA3 CCA5 CCAC CCAE",
    ),
    both(
        CancelMeaning::Contract,
        Says::RefusedByState,
        "said of refunds, or without saying what is not allowed",
        "8327 8328 8898",
    ),
    both(
        CancelMeaning::Other,
        Says::RefusedByState,
        "KCP refuses a field of the request: why, of a request that names what KCP gave, the books may tell",
        "8009 8026 8072 8073 8076 8081 8082 8084 8087 8092 8093 8095",
    ),
];
