//! What looks like a card number: one definition, for whoever refuses texts that hold one and for
//! whoever looks for them in what is stored.
//!
//! A card number is 13 to 19 digits that begin like a brand's and have a right check digit. Digits are
//! those of every script, full width as well. Up to three signs that are neither letter nor digit may
//! stand between two of them, as they are or as addresses, JSON and HTML write them. How many digits
//! stand together matters where other numbers are usual: see [`Rule`].
//!
//! Nothing here undoes what was encoded whole (base64, hexadecimal) or hidden on purpose.

mod written;

use std::{borrow::Cow, ops::Range};

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};
use zeroize::Zeroizing;

/// How many digits the shortest card number has.
pub const SHORTEST: usize = 13;
/// And the longest.
pub const LONGEST: usize = 19;
/// How many signs may stand between two digits.
pub const GAP: usize = 3;
/// And how many bytes those may be: a tag is one sign.
const GAP_BYTES: usize = 200;
/// The most bytes that a number takes with whatever [`find`] has to see beside it: nineteen digits of
/// nine bytes (`%EF%BC%91`) and four gaps.
pub const SPAN: usize = 1_024;
/// How many hexadecimal digits the shortest hash or id has.
const HASH: usize = 32;

/// What has to be true of digits before they are taken for a card's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// A free text, to be refused: however many digits stand together, no matter what letters stand beside.
    Text,
    /// A name, such as an order number, a key or an address, to be refused: digits without a gap or in
    /// groups as cards have them. Of random UUIDs one in a thousand would read as a card with gaps
    /// anywhere.
    Name,
    /// Stored bytes, to be looked through: as in a name, and with no ASCII letter beside, because
    /// stored are many ids and hashes. Order numbers are refused by this rule, so that none is found where
    /// it is stored, and by [`repeats`]: the card that pays is at hand, and its digits are never a serial.
    /// A shop's serials are many, and of those that begin like a brand's card one in ten has its check
    /// digit by chance, so nothing more is refused of them than what stands there alone as a card's.
    Stored,
}

/// A card number that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Where it stands, in bytes.
    pub at: Range<usize>,
    /// Its first six and last four digits, the others as stars.
    pub masked: String,
    /// Whether nothing stands between its digits.
    in_one: bool,
}

/// Whether a text that someone gave holds what looks like a card number. [`Rule::Text`] refuses all
/// that [`Rule::Name`] does, and both all that [`find`] would find in it once it is stored.
#[must_use]
pub fn holds(text: &str, rule: Rule) -> bool {
    first(text, rule).is_some()
}

/// The last four digits of the first card number that such a text holds.
#[must_use]
pub fn last_four(text: &str, rule: Rule) -> Option<String> {
    let masked = first(text, rule)?.masked;
    masked.get(masked.len() - 4..).map(str::to_owned)
}

/// Whether a text repeats the digits of one certain card, no matter what stands between them. `card` is ASCII
/// digits, as [`CardNumber`](crate::CardNumber) takes them.
///
/// ```
/// use nhn_kcp::pan::repeats;
/// assert!(repeats("no. 4111-1111/1111_1111", "4111111111111111"));
/// assert!(!repeats("4242424242424242", "4111111111111111"));
/// ```
#[must_use]
pub fn repeats(text: &str, card: &str) -> bool {
    let digits: Zeroizing<String> =
        Zeroizing::new(text.chars().filter_map(digit).map(char::from).collect());
    card.len() >= SHORTEST && digits.contains(card)
}

/// A text that others quoted, with every card number in it masked: for errors and logs, which repeat what
/// was given. A text without any is returned as it is.
#[must_use]
pub fn hidden(text: &str, rule: Rule) -> Cow<'_, str> {
    let mut all = Vec::new();
    each(text, rule, &mut |seen| all.push(seen));
    if all.is_empty() {
        return Cow::Borrowed(text);
    }
    // Of numbers that overlap, the longest from the first place stands for all.
    all.sort_by_key(|seen| (seen.at.start, std::cmp::Reverse(seen.at.end)));
    let mut safe = String::with_capacity(text.len());
    let mut done = 0;
    for seen in all {
        if seen.at.start >= done {
            safe.push_str(&text[done..seen.at.start]);
            safe.push_str(&seen.masked);
        }
        done = done.max(seen.at.end);
    }
    safe.push_str(&text[done..]);
    Cow::Owned(safe)
}

fn first(text: &str, rule: Rule) -> Option<Seen> {
    let mut first = None;
    each(text, rule, &mut |seen| {
        first.get_or_insert(seen);
    });
    first
}

fn each(text: &str, rule: Rule, take: &mut dyn FnMut(Seen)) {
    let mut take = |seen: Seen| {
        if !(seen.in_one && is_in_hash(text.as_bytes(), &seen.at)) {
            take(seen);
        }
    };
    let mut plain = Reader::new(rule);
    for (at, letter) in text.char_indices() {
        plain.read(Sign::of(letter), at..at + letter.len_utf8(), &mut take);
    }
    plain.end(text.len(), &mut take);
    written::read(text.as_bytes(), &mut Reader::new(rule), &mut take);
}

/// The card numbers in stored bytes of one byte a letter or of UTF-8, after [`Rule::Stored`].
pub fn find(bytes: &[u8], take: &mut dyn FnMut(Seen)) {
    written::read(bytes, &mut Reader::new(Rule::Stored), take);
}

/// Whether a row of digits is part of a longer one of hexadecimal digits, as hashes and ids are.
#[must_use]
pub fn is_in_hash(bytes: &[u8], row: &Range<usize>) -> bool {
    let hexadecimal = |byte: &&u8| byte.is_ascii_hexdigit();
    let before = bytes[..row.start].iter().rev().take(HASH);
    let after = bytes[row.end..].iter().take(HASH);
    let beside = before.take_while(hexadecimal).count() + after.take_while(hexadecimal).count();
    beside > 0 && beside + row.len() >= HASH
}

/// What a letter of any script is as an ASCII digit. The digits of each script stand together and in their
/// order: Unicode promises it, so the way back to the first that stands with them counts them.
#[must_use]
pub fn digit(letter: char) -> Option<u8> {
    let decimal = |letter: char| letter.general_category() == GeneralCategory::DecimalNumber;
    if letter.is_ascii() {
        let byte = u8::try_from(letter).ok();
        return byte.filter(u8::is_ascii_digit);
    }
    // The standard library is quick to tell most letters apart from numbers.
    if !letter.is_numeric() || !decimal(letter) {
        return None;
    }
    let before = (0..u32::from(letter)).rev().map_while(char::from_u32);
    let before = before.take_while(|other| decimal(*other)).count();
    u8::try_from(before % 10).ok().map(|digit| b'0' + digit)
}

/// Whether a brand has numbers of this length that begin so, and the check digit is right. The digits
/// are ASCII's.
#[must_use]
pub fn is_card_number(digits: &[u8]) -> bool {
    let begins = |count: usize| {
        let first = digits.iter().take(count);
        first.fold(0_u32, |sum, digit| sum * 10 + u32::from(digit - b'0'))
    };
    let lengths = match (begins(1), begins(2), begins(3), begins(4)) {
        (4, ..) => SHORTEST..=LONGEST,
        (_, 51..=55, ..) => 16..=16,
        (.., 2_221..=2_720) if !is_moment(digits) => 16..=16,
        (_, 34 | 37, ..) => 15..=15,
        (_, 36 | 38 | 39, ..) | (_, _, 300..=305, _) => 14..=LONGEST,
        (.., 3_528..=3_589) | (_, 60 | 62 | 64 | 65 | 81, ..) => 16..=LONGEST,
        // Korean cards that are good in Korea only.
        (9, ..) => 16..=16,
        _ => return false,
    };
    lengths.contains(&digits.len()) && crate::mask::luhn(digits)
}

/// Whether digits begin with year, month, day, hour, minute and second, of two digits each: many order
/// numbers do, and of Mastercard's numbers that begin with 2 only one in three hundred.
fn is_moment(digits: &[u8]) -> bool {
    let part = |n: usize| (digits[2 * n] - b'0') * 10 + digits[2 * n + 1] - b'0';
    digits.len() >= 12
        && (1..=12).contains(&part(1))
        && (1..=31).contains(&part(2))
        && part(3) < 24
        && part(4) < 60
        && part(5) < 60
}

/// Whether sixteen digits begin with year, month and day, of two digits each, as serials of Korean shops do:
/// `2611300000001234`. Of Mastercard's numbers that begin with 2, which are few, one in twenty-seven does.
fn begins_with_a_day(digits: &[u8]) -> bool {
    let part = |n: usize| (digits[2 * n] - b'0') * 10 + digits[2 * n + 1] - b'0';
    digits.len() == 16
        && digits[0] == b'2'
        && (1..=12).contains(&part(1))
        && (1..=31).contains(&part(2))
}

/// What a sign is to a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// A digit, as ASCII's.
    Digit(u8),
    /// What may stand between digits.
    Between,
    /// An ASCII letter: ends a number, and may mean that it is none.
    Letter,
    /// What ends a number: a letter of another script, or no letter at all.
    Other,
}

impl Sign {
    /// What a letter is.
    #[must_use]
    pub fn of(letter: char) -> Self {
        match digit(letter) {
            Some(digit) => Self::Digit(digit),
            None if letter.is_ascii_alphabetic() => Self::Letter,
            None if letter.is_alphanumeric() => Self::Other,
            None => Self::Between,
        }
    }
}

/// What a stored letter is, or none: bytes that mean no letter to anybody end a number.
#[must_use]
pub fn sign_of_stored(letter: Option<char>) -> Sign {
    let letter = letter.filter(|letter| !letter.is_control() || letter.is_whitespace());
    letter.map_or(Sign::Other, Sign::of)
}

/// Digits that stand together.
#[derive(Debug, Clone)]
struct Group {
    at: Range<usize>,
    /// Where in the reader's digits they begin.
    from: usize,
    length: usize,
    /// Whether an ASCII letter stands before it.
    glued: bool,
}

/// Reads signs one after another and tells of each card number among them.
#[derive(Debug)]
pub struct Reader {
    rule: Rule,
    /// The digits of the groups; of one that is too long, the first few.
    digits: Vec<u8>,
    groups: Vec<Group>,
    /// What came last.
    last: Sign,
    /// How many signs stand behind the last group.
    gap: usize,
}

impl Reader {
    /// Reads after a rule.
    #[must_use]
    pub fn new(rule: Rule) -> Self {
        Self {
            rule,
            digits: Vec::new(),
            groups: Vec::new(),
            last: Sign::Other,
            gap: 0,
        }
    }

    /// Takes the next sign, and where it stands.
    #[inline]
    pub fn read(&mut self, sign: Sign, at: Range<usize>, take: &mut dyn FnMut(Seen)) {
        if let Sign::Digit(digit) = sign {
            self.digit(digit, at);
        } else if !self.is_idle() {
            if matches!(self.last, Sign::Digit(_)) {
                self.close(sign == Sign::Letter, take);
            }
            self.gap += 1;
            let is_far = self.gap > GAP
                || (self.groups.last()).is_some_and(|last| at.end - last.at.end > GAP_BYTES);
            if sign != Sign::Between || is_far {
                self.forget();
            }
        }
        self.last = sign;
    }

    /// There are no more signs.
    pub fn end(mut self, at: usize, take: &mut dyn FnMut(Seen)) {
        self.read(Sign::Other, at..at, take);
    }

    /// Whether nothing that was read matters to what comes, but the sign right before it.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.groups.is_empty()
    }

    fn digit(&mut self, digit: u8, at: Range<usize>) {
        match self.groups.last_mut() {
            Some(group) if matches!(self.last, Sign::Digit(_)) => {
                group.at.end = at.end;
                group.length += 1;
                if group.length > LONGEST {
                    return;
                }
            }
            _ => self.groups.push(Group {
                at,
                from: self.digits.len(),
                length: 1,
                glued: self.last == Sign::Letter,
            }),
        }
        self.digits.push(digit);
        self.gap = 0;
    }

    /// A group is over: whatever ends with it is looked at.
    fn close(&mut self, glued: bool, take: &mut dyn FnMut(Seen)) {
        let mut length = 0;
        for first in (0..self.groups.len()).rev() {
            let groups = &self.groups[first..];
            length += groups[0].length;
            if length > LONGEST {
                // No number goes on from there.
                self.drop_before(first + 1);
                return;
            }
            let row = &self.digits[groups[0].from..];
            let is_alone = !glued && !groups[0].glued;
            let fits = match self.rule {
                Rule::Text => true,
                Rule::Name => is_grouped_like_a_card(groups, row),
                Rule::Stored => is_alone && is_grouped_like_a_card(groups, row),
            };
            // Of a name, the day is the likelier reading of what may be either.
            let is_serial = self.rule != Rule::Text && begins_with_a_day(row);
            if length >= SHORTEST && fits && !is_serial && is_card_number(row) {
                let end = groups.last().map_or(0, |last| last.at.end);
                take(Seen {
                    at: groups[0].at.start..end,
                    masked: masked(row),
                    in_one: groups.len() == 1,
                });
            }
        }
    }

    fn drop_before(&mut self, first: usize) {
        let from = self
            .groups
            .get(first)
            .map_or(self.digits.len(), |one| one.from);
        self.groups.drain(..first);
        self.digits.drain(..from);
        for group in &mut self.groups {
            group.from -= from;
        }
    }

    fn forget(&mut self) {
        self.digits.clear();
        self.groups.clear();
        self.gap = 0;
    }
}

/// Without a gap, or with gaps where cards have them. Dates and phone numbers in a row have others.
fn is_grouped_like_a_card(groups: &[Group], digits: &[u8]) -> bool {
    let length = |n: usize| groups.get(n).map_or(0, |group| group.length);
    match groups.len() {
        1 => true,
        // American Express and Diners.
        3 => digits[0] == b'3' && length(0) == 4 && length(1) == 6 && matches!(length(2), 4 | 5),
        4 | 5 => (0..4).all(|n| length(n) == 4) && length(4) < 4,
        _ => false,
    }
}

/// A number's first six and last four digits, the others as stars.
#[must_use]
pub fn masked(digits: &[u8]) -> String {
    let hidden = 6..digits.len().saturating_sub(4);
    let letter = |(at, digit): (usize, &u8)| {
        if hidden.contains(&at) {
            '*'
        } else {
            char::from(*digit)
        }
    };
    digits.iter().enumerate().map(letter).collect()
}

#[cfg(test)]
mod tests;
