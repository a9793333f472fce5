//! The test cards: the only numbers this sandbox takes, and what each of them does.
//!
//! One scheme, all of it made of numbers that no one carries:
//!
//! | number | what it does |
//! | --- | --- |
//! | nine well-known test numbers | approved |
//! | `9490 NN fff 0000 xx L` | approved by the Korean issuer NN (01 to 14); the flags `fff` are 0 or 1: corporate card, check card, no partial cancel |
//! | `9490 99 T CCCC 0000 L` | declined with a result code |
//! | `9490 98 T CCCC 0000 L` | answered with that code, **but the card was charged** (a timeout inside KCP) |
//! | `9490 97 T CCCC 0000 L` | approved; every later cancel is refused with that code |
//! | `9490 96 T CCCC 0000 L` | approved; every later inquiry is refused with that code |
//!
//! `T CCCC` is the result code: `0 8133` is 8133; `1` means CC and two characters of two digits each
//! (digits as they are, A is 10, B is 11 …: `1 0603` is CC63, `1 1015` is CCAF); `2 0034` is S034.
//! `L` is the Luhn check digit; the sandbox takes any digit there, clients may look at it.

use std::fmt;

use serde::Serialize;

use crate::codes::{CODES, ResCd};

/// The scheme in sentences, for the control port.
pub(crate) const SCHEME: &[(&str, &str)] = &[
    (
        "9490 NN fff 0000 xx L",
        "approved by Korean issuer NN (01 to 14); fff are flags 0 or 1: corporate, check card, no partial cancel",
    ),
    ("9490 99 T CCCC 0000 L", "declined with a result code"),
    (
        "9490 98 T CCCC 0000 L",
        "answered with that code, but the card WAS charged",
    ),
    (
        "9490 97 T CCCC 0000 L",
        "approved; every later cancel is refused with that code",
    ),
    (
        "9490 96 T CCCC 0000 L",
        "approved; every later inquiry is refused with that code",
    ),
    (
        "T CCCC",
        "0 and a code of digits (0 8133); 1 and CC with two characters of two digits each, A = 10 (CC63 = 1 0603, CCAF = 1 1015); 2 and an S code (S034 = 2 0034)",
    ),
    ("L", "the Luhn check digit; the sandbox takes any digit"),
    ("card_expiry", "YYMM; a month that is past answers CC54"),
    (
        "card_taxno",
        "any 6 or 10 digits, but 000000 answers CC66, 0000000000 CC67, 1111111111 CC68",
    ),
    (
        "card_pwd",
        "any two digits, but 99 answers CC63 and 98 CC69",
    ),
];

/// A card company as replies name it.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) card_cd: &'static str,
    pub(crate) card_name: &'static str,
    pub(crate) acqu_cd: &'static str,
    pub(crate) acqu_name: &'static str,
    /// Four digits, as in real card replies (not the `BKnn` of the code tables).
    pub(crate) bank_cd: &'static str,
}

const fn issuer(
    card_cd: &'static str,
    card_name: &'static str,
    acqu_cd: &'static str,
    acqu_name: &'static str,
    bank_cd: &'static str,
) -> Issuer {
    Issuer {
        card_cd,
        card_name,
        acqu_cd,
        acqu_name,
        bank_cd,
    }
}

/// The issuers of the cards `9490 01` to `9490 14`, in this order. Codes and acquirers are KCP's
/// table of 2021; bank codes of companies without a bank are assumed.
pub(crate) static ISSUERS: [Issuer; 14] = [
    issuer("CCLG", "신한카드", "CCLG", "신한카드", "0301"),
    issuer("CCKM", "KB국민카드", "CCKM", "KB국민카드", "0004"),
    issuer("CCSS", "삼성카드", "CCSS", "삼성카드", "0365"),
    issuer("CCDI", "현대카드", "CCDI", "현대카드", "0367"),
    issuer("CCLO", "롯데카드", "CCAM", "롯데아멕스카드", "0368"),
    issuer("CCBC", "BC카드", "CCBC", "BC카드", "0361"),
    issuer("CCNH", "NH농협카드", "CCNH", "NH농협카드", "0011"),
    issuer("CCHN", "하나카드", "CCHN", "하나카드", "0081"),
    issuer("CCCT", "씨티카드", "CCBC", "BC카드", "0027"),
    issuer("CCKJ", "광주은행카드", "CCBC", "BC카드", "0034"),
    issuer("CCSU", "수협카드", "CCBC", "BC카드", "0007"),
    issuer("CCJB", "전북은행카드", "CCBC", "BC카드", "0037"),
    issuer("CCCJ", "제주은행카드", "CCBC", "BC카드", "0035"),
    issuer("CCAM", "롯데아멕스카드", "CCAM", "롯데아멕스카드", "0368"),
];

/// Well-known numbers of test systems, and which of [`ISSUERS`] each belongs to here.
const WELL_KNOWN: [(&str, usize, &str); 9] = [
    ("4111111111111111", 0, "Visa test number"),
    ("4242424242424242", 2, "Visa test number"),
    ("4012888888881881", 3, "Visa test number"),
    ("5555555555554444", 1, "Mastercard test number"),
    ("5105105105105100", 6, "Mastercard test number"),
    (
        "378282246310005",
        13,
        "American Express test number, 15 digits",
    ),
    ("3530111333300000", 7, "JCB test number"),
    (
        "1234567800000000",
        5,
        "the number of KCP's key-in guide (fails the Luhn check)",
    ),
    (
        "5164530000000000",
        5,
        "the number of a public client's tests (fails the Luhn check)",
    ),
];

/// What a test card does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Approve,
    /// Refused with a code, nothing charged.
    Decline(ResCd),
    /// Answered with a code although the books hold the payment.
    DeclineButCharge(ResCd),
    RefuseCancel(ResCd),
    RefuseInquiry(ResCd),
}

/// A test card that a request named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TestCard {
    pub(crate) issuer: &'static Issuer,
    pub(crate) corporate: bool,
    pub(crate) check: bool,
    pub(crate) partial_cancel: bool,
    pub(crate) behaviour: Behaviour,
    pub(crate) masked: MaskedCard,
}

/// First six digits and what follows the twelfth: all of a card number that is ever kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MaskedCard {
    first: u32,
    last: u16,
    last_len: u8,
}

impl MaskedCard {
    fn of(card_no: &str) -> Option<Self> {
        let (first, rest) = card_no.split_at_checked(6)?;
        let (_, last) = rest.split_at_checked(6)?;
        Some(Self {
            first: first.parse().ok()?,
            last: last.parse().ok()?,
            last_len: u8::try_from(last.len()).ok()?,
        })
    }

    /// The number with its digits 7 to 12 replaced by `mask`.
    pub(crate) fn with(self, mask: char) -> String {
        let Self {
            first,
            last,
            last_len,
        } = self;
        let mask: String = std::iter::repeat_n(mask, 6).collect();
        format!(
            "{first:06}{mask}{last:0width$}",
            width = usize::from(last_len)
        )
    }
}

impl fmt::Display for MaskedCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with('0'))
    }
}

/// The test card with this number, or nothing: everything else may be a real card.
pub(crate) fn find(card_no: &str) -> Option<TestCard> {
    if !card_no.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let masked = MaskedCard::of(card_no)?;
    let approved = |issuer, flags: [bool; 3]| TestCard {
        issuer,
        corporate: flags[0],
        check: flags[1],
        partial_cancel: !flags[2],
        behaviour: Behaviour::Approve,
        masked,
    };
    if let Some((_, at, _)) = WELL_KNOWN.iter().find(|(number, ..)| *number == card_no) {
        return Some(approved(&ISSUERS[*at], [false; 3]));
    }
    let rest = card_no
        .strip_prefix("9490")
        .filter(|rest| rest.len() == 12)?;
    let (kind, rest) = rest.split_at(2);
    let kind: usize = kind.parse().ok()?;
    if let Some(issuer) = kind.checked_sub(1).and_then(|at| ISSUERS.get(at)) {
        let (flags, rest) = rest.split_at(3);
        let flags: Vec<bool> = flags.bytes().map(|b| b == b'1').collect();
        let plain = card_no[6..9].bytes().all(|b| matches!(b, b'0' | b'1'));
        let flags: [bool; 3] = flags.try_into().ok()?;
        return (plain && rest.starts_with("0000")).then(|| approved(issuer, flags));
    }
    let code = decode(
        rest.strip_suffix(|c: char| c.is_ascii_digit())?
            .strip_suffix("0000")?,
    )?;
    let behaviour = match kind {
        99 => Behaviour::Decline(code),
        98 => Behaviour::DeclineButCharge(code),
        97 => Behaviour::RefuseCancel(code),
        96 => Behaviour::RefuseInquiry(code),
        _ => return None,
    };
    Some(TestCard {
        behaviour,
        ..approved(&ISSUERS[5], [false; 3])
    })
}

/// The result code in the five digits `T CCCC`.
fn decode(digits: &str) -> Option<ResCd> {
    let (family, code) = digits.split_at_checked(1)?;
    let text = match family {
        "0" => code.to_owned(),
        "1" => {
            let (first, second) = code.split_at_checked(2)?;
            let letter = |n: &str| char::from_digit(n.parse().ok()?, 36);
            format!("CC{}{}", letter(first)?, letter(second)?).to_ascii_uppercase()
        }
        "2" => format!("S{}", code.strip_prefix('0')?),
        _ => return None,
    };
    ResCd::parse(&text).filter(|code| *code != ResCd::OK)
}

/// The five digits that stand for `code`, if the scheme can write it.
fn encode(code: &str) -> Option<String> {
    if code.bytes().all(|b| b.is_ascii_digit()) {
        return Some(format!("0{code}"));
    }
    if let Some(number) = code.strip_prefix('S') {
        return Some(format!("20{number}"));
    }
    let letters: Vec<u32> = code
        .strip_prefix("CC")?
        .chars()
        .filter_map(|c| c.to_digit(36))
        .collect();
    Some(format!("1{:02}{:02}", letters.first()?, letters.get(1)?))
}

fn with_luhn(fifteen: &str) -> String {
    let sum: u32 = fifteen
        .bytes()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(digit - b'0');
            if at % 2 == 1 {
                digit
            } else {
                digit * 2 / 10 + digit * 2 % 10
            }
        })
        .sum();
    format!("{fifteen}{}", (10 - sum % 10) % 10)
}

/// One row of the card table, as the control port serves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Card {
    /// The whole number; these are test numbers.
    pub card_no: String,
    /// What an approval with it answers.
    pub res_cd: String,
    /// What it does, in English.
    pub what: String,
}

/// The magic card for `code` in one of the four families: `99` declined, `98` answered with the code
/// but charged, `97` cancels refused, `96` inquiries refused.
///
/// Nothing when `code` is no result code, is `0000`, or `family` is none of the four.
///
/// ```
/// assert_eq!(kcp_sandbox::magic_card(99, "CC61").as_deref(), Some("9490991060100003"));
/// assert_eq!(kcp_sandbox::magic_card(99, "0000"), None);
/// ```
#[must_use]
pub fn magic_card(family: u8, code: &str) -> Option<String> {
    let known = ResCd::parse(code).filter(|code| *code != ResCd::OK)?;
    let digits = encode(known.as_str()).filter(|_| (96..=99).contains(&family))?;
    Some(with_luhn(&format!("9490{family}{digits}0000")))
}

/// Every documented test card: the well-known ones, one of each issuer, and one per result code.
#[must_use]
pub fn cards() -> Vec<Card> {
    let row = |card_no: String, res_cd: &str, what: String| Card {
        card_no,
        res_cd: res_cd.to_owned(),
        what,
    };
    let known = WELL_KNOWN.iter().map(|(number, at, what)| {
        row(
            (*number).to_owned(),
            "0000",
            format!("approved, {} ({what})", ISSUERS[*at].card_name),
        )
    });
    let issuers = ISSUERS.iter().enumerate().map(|(at, issuer)| {
        let plain = with_luhn(&format!("9490{:02}000000000", at + 1));
        row(
            plain,
            "0000",
            format!("approved, {} {}", issuer.card_cd, issuer.card_name),
        )
    });
    let flags = [
        ("100", "corporate card"),
        ("010", "check card"),
        ("001", "no partial cancel"),
    ]
    .map(|(flags, what)| {
        row(
            with_luhn(&format!("949001{flags}000000")),
            "0000",
            format!("approved, {what}"),
        )
    });
    let codes = CODES
        .iter()
        .filter(|(code, ..)| *code != "0000")
        .filter_map(|(code, korean, english)| {
            Some(row(
                magic_card(99, code)?,
                code,
                format!("declined: {korean} / {english}"),
            ))
        });
    known.chain(issuers).chain(flags).chain(codes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_card_is_found_and_does_what_it_says() {
        for card in cards() {
            let found =
                find(&card.card_no).unwrap_or_else(|| panic!("{} is refused", card.card_no));
            match found.behaviour {
                Behaviour::Approve => assert_eq!(card.res_cd, "0000"),
                Behaviour::Decline(code) => assert_eq!(card.res_cd, code.as_str()),
                other => panic!("{other:?}"),
            }
        }
        let check = |family, code: &str, expected: Behaviour| {
            let card = magic_card(family, code).unwrap();
            assert_eq!(find(&card).unwrap().behaviour, expected, "{card}");
        };
        check(99, "CCAF", Behaviour::Decline(ResCd::new("CCAF")));
        check(98, "8996", Behaviour::DeclineButCharge(ResCd::new("8996")));
        check(97, "8178", Behaviour::RefuseCancel(ResCd::new("8178")));
        check(96, "S032", Behaviour::RefuseInquiry(ResCd::new("S032")));
        let flagged = find("9490031110000000").unwrap();
        assert!(flagged.corporate && flagged.check && !flagged.partial_cancel);
    }

    #[test]
    fn anything_else_is_refused() {
        for number in [
            "4111111111111112",
            "4000056655665556",
            "9490151234567890",
            "9490012220000000",
            "9490010001000000",
            "9490991060100010",
            "9490950813300000",
            "9490990000000000",
            "949099081330000",
            "94909908133000000",
            "",
            "한국카드번호",
        ] {
            assert!(find(number).is_none(), "{number}");
        }
    }

    #[test]
    fn no_more_than_six_and_four_digits_survive() {
        assert_eq!(
            find("4111111111111111").unwrap().masked.to_string(),
            "4111110000001111"
        );
        assert_eq!(
            find("4111111111111111").unwrap().masked.with('*'),
            "411111******1111"
        );
        assert_eq!(
            find("378282246310005").unwrap().masked.to_string(),
            "378282000000005"
        );
        assert_eq!(
            find("1234567800000000").unwrap().masked.to_string(),
            "1234560000000000"
        );
    }
}
