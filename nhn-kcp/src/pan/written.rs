//! Signs as they stand in bytes: in UTF-8, and as addresses (`%20`), JSON (`\u0020`) and HTML (`&nbsp;`,
//! tags) write what stands between digits.

use super::{Reader, Seen, Sign, sign_of_stored};

/// The longest tag that may stand between digits.
const TAG: usize = 128;
/// How much white space may stand beside a tag.
const SPACE: usize = 64;

/// Reads all of some bytes. Whatever cannot begin a number is passed over quickly.
pub(super) fn read(bytes: &[u8], reader: &mut Reader, take: &mut dyn FnMut(Seen)) {
    let mut at = 0;
    while at < bytes.len() {
        if reader.is_idle() && !may_begin(bytes[at]) {
            let rest = bytes[at..].iter();
            let next = rest.take_while(|byte| !may_begin(**byte));
            at += next.count();
            reader.last = if bytes[at - 1].is_ascii_alphabetic() {
                Sign::Letter
            } else {
                Sign::Other
            };
            continue;
        }
        let (sign, length) = sign(&bytes[at..]);
        reader.read(sign, at..at + length, take);
        at += length;
    }
    reader.read(Sign::Other, at..at, take);
}

/// Whether a digit can begin with a byte, or something written whose letters would stand beside one.
/// Letters of Latin, Greek, Cyrillic, Han and most of Hangul begin with others.
pub(super) fn may_begin(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'%' | b'\\' | b'&' | 0xd9..=0xe1 | 0xea | 0xef | 0xf0)
}

/// The first sign, and how many bytes it takes.
fn sign(bytes: &[u8]) -> (Sign, usize) {
    let (written, length) = match bytes[0] {
        digit @ b'0'..=b'9' => return (Sign::Digit(digit), 1),
        letter if letter.is_ascii_alphabetic() => return (Sign::Letter, 1),
        b'%' => percent(bytes),
        b'\\' => backslash(bytes),
        b'&' => entity(bytes),
        b'<' | b'\t' | b'\n' | b'\r' | b' ' => return (Sign::Between, tags(bytes).max(1)),
        b'!'..=b'~' | 0x0b | 0x0c => return (Sign::Between, 1),
        0x80.. => utf8(bytes),
        _ => None,
    }
    .unwrap_or_else(|| {
        let is_sign = bytes[0].is_ascii_punctuation();
        (if is_sign { ' ' } else { '\0' }, 1)
    });
    (sign_of_stored(Some(written)), length)
}

fn utf8(bytes: &[u8]) -> Option<(char, usize)> {
    let length = match bytes {
        [0xc2..=0xdf, 0x80..=0xbf, ..] => 2,
        [0xe0..=0xef, 0x80..=0xbf, ..] => 3,
        [0xf0..=0xf4, 0x80..=0xbf, ..] => 4,
        _ => return None,
    };
    let letter = std::str::from_utf8(bytes.get(..length)?).ok()?;
    Some((letter.chars().next()?, length))
}

/// As an address writes it: `%20`, `%C2%A0`. What no address has to write so is a sign and digits.
fn percent(bytes: &[u8]) -> Option<(char, usize)> {
    let mut decoded = [0; 4];
    let mut count = 0;
    for triple in bytes.chunks_exact(3).take(4) {
        let &[b'%', high, low] = triple else { break };
        let (Some(high), Some(low)) = (hexadecimal(high), hexadecimal(low)) else {
            break;
        };
        decoded[count] = high << 4 | low;
        count += 1;
    }
    let first = decoded[..count].first()?;
    let (letter, length) = match first {
        0x80.. => utf8(&decoded[..count])?,
        ascii => (char::from(*ascii), 1),
    };
    let is_plain = letter.is_ascii_alphanumeric() || letter.is_control() && !letter.is_whitespace();
    (!is_plain).then_some((letter, 3 * length))
}

/// As JSON and programs write it: `\u0020`, `\u{a0}`, `\x20`, `\t`; within a text in a text with more
/// backslashes.
fn backslash(bytes: &[u8]) -> Option<(char, usize)> {
    let slashes = bytes
        .iter()
        .take(4)
        .take_while(|byte| **byte == b'\\')
        .count();
    let rest = &bytes[slashes..];
    let number = |digits: &[u8]| {
        let number = digits.iter().try_fold(0_u32, |sum, byte| {
            Some(sum << 4 | u32::from(hexadecimal(*byte)?))
        });
        number.and_then(char::from_u32)
    };
    let (letter, length) = match rest {
        [b'u', b'{', more @ ..] => {
            let length = more.iter().take(7).position(|byte| *byte == b'}')?;
            (number(&more[..length])?, length + 3)
        }
        [b'u', a, b, c, d, ..] => (number(&[*a, *b, *c, *d])?, 5),
        [b'x', high, low, ..] => (number(&[*high, *low])?, 3),
        [b'n' | b'r' | b't' | b'"' | b'/' | b'\'', ..] => (' ', 1),
        // Two are one that is written.
        _ => (' ', 0),
    };
    Some((letter, slashes + length))
}

/// As HTML writes it: `&nbsp;`, `&#160;`, `&#xA0;`. Whatever has a name can stand between digits.
fn entity(bytes: &[u8]) -> Option<(char, usize)> {
    let end = bytes.iter().take(11).position(|byte| *byte == b';')?;
    let name = std::str::from_utf8(&bytes[1..end]).ok()?;
    let letter = match name.strip_prefix('#') {
        Some(number) => {
            let number = match number.strip_prefix(['x', 'X']) {
                Some(number) => u32::from_str_radix(number, 16),
                None => number.parse(),
            };
            char::from_u32(number.ok()?)?
        }
        None if name.len() > 1 && name.bytes().all(|byte| byte.is_ascii_alphabetic()) => ' ',
        None => return None,
    };
    Some((letter, end + 1))
}

/// How long the tags are that stand here one behind the other, with the white space around them; none is
/// no length. A tag with a digit in it ends a number: so sheets name the places of their cells, and
/// numbers in neighbouring cells of a sheet are numbers by themselves.
fn tags(bytes: &[u8]) -> usize {
    let space = |from: usize| {
        let rest = bytes[from..].iter().take(SPACE);
        rest.take_while(|byte| byte.is_ascii_whitespace()).count()
    };
    let mut end = 0;
    loop {
        let begin = end + space(end);
        let is_tag = matches!(
            bytes.get(begin..),
            Some([b'<', b'/' | b'!' | b'a'..=b'z' | b'A'..=b'Z', ..])
        );
        if !is_tag {
            // White space in front of no tag is as many signs as it is.
            return if end == 0 { 0 } else { begin };
        }
        let rest = bytes[begin..].iter().take(TAG);
        let inside = rest.take_while(|byte| **byte != b'>' && !byte.is_ascii_digit());
        let length = inside.count();
        if bytes.get(begin + length) != Some(&b'>') {
            return end;
        }
        end = begin + length + 1;
    }
}

fn hexadecimal(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}
