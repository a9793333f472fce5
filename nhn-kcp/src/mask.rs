//! The part of a card number that may be kept, and the search for numbers that slipped through.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Field, Invalid, Rule};

/// A card number reduced to its first six digits, last four, and length. Safe to store and show.
///
/// Written with one star for every hidden digit: `411111******1111`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MaskedCard {
    first6: [u8; 6],
    last4: [u8; 4],
    length: u8,
}

impl MaskedCard {
    /// Reads the masked form, such as `411111******1111`.
    ///
    /// # Errors
    ///
    /// [`Rule::Form`] for anything else; so an unmasked number is refused as well.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let hidden = text
            .as_bytes()
            .get(6..text.len().saturating_sub(4))
            .unwrap_or_default();
        Self::ends(text.as_bytes())
            .filter(|_| hidden.iter().all(|b| *b == b'*'))
            .ok_or(Invalid::new(
                FIELD,
                Rule::Form("411111******1111"),
                "keep six and four digits",
            ))
    }

    /// Reduces what KCP answers as `card_no`, whichever digits KCP hid and however: with zeros (seen
    /// in logs), with stars, or the third group of four (as the guide says). Nothing but the ends is
    /// kept. `None` when the ends are not digits or the length is not a card's.
    #[must_use]
    pub fn from_kcp(text: &str) -> Option<Self> {
        let signs: Vec<u8> = text.bytes().filter(|b| !matches!(b, b'-' | b' ')).collect();
        Self::ends(&signs)
    }

    /// The first six digits: which company issued the card.
    #[must_use]
    pub fn first6(&self) -> &str {
        std::str::from_utf8(&self.first6).unwrap_or_default()
    }

    /// The last four digits.
    #[must_use]
    pub fn last4(&self) -> &str {
        std::str::from_utf8(&self.last4).unwrap_or_default()
    }

    /// How many digits the whole number has.
    #[must_use]
    pub fn length(&self) -> usize {
        usize::from(self.length)
    }

    /// Of a parsed card number's digits, which are known to be 13 to 16.
    pub(crate) fn of_digits(digits: &[u8]) -> Self {
        Self::ends(digits).unwrap_or(Self {
            first6: [b'0'; 6],
            last4: [b'0'; 4],
            length: 16,
        })
    }

    fn ends(signs: &[u8]) -> Option<Self> {
        let length = u8::try_from(signs.len())
            .ok()
            .filter(|length| (13..=16).contains(length))?;
        let first6: [u8; 6] = *signs.first_chunk()?;
        let last4: [u8; 4] = *signs.last_chunk()?;
        let digits = first6.iter().chain(&last4).all(u8::is_ascii_digit);
        digits.then_some(Self {
            first6,
            last4,
            length,
        })
    }
}

impl fmt::Display for MaskedCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.first6())?;
        (10..self.length).try_for_each(|_| f.write_str("*"))?;
        f.write_str(self.last4())
    }
}

impl std::str::FromStr for MaskedCard {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

impl TryFrom<String> for MaskedCard {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}

impl From<MaskedCard> for String {
    fn from(card: MaskedCard) -> Self {
        card.to_string()
    }
}

const FIELD: Field = Field::new("masked card number", "card_no");

/// Whether the last digit is the check digit of the others.
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let value = u32::from(digit.wrapping_sub(b'0'));
            if place % 2 == 1 {
                value * 2 / 10 + value * 2 % 10
            } else {
                value
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Puts stars over the middle of everything in a text that looks like a whole card number: a run of
/// 13 to 19 digits, single spaces or hyphens between them allowed, with a right check digit.
///
/// Fourteen digits that start with 2 stay: those are KCP's transaction numbers and times (`tno`,
/// `van_apptime`), one in ten of which has a right check digit by chance, and no card is like that.
#[cfg_attr(not(feature = "client"), allow(dead_code))]
pub(crate) fn hide_card_numbers(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for separators in [false, true] {
        let mut at = 0;
        while at < bytes.len() {
            if bytes[at].is_ascii_digit() {
                let places = run_of_digits(&bytes, at, separators);
                at = places.last().map_or(at, |last| *last);
                hide_if_card(&mut bytes, &places);
            }
            at += 1;
        }
    }
    // Only ASCII digits became ASCII stars.
    String::from_utf8(bytes).unwrap_or_default()
}

fn hide_if_card(bytes: &mut [u8], places: &[usize]) {
    let digits: Vec<u8> = places.iter().map(|place| bytes[*place]).collect();
    let of_kcp = digits.len() == 14 && digits[0] == b'2';
    if (13..=19).contains(&digits.len()) && luhn(&digits) && !of_kcp {
        for place in &places[6..places.len() - 4] {
            bytes[*place] = b'*';
        }
    }
}

/// The places of the digits of the run that starts at `start`. With `separators`, one space or hyphen
/// may stand between two digits.
fn run_of_digits(bytes: &[u8], start: usize, separators: bool) -> Vec<usize> {
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut places = vec![start];
    let mut at = start;
    loop {
        if digit(at + 1) {
            at += 1;
        } else if separators && matches!(bytes.get(at + 1), Some(b' ' | b'-')) && digit(at + 2) {
            at += 2;
        } else {
            return places;
        }
        places.push(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kcp_masks_are_reduced_however_written() {
        for kcp in [
            "411111000000 1111",
            "4111-1111-****-1111",
            "411111******1111",
            "4111 11XX XXXX 1111",
            "4111111111111111",
        ] {
            assert_eq!(
                MaskedCard::from_kcp(kcp).unwrap().to_string(),
                "411111******1111",
                "{kcp}"
            );
        }
        for bad in [
            "",
            "****",
            "************1111",
            "4111111111111",
            "41111100000011112",
        ] {
            let read = MaskedCard::from_kcp(bad);
            assert!(read.is_none() || bad.len() == 13, "{bad}");
        }
    }

    #[test]
    fn only_masked_text_is_read_back() {
        let masked = MaskedCard::parse("378282*****0005").unwrap();
        assert_eq!(
            (masked.first6(), masked.last4(), masked.length()),
            ("378282", "0005", 15)
        );
        assert_eq!(masked.to_string(), "378282*****0005");
        for bad in [
            "",
            "4111111111111111",
            "411111******111",
            "411111*******11111",
            "41111******1111a",
            "가나다라마바",
        ] {
            assert!(MaskedCard::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_that_slipped_through_are_hidden() {
        assert_eq!(
            hide_card_numbers("x 4111111111111111 y"),
            "x 411111******1111 y"
        );
        assert_eq!(
            hide_card_numbers("4111-1111-1111-1111"),
            "4111-11**-****-1111"
        );
        assert_eq!(
            hide_card_numbers("카드 4111 1111 1111 1111 승인"),
            "카드 4111 11** **** 1111 승인"
        );
        assert_eq!(hide_card_numbers("4111111111111112"), "4111111111111112");
        // 14 digits starting with 2 whose check digit is right: a time, not a card.
        assert!(luhn(b"20231019133609"));
        assert_eq!(hide_card_numbers("20231019133609"), "20231019133609");
        assert_eq!(
            hide_card_numbers("123 4111111111111111 9"),
            "123 411111******1111 9"
        );
        assert_eq!(hide_card_numbers(""), "");
    }
}
