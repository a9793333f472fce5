//! Texts that cannot be read, made readable, so that what stands beside them can be.
//!
//! KCP cuts Korean texts by bytes, writes EUC-KR where UTF-8 was agreed, and lets line ends through. None
//! of that is JSON, and none of it touches the ASCII that says what became of the money. Only what stands
//! inside a JSON string is ever changed, and a quote always ends one: in UTF-8 and in EUC-KR no byte of a
//! letter is a quote or a backslash. So the fields of a repaired answer are the fields of the answer.

/// Stands for a run of what cannot be read.
pub(super) const MARK: char = '\u{fffd}';

/// The same JSON text with every unreadable run inside a string as one [`MARK`]; `None` if there is none,
/// so that there is nothing to try again.
pub(super) fn repaired(body: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(body.len() + MARK.len_utf8());
    let (mut in_string, mut in_run, mut is_changed) = (false, false, false);
    let mut rest = body;
    while let Some(first) = rest.first() {
        let length = if in_string { sign(rest) } else { Some(1) };
        if let Some(length) = length {
            in_string ^= *first == b'"';
            out.extend_from_slice(&rest[..length]);
        } else if !in_run {
            out.extend_from_slice(MARK.encode_utf8(&mut [0; 4]).as_bytes());
        }
        in_run = length.is_none();
        is_changed |= in_run;
        rest = &rest[length.unwrap_or(1)..];
    }
    is_changed.then_some(out)
}

/// How many bytes the sign at the start of these takes that may stand in a JSON string, or ends it; `None`
/// if there is none.
fn sign(bytes: &[u8]) -> Option<usize> {
    match bytes[0] {
        b'\\' => escape(bytes),
        0..0x20 => None,
        0x20..0x80 => Some(1),
        0x80.. => {
            let length = match bytes[0] {
                0xc2..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf4 => 4,
                _ => return None,
            };
            std::str::from_utf8(bytes.get(..length)?).ok()?;
            Some(length)
        }
    }
}

fn escape(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => match unit(bytes)? {
            // The first half of a letter is none without its second.
            0xd800..=0xdbff => match unit(&bytes[6..])? {
                0xdc00..=0xdfff => Some(12),
                _ => None,
            },
            0xdc00..=0xdfff => None,
            _ => Some(6),
        },
        _ => None,
    }
}

/// The number that `\u` and four hexadecimal digits stand for.
fn unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    let mut digits = digits.iter().map(|digit| char::from(*digit).to_digit(16));
    let value = digits.try_fold(0, |value, digit| Some(value * 16 + digit?))?;
    u16::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn repaired_text(body: &[u8]) -> String {
        String::from_utf8(repaired(body).unwrap()).unwrap()
    }

    #[test]
    fn what_cannot_be_read_becomes_one_mark_and_the_rest_stays() {
        for (body, read) in [
            // Cut inside a letter, with and without text before it.
            (
                &b"{\"a\":\"\xec\xa0\x95\xec\x83\",\"b\":\"1\"}"[..],
                "{\"a\":\"정\u{fffd}\",\"b\":\"1\"}",
            ),
            (b"\"\xec\"", "\"\u{fffd}\""),
            // EUC-KR, of which a letter here and there happens to be one of UTF-8.
            (
                b"\"\xc1\xa4\xbb\xf3\xc3\xb3\xb8\xae.\"",
                "\"\u{fffd}ó\u{fffd}.\"",
            ),
            // What JSON wants written as an escape.
            (b"\"a\r\nb\x00c\"", "\"a\u{fffd}b\u{fffd}c\""),
            // Cut inside an escape, inside a pair of them, or none that JSON has.
            (br#""\uc815\uc8""#, "\"\\uc815\u{fffd}uc8\""),
            (br#""\ud83c!\udf4e""#, "\"\u{fffd}ud83c!\u{fffd}udf4e\""),
            (br#""\x""#, "\"\u{fffd}x\""),
        ] {
            assert_eq!(repaired_text(body), read);
        }
    }

    #[test]
    fn what_can_be_read_is_left_alone() {
        for body in [
            r#"{"res_msg":"정상 \"처리\" \\ \/ \n \uc815 \ud83c\udf4e","n":1}"#,
            "",
            "{",
            "{\r\n}",
        ] {
            assert_eq!(repaired(body.as_bytes()), None, "{body}");
        }
        // Outside of strings nothing is repaired: that is no JSON, no matter what is made of it.
        assert_eq!(repaired(b"{\xff\x01}"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_in_a_text_leave_the_fields_beside_it(
            text in proptest::collection::vec(any::<u8>().prop_filter("ends it", |b| !b"\"\\".contains(b)), 0..40),
        ) {
            let body = [b"{\"res_msg\":\"", text.as_slice(), b"\",\"tno\":\"1\"}"].concat();
            let body = repaired(&body).unwrap_or(body);
            let read: serde_json::Value = serde_json::from_slice(&body).unwrap();
            prop_assert_eq!(read["tno"].as_str(), Some("1"));
        }
    }
}
