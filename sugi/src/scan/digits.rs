//! What a card number looks like, in the ways that digits are written.

/// How many digits the shortest card number has.
const SHORTEST: usize = 13;
/// And the longest.
const LONGEST: usize = 19;
/// How many hexadecimal digits the shortest hash or id has.
const HASH: usize = 32;

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

impl Found {
    /// A row of at least thirteen digits.
    fn of(at: usize, row: &[u8]) -> Self {
        let text = String::from_utf8_lossy(row);
        let (first, last) = (&text[..6], &text[row.len() - 4..]);
        let masked = format!("{first}{}{last}", "*".repeat(row.len() - 10));
        Self { at, masked }
    }
}

/// Bytes read as letters: each with where it begins. Full-width digits are the digits they mean.
pub(super) struct Finder(Vec<(u8, usize)>);

impl Finder {
    /// All card numbers in a piece: of one byte a letter, and of two; with full-width digits of UTF-8, of
    /// UTF-16 and of EUC-KR.
    pub(super) fn all(bytes: &[u8]) -> Vec<Found> {
        let mut found = Self::narrow(bytes).cards();
        if Self::may_be_wide(bytes) {
            for from in 0..2 {
                for high_first in [false, true] {
                    found.extend(Self::wide(bytes, from, high_first).cards());
                }
            }
        }
        if let Some(letters) = Self::euc_kr(bytes) {
            found.extend(letters.cards());
        }
        found.sort_by_key(|one| one.at);
        found.dedup_by_key(|one| one.at);
        found
    }

    /// Card numbers whose neighbours are others' letters: where values stand one behind the other, and it is
    /// not known where one ends. A long row of hexadecimal digits is a hash, whatever is in it.
    pub(super) fn beside_others(bytes: &[u8]) -> Vec<Found> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let run = |from: usize, is: fn(&u8) -> bool| {
                let run = bytes[from..].iter().take_while(|byte| is(byte));
                run.take(HASH).count()
            };
            let digits = run(at, u8::is_ascii_digit);
            if digits == 0 {
                at += 1;
                continue;
            }
            let row = &bytes[at..at + digits];
            let before = bytes[..at].iter().rev();
            let before = before
                .take(HASH)
                .take_while(|byte| byte.is_ascii_hexdigit());
            let around = before.count() + run(at, u8::is_ascii_hexdigit);
            if around < HASH && (SHORTEST..=LONGEST).contains(&digits) && is_card(row) {
                found.push(Found::of(at, row));
            }
            at += digits;
        }
        found
    }

    /// Whether there are enough of the bytes that stand beside digits of two bytes for a card.
    fn may_be_wide(bytes: &[u8]) -> bool {
        let beside = bytes.iter().filter(|byte| matches!(byte, 0 | 0xff));
        beside.take(SHORTEST).count() == SHORTEST
    }

    fn narrow(bytes: &[u8]) -> Self {
        let mut letters = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while let Some(&first) = bytes.get(at) {
            let (letter, length) = match bytes.get(at..at + 3) {
                Some([0xef, 0xbc, digit @ 0x90..=0x99]) => (digit - 0x90 + b'0', 3),
                Some([0xef, 0xbc, 0x8d]) => (b'-', 3),
                Some([0xe3, 0x80, 0x80]) => (b' ', 3),
                // As an address writes what stands before a value.
                Some([b'%', high, low]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    (b'.', 3)
                }
                _ => (first, 1),
            };
            letters.push((letter, at));
            at += length;
        }
        Self(letters)
    }

    /// Letters of EUC-KR, if there are enough of its full-width digits for a card. Elsewhere their bytes
    /// are parts of other letters, so these are not looked for together with the narrow ones.
    fn euc_kr(bytes: &[u8]) -> Option<Self> {
        let digit = |pair: &[u8]| pair[0] == 0xa3 && (0xb0..=0xb9).contains(&pair[1]);
        let digits = bytes.windows(2).filter(|pair| digit(pair));
        digits.take(SHORTEST).nth(SHORTEST - 1)?;
        let mut letters = Vec::new();
        let mut at = 0;
        while let Some(&first) = bytes.get(at) {
            let (letter, length) = match bytes.get(at..at + 2) {
                Some([0xa3, digit @ 0xb0..=0xb9]) => (digit - 0xb0 + b'0', 2),
                Some([0xa3, 0xad]) => (b'-', 2),
                Some([0xa1, 0xa1]) => (b' ', 2),
                Some([0xa1..=0xfe, 0xa1..=0xfe]) => (b'.', 2),
                _ => (first, 1),
            };
            letters.push((letter, at));
            at += length;
        }
        Some(Self(letters))
    }

    /// Two bytes a letter, the high one zero, or a full-width digit; anything else ends a number.
    fn wide(bytes: &[u8], from: usize, high_first: bool) -> Self {
        let pairs = bytes.get(from..).unwrap_or_default().chunks_exact(2);
        let letters = pairs.enumerate().map(|(n, pair)| {
            let (low, high) = if high_first {
                (pair[1], pair[0])
            } else {
                (pair[0], pair[1])
            };
            let letter = match (low, high) {
                (letter, 0) => letter,
                (digit @ 0x10..=0x19, 0xff) => digit - 0x10 + b'0',
                _ => b'.',
            };
            (letter, from + 2 * n)
        });
        Self(letters.collect())
    }

    fn cards(&self) -> Vec<Found> {
        let letter = |at: usize| self.0.get(at).map_or(b'.', |(letter, _)| *letter);
        let mut found = Vec::new();
        let mut at = 0;
        while at < self.0.len() {
            let begins =
                letter(at).is_ascii_digit() && (at == 0 || !letter(at - 1).is_ascii_alphanumeric());
            if !begins {
                at += 1;
                continue;
            }
            let (digits, groups, end) = self.number(at);
            let last = groups.len() - 1;
            // Where each row of digits begins, counted with the signs between them, and how many they are.
            let mut rows = Vec::new();
            if is_grouped_like_a_card(&groups) {
                rows.push((0, 0, digits.len(), true));
            } else {
                // Other numbers may stand beside a card; each by itself is looked at.
                let mut from = 0;
                for (n, length) in groups.iter().enumerate() {
                    rows.push((from + n, from, *length, n == last));
                    from += length;
                }
            }
            for (begin, from, length, is_last) in rows {
                let row = &digits[from..from + length];
                if is_last && letter(end).is_ascii_alphanumeric() || !is_card(row) {
                    continue;
                }
                found.push(Found::of(self.0[at + begin].1, row));
            }
            at = end.max(at + 1);
        }
        found
    }

    /// The digits from here on, with at most one space or dash between two of them; how many stand
    /// together; and where they end.
    fn number(&self, from: usize) -> (Vec<u8>, Vec<usize>, usize) {
        let letter = |at: usize| self.0.get(at).map_or(b'.', |(letter, _)| *letter);
        let (mut digits, mut groups, mut at) = (Vec::new(), vec![0], from);
        loop {
            if letter(at).is_ascii_digit() {
                digits.push(letter(at));
                if let Some(group) = groups.last_mut() {
                    *group += 1;
                }
                at += 1;
            } else if matches!(letter(at), b' ' | b'-') && letter(at + 1).is_ascii_digit() {
                groups.push(0);
                at += 1;
            } else {
                return (digits, groups, at);
            }
        }
    }
}

/// Without a gap, or with gaps where cards have them. Dates and phone numbers in a row have others.
fn is_grouped_like_a_card(groups: &[usize]) -> bool {
    matches!(
        groups,
        [13..=19] | [4, 4, 4, 4] | [4, 6, 4 | 5] | [4, 4, 4, 4, 1..=3]
    )
}

/// Whether a brand has numbers of this length that begin so, and the check digit is right.
fn is_card(digits: &[u8]) -> bool {
    let begins = |count: usize| {
        let first = digits.iter().take(count);
        first.fold(0_u32, |sum, digit| sum * 10 + u32::from(digit - b'0'))
    };
    let lengths = match (begins(1), begins(2), begins(3), begins(4)) {
        (4, ..) => 13..=19,
        (_, 51..=55, ..) | (.., 2_221..=2_720) => 16..=16,
        (_, 34 | 37, ..) => 15..=15,
        (_, 36 | 38 | 39, ..) | (_, _, 300..=305, _) => 14..=19,
        (.., 3_528..=3_589) | (_, 60 | 62 | 64 | 65 | 81, ..) => 16..=19,
        // Korean cards that are good in Korea only.
        (9, ..) => 16..=16,
        _ => return false,
    };
    lengths.contains(&digits.len()) && luhn(digits)
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let value = u32::from(digit - b'0');
            match (at % 2, value) {
                (0, value) => value,
                (_, 0..=4) => value * 2,
                (_, value) => value * 2 - 9,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        Finder::all(text.as_bytes()).len()
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
                assert!(!Finder::all(&bytes).is_empty(), "{n} behind {before:?}");
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
