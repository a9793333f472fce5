//! Which codes decline an approval.

use super::{Says, Verdict, holds};
use crate::code::ResultCode;

/// Codes that end an approval or, where the reason is worth telling, do not.
struct Group {
    says: Says,
    issuer: bool,
    why: &'static str,
    codes: &'static str,
}

pub(super) fn find(code: ResultCode) -> Option<Verdict> {
    let group = GROUPS.iter().find(|group| holds(group.codes, code))?;
    let &Group {
        says, issuer, why, ..
    } = group;
    Some(Verdict { says, issuer, why })
}

/// All lists, for tests.
#[cfg(test)]
pub(super) fn lists() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().map(|group| group.codes)
}

const fn issuer(why: &'static str, codes: &'static str) -> Group {
    Group {
        says: Says::Refused,
        issuer: true,
        why,
        codes,
    }
}

const fn kcp(why: &'static str, codes: &'static str) -> Group {
    Group {
        says: Says::Refused,
        issuer: false,
        why,
        codes,
    }
}

const fn in_doubt(why: &'static str, codes: &'static str) -> Group {
    Group {
        says: Says::InDoubt,
        issuer: false,
        why,
        codes,
    }
}

static GROUPS: &[Group] = &[
    issuer(
        "the card company refuses this card, and says so instead of an approval",
        "CC01 CC03 CC04 CC12 CC39 CC41 CC42 CC43 CC44 CC45 CC46 CC80 CC81 CCAF CCAG CCS0",
    ),
    issuer(
        "the card company's limit or the card's balance is too low for this amount",
        "CC07 CC08 CC10 CC61 CC65 CC85 CC86 CC88",
    ),
    issuer(
        "the card company refuses the proof that was keyed in",
        "CC54 CC55 CC63 CC64 CC66 CC67 CC68 CC69",
    ),
    issuer(
        "the card company refuses what was keyed in: amount, number, months",
        "CC13 CC14 CC16 CC47",
    ),
    kcp(
        "the shop may not take this sale; who says so, the card company or KCP, the code leaves open",
        "CC15 CC21 CC33 CC34 CC35 CC36 CC37 CC40 CC62 CC84",
    ),
    kcp(
        "KCP does not know the shop, or its contract has no such sale: refused before a card company is asked",
        "5593 8001 8002 8005 8102 8121 8127 8370 8371 8390 8897 8906",
    ),
    kcp(
        "KCP takes no card like this one at the shop: refused before its company is asked",
        "8126 8130 8176 8183",
    ),
    kcp(
        "KCP read a field of this request and refuses it: nothing is sent on",
        "2204 5704 8004 8006 8011 8015 8016 8022 8024 8051 8052 8055 8058 8063 8101 8103 8104 8105 8106 \
         8107 8108 8109 8110 8111 8125 8129 8484 8501 8502 8506 8508 8509 8564 8789",
    ),
    kcp(
        "a limit that KCP keeps for the shop or the card",
        "8122 8123 8124 8135 8186 8187 8188 8189 8885 8886",
    ),
    kcp("KCP's risk control refuses the card", "8181 8182 8347 8786"),
    in_doubt(
        "KCP has seen such a sale already, and the one it has seen may be this very one, charged",
        "7101 8094 8128 8338 8586 9152 9165 9167",
    ),
    in_doubt(
        "two amounts or currencies were compared: one of them may be an approval's",
        "8059 8060 8091 9079 9204",
    ),
    in_doubt(
        "about what the card company answered: so it did answer, and may have approved",
        "7001 7002 7003 7004 7005 7721 7722 7724 7725 7727 8380 CC19 CC20 CC71",
    ),
    in_doubt(
        "KCP was paid, and cancels or could not: its own cancel is not seen from here",
        "9047 9048",
    ),
    in_doubt(
        "whom to ask, and not whether the card was charged",
        "8003 8297 8840 8847 8898 CC02",
    ),
];
