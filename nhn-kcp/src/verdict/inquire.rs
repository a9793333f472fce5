//! Which codes answer an inquiry.
//!
//! "Not found" can prove that no money moved, so it is believed of the two codes alone that say it of a card
//! payment which KCP looked for itself.

use super::{Says, Verdict, holds};
use crate::code::ResultCode;

pub(super) fn find(code: ResultCode) -> Option<Verdict> {
    let (says, why, _) = GROUPS.iter().find(|(.., codes)| holds(codes, code))?;
    Some(Verdict {
        says: *says,
        issuer: false,
        why,
    })
}

/// All lists, for tests.
#[cfg(test)]
pub(super) fn lists() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().map(|(.., codes)| *codes)
}

static GROUPS: &[(Says, &str, &str)] = &[
    (
        Says::NotFound,
        "KCP looked and has no such transaction, now",
        "8061 8132",
    ),
    (
        Says::Refused,
        "KCP refuses the caller or the question and did not look: no evidence, and no doubt about it",
        "8001 8002 8511 8512 8897 S032 S034",
    ),
];
