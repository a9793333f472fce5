//! Card numbers do not belong into texts that are stored and shown.

use crate::problem::{Code, Problem};

/// Refuses a text that holds what looks like a card number, with single spaces, dots or hyphens
/// between its digits or without.
pub(crate) fn no_card_number(field: &str, text: &str) -> Result<(), Problem> {
    refuse_if(holds_card_number(text, true), field)
}

/// The same for names such as order numbers, where groups of digits with hyphens are usual.
pub(crate) fn no_card_digits(field: &str, text: &str) -> Result<(), Problem> {
    refuse_if(holds_card_number(text, false), field)
}

fn refuse_if(holds: bool, field: &str) -> Result<(), Problem> {
    if !holds {
        return Ok(());
    }
    let detail = format!("{field} holds what looks like a card number");
    let rule = "must not hold a card number";
    Err(Problem::new(Code::CardNumberInText, detail)
        .field(field)
        .rule(rule))
}

/// Whether a run of digits in the text is as long as a card number, starts like one, and has a
/// right check digit. Dates, and so most order and transaction numbers, start with 1 or 20.
#[must_use]
pub fn holds_card_number(text: &str, separators: bool) -> bool {
    let bytes = text.as_bytes();
    let mut run: Vec<u8> = Vec::new();
    for (at, byte) in bytes.iter().enumerate() {
        let between = separators
            && matches!(byte, b' ' | b'-' | b'.')
            && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
        if byte.is_ascii_digit() {
            run.push(*byte);
        } else if !between || run.is_empty() {
            if is_card_number(&run) {
                return true;
            }
            run.clear();
        }
    }
    is_card_number(&run)
}

fn is_card_number(digits: &[u8]) -> bool {
    let starts_like_one = match digits {
        [b'4' | b'9', ..]
        | [b'3', b'4'..=b'8', ..]
        | [b'5', b'1'..=b'5', ..]
        | [b'6', b'0' | b'2' | b'4' | b'5', ..] => true,
        [b'2', b'2'..=b'7', ..] => digits.len() == 16,
        _ => false,
    };
    let sum: u32 = (0_u32..)
        .zip(digits.iter().rev())
        .map(|(place, digit)| {
            let value = u32::from(digit - b'0') * (1 + place % 2);
            value / 10 + value % 10
        })
        .sum();
    (13..=19).contains(&digits.len()) && starts_like_one && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_are_seen() {
        for text in [
            "4111111111111111",
            "card 4111 1111 1111 1111.",
            "4111-1111-1111-1111",
            "x378282246310005y",
        ] {
            assert!(holds_card_number(text, true), "{text}");
        }
        assert!(!holds_card_number("4111-1111-1111-1111", false));
        assert!(holds_card_number("A-4111111111111111", false));
    }

    #[test]
    fn other_numbers_are_let_through() {
        for text in [
            "4111111111111112",
            "20231019133645",
            "010-1234-5678",
            "1234567812345670",
            "",
            "411111******1111",
        ] {
            assert!(!holds_card_number(text, true), "{text}");
        }
    }
}
