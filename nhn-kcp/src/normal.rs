//! The one form of a text: what looks the same is the same.
//!
//! A Korean name typed on one machine is composed (NFC) and on another in its letters (NFD); what is pasted
//! brings letters that no one sees, and marks that turn the direction of what follows. Names, goods, reasons
//! and numbers are brought into this form where they are read, and so is what is searched for: so one is found
//! by the other, and nothing reads other than it is.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

/// A text in its one form: composed (NFC), without letters that no one sees and without marks of direction.
///
/// ```
/// use nhn_kcp::normal;
/// assert_eq!(normal::text("\u{1112}\u{1169}\u{11bc}"), "홍");
/// assert_eq!(normal::text("A\u{200b}-1\u{202e}"), "A-1");
/// ```
#[must_use]
pub fn text(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let seen = seen(text);
    if is_nfc_quick(seen.chars()) == IsNormalized::Yes {
        seen
    } else {
        Cow::Owned(seen.nfc().collect())
    }
}

/// The digits of a phone number as they are dialled in Korea, no matter what stands between them: with `0` for
/// the country's `+82`.
///
/// ```
/// use nhn_kcp::normal;
/// assert_eq!(normal::phone_digits("+82 10-1234-5678"), "01012345678");
/// assert_eq!(normal::phone_digits("02)000-3333"), "020003333");
/// ```
#[must_use]
pub fn phone_digits(phone: &str) -> String {
    let signs: String = phone
        .chars()
        .filter(|sign| sign.is_ascii_digit() || *sign == '+')
        .collect();
    match signs.strip_prefix("+82") {
        Some(rest) => format!("0{}", rest.trim_start_matches('0')),
        None => signs.replace('+', ""),
    }
}

/// A text without what no one sees in it.
fn seen(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unseen) {
        return Cow::Borrowed(text);
    }
    let letters: Vec<char> = text.chars().collect();
    let mut seen = String::with_capacity(text.len());
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        if !is_unseen(*letter) || joins_pictures(*letter, before, letters.get(at + 1)) {
            seen.push(*letter);
        }
    }
    Cow::Owned(seen)
}

/// Letters without a shape, and marks that turn the direction of others.
fn is_unseen(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Whether an unseen letter makes one picture of two, or a picture of a sign, which is seen.
fn joins_pictures(letter: char, before: Option<&char>, after: Option<&char>) -> bool {
    let is_picture = |one: Option<&char>| {
        one.is_some_and(
            |one| matches!(one, '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}' | '\u{fe0f}'),
        )
    };
    match letter {
        '\u{fe0e}' | '\u{fe0f}' => is_picture(before),
        '\u{200d}' => is_picture(before) && is_picture(after),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_the_same_is_the_same() {
        for (typed, is) in [
            ("홍길동", "홍길동"),
            // As a Mac writes it into a file's name.
            (
                "\u{1112}\u{1169}\u{11bc}\u{1100}\u{1175}\u{11af}\u{1103}\u{1169}\u{11bc}",
                "홍길동",
            ),
            ("Jose\u{301}", "Jos\u{e9}"),
            ("홍\u{200b}길\u{ad}동\u{feff}", "홍길동"),
            ("\u{202e}홍길동\u{202c}", "홍길동"),
            ("\u{2066}A-1\u{2069}\u{200f}", "A-1"),
            ("\u{3164}", ""),
            ("a\u{2060}b\u{e0041}", "ab"),
            // A letter that hid between two parts of one.
            ("e\u{200b}\u{301}", "\u{e9}"),
            // Pictures stay what they are.
            ("👩\u{200d}👧 ❤\u{fe0f}", "👩\u{200d}👧 ❤\u{fe0f}"),
            ("A\u{200d}B\u{fe0f}", "AB"),
        ] {
            assert_eq!(text(typed), is, "{typed:?}");
            assert_eq!(text(is), is, "once is enough");
        }
        assert!(matches!(text("plain"), Cow::Borrowed(_)));
        assert!(matches!(text("홍길동"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_phone_is_its_digits_as_they_are_dialled() {
        for (typed, digits) in [
            ("010-1234-5678", "01012345678"),
            ("010 1234 5678", "01012345678"),
            ("+82 10-1234-5678", "01012345678"),
            ("+82 (0)10-1234-5678", "01012345678"),
            ("+821012345678", "01012345678"),
            ("02-000-3333", "020003333"),
            ("(02) 000.3333", "020003333"),
            ("1588-0000", "15880000"),
            ("0505-000-0000", "05050000000"),
            ("+1 212-555-0100", "12125550100"),
        ] {
            assert_eq!(phone_digits(typed), digits, "{typed}");
        }
    }
}
