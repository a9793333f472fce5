//! Card numbers in bytes, in the ways that digits are written: what one looks like says
//! [`nhn_kcp::pan`], as to whoever refuses texts.

use nhn_kcp::pan::{self, Reader, Rule, SHORTEST, Sign};

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Card,
    Canary,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Card => "card number",
            Self::Canary => "canary",
        }
    }
}

/// A card number in a piece of bytes.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) at: usize,
    pub(super) masked: String,
}

impl From<pan::Seen> for Found {
    fn from(seen: pan::Seen) -> Self {
        Self {
            at: seen.at.start,
            masked: seen.masked,
        }
    }
}

/// All card numbers in a piece: of one byte an email, and of two; with full-width digits of UTF-8, of
/// UTF-16 and of EUC-KR.
pub(super) fn all(bytes: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    let take = &mut |seen: pan::Seen| found.push(Found::from(seen));
    pan::find(bytes, take);
    if may_be_wide(bytes) {
        for from in 0..2 {
            for high_first in [false, true] {
                wide(bytes, from, high_first, take);
            }
        }
    }
    euc_kr(bytes, take);
    found.sort_by_key(|one| one.at);
    found.dedup_by_key(|one| one.at);
    found
}

/// Card numbers whose neighbours are others' emails: where values stand one behind the other, and it is
/// not known where one ends. A long row of hexadecimal digits is a hash, no matter what is in it.
pub(super) fn beside_others(bytes: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let row = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit());
        let row = at..at + row.count();
        if pan::is_card_number(&bytes[row.clone()]) && !pan::is_in_hash(bytes, &row) {
            found.push(Found {
                at,
                masked: pan::masked(&bytes[row.clone()]),
            });
        }
        at = row.end.max(at + 1);
    }
    found
}

/// Card numbers in what was encoded whole: in base64 of either alphabet, over the ends of lines as mails have
/// it, and in hexadecimal digits. Where a row of such emails begins is not known, so each place is tried.
pub(super) fn coded(bytes: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    rows(bytes, base64, SHORTEST.div_ceil(3) * 4 - 2, |row| {
        for from in 0..4 {
            decoded(row, from, 6, &mut found);
        }
    });
    rows(bytes, hexadecimal, SHORTEST * 2, |row| {
        for from in 0..2 {
            decoded(row, from, 4, &mut found);
        }
    });
    found.sort_by_key(|one| one.at);
    found.dedup_by_key(|one| one.at);
    found
}

fn base64(email_message: u8) -> Option<u8> {
    Some(match email_message {
        b'A'..=b'Z' => email_message - b'A',
        b'a'..=b'z' => email_message - b'a' + 26,
        b'0'..=b'9' => email_message - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

fn hexadecimal(email_message: u8) -> Option<u8> {
    u8::try_from(char::from(email_message).to_digit(16)?).ok()
}

/// Gives away each row of emails with a value that is long enough, with where each stands. The end of a
/// line does not end it.
fn rows(
    bytes: &[u8],
    value: fn(u8) -> Option<u8>,
    shortest: usize,
    mut take: impl FnMut(&[(usize, u8)]),
) {
    let mut row = Vec::new();
    for (at, &email_message) in bytes.iter().enumerate() {
        match value(email_message) {
            Some(value) => row.push((at, value)),
            None if matches!(email_message, b'\r' | b'\n') && !row.is_empty() => {}
            None => {
                if row.len() >= shortest {
                    take(&row);
                }
                row.clear();
            }
        }
    }
    if row.len() >= shortest {
        take(&row);
    }
}

/// Looks through a row of emails of so many bits each, from one of them on.
fn decoded(row: &[(usize, u8)], from: usize, bits: usize, found: &mut Vec<Found>) {
    let Some(row) = row.get(from..) else { return };
    let mut bytes = Vec::with_capacity(row.len() * bits / 8);
    let (mut held, mut count) = (0_u32, 0);
    for (_, value) in row {
        held = held << bits | u32::from(*value);
        count += bits;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(held >> count & 0xff).unwrap_or_default());
        }
    }
    // Four digits stand together in every card number: most rows have none.
    let has_digits = bytes
        .windows(4)
        .any(|four| four.iter().all(u8::is_ascii_digit));
    if has_digits {
        pan::find(&bytes, &mut |seen| {
            // The letter in which it begins is the same wherever the row was begun.
            let at = row.get(seen.at.start * 8 / bits).map_or(0, |(at, _)| *at);
            found.push(Found {
                at,
                masked: seen.masked,
            });
        });
    }
}

/// Whether there are enough of the bytes that stand beside digits of two bytes for a card.
fn may_be_wide(bytes: &[u8]) -> bool {
    let beside = bytes.iter().filter(|byte| matches!(byte, 0 | 0xff));
    beside.take(SHORTEST).count() == SHORTEST
}

/// Two bytes an email. A number begins with an ASCII digit or one of full width; where none goes on, the
/// next is looked for quickly.
fn wide(bytes: &[u8], from: usize, high_first: bool, take: &mut dyn FnMut(pan::Seen)) {
    let pairs = bytes.get(from..).unwrap_or_default().as_chunks::<2>().0;
    let (low, high) = if high_first { (1, 0) } else { (0, 1) };
    let digit = |pair: &[u8; 2]| match (pair[low], pair[high]) {
        (digit @ b'0'..=b'9', 0) => Some(digit),
        (digit @ 0x10..=0x19, 0xff) => Some(digit - 0x10 + b'0'),
        _ => None,
    };
    let sign = |pair: &[u8; 2]| {
        let unit = u32::from(pair[high]) << 8 | u32::from(pair[low]);
        pan::sign_of_stored(char::from_u32(unit))
    };
    let place = |n: usize| from + 2 * n..from + 2 * n + 2;
    let mut reader = Reader::new(Rule::Stored);
    let mut n = 0;
    while n < pairs.len() {
        if reader.is_idle() {
            let next = pairs[n..].iter().position(|pair| digit(pair).is_some());
            let Some(next) = next else { break };
            n += next;
            // A letter beside it makes another thing of it.
            if let Some(before) = n.checked_sub(1) {
                reader.read(sign(&pairs[before]), place(before), take);
            }
        }
        let sign = digit(&pairs[n]).map_or_else(|| sign(&pairs[n]), Sign::Digit);
        reader.read(sign, place(n), take);
        n += 1;
    }
    reader.end(place(n).start, take);
}

/// Letters of EUC-KR, if there are enough of its full-width digits for a card. Elsewhere their bytes are
/// parts of other emails, so these are not looked for together with the narrow ones.
fn euc_kr(bytes: &[u8], take: &mut dyn FnMut(pan::Seen)) {
    let digit = |pair: &[u8]| pair[0] == 0xa3 && (0xb0..=0xb9).contains(&pair[1]);
    let digits = bytes.windows(2).filter(|pair| digit(pair));
    if digits.take(SHORTEST).count() < SHORTEST {
        return;
    }
    let mut reader = Reader::new(Rule::Stored);
    let mut at = 0;
    while let Some(&first) = bytes.get(at) {
        let (sign, length) = match bytes.get(at..at + 2) {
            Some([0xa3, digit @ 0xb0..=0xb9]) => (Sign::Digit(digit - 0xb0 + b'0'), 2),
            // Its rows of punctuation.
            Some([0xa1 | 0xa3, 0xa1..=0xaf]) => (Sign::Between, 2),
            Some([0xa1..=0xfe, 0xa1..=0xfe]) => (Sign::Other, 2),
            _ => (pan::sign_of_stored(Some(char::from(first))), 1),
        };
        reader.read(sign, at..at + length, take);
        at += length;
    }
    reader.end(at, take);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        all(text.as_bytes()).len()
    }

    #[test]
    fn cards_of_every_brand_and_writing() {
        for card in [
            "4111111111111111",
            "5555555555554444",
            "2221000000000009",
            "378282246310005",
            "3782 822463 10005",
            "36227206271667",
            "3566002020360505",
            "6200000000000005",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "\"4111111111111111\"",
            "card=4111111111111111&x",
            "card%3D4111111111111111",
            "at 2026 4111111111111111 2030-12",
            "４１１１　１１１１　１１１１　１１１１",
        ] {
            assert_eq!(found(card), 1, "{card}");
        }
        for gap in [
            ".",
            "  ",
            "\t",
            "\n",
            "\u{a0}",
            "–",
            "/",
            "_",
            "+",
            ", ",
            "%20",
            "\\u0020",
            "&nbsp;",
            "</td><td>",
        ] {
            let card = ["4111", "1111", "1111", "1111"].join(gap);
            assert_eq!(found(&card), 1, "{card}");
            assert_eq!(found(&format!("12 {card} 2030-12")), 1, "{card}");
        }
    }

    #[test]
    fn cards_in_every_encoding() {
        let wide = "４１１１１１１１１１１１１１１１";
        let euc_kr: Vec<u8> = wide
            .chars()
            .flat_map(|digit| {
                [
                    0xa3,
                    u8::try_from(u32::from(digit) - 0xff10 + 0xb0).unwrap(),
                ]
            })
            .collect();
        let both = |text: &str| {
            let units: Vec<u16> = text.encode_utf16().collect();
            let low = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
            let high = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
            [low, high]
        };
        let mut texts: Vec<Vec<u8>> = vec![euc_kr, wide.as_bytes().to_vec()];
        texts.extend(both(wide));
        texts.extend(both("4111111111111111"));
        for (n, text) in texts.iter().enumerate() {
            // Whatever stands before it, and at an odd place as well.
            for before in ["", ".", "카드 "] {
                let bytes = [before.as_bytes(), text, b"."].concat();
                assert!(!all(&bytes).is_empty(), "{n} behind {before:?}");
            }
        }
    }

    #[test]
    fn what_only_looks_like_one() {
        for text in [
            "4111111111111112",
            "a4111111111111111",
            "4111111111111111a",
            "41111111111111110000000",
            "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
            "411111******1111",
            "1764000000000000",
            "010-4111-1111",
            "2026-11-26 12-00-00",
        ] {
            assert_eq!(found(text), 0, "{text}");
        }
    }
}
