//! Reading a request: one flat JSON object, in every way in which KCP's six samples write it.
//!
//! The reader is our own because a JSON library would refuse half of the samples, and because the
//! text holds card data: values borrow from the body, and what must be copied is wiped on drop.

use zeroize::Zeroizing;

use crate::fields::{Fields, Text, is_known, known_name};
use crate::lint::{Finding, LintKind};

/// No request of this protocol has more fields.
const MAX_FIELDS: usize = 128;

/// How a value was written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Number,
    Boolean,
    Null,
}

/// Why a body could not be read. The text never quotes the body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) at: usize,
    pub(crate) what: &'static str,
}

/// Reads `body`, adding to `findings` what is not as the guide says.
pub(crate) fn read<'b>(
    body: &'b str,
    findings: &mut Vec<Finding>,
) -> Result<Fields<'b>, Unreadable> {
    let mut reader = Reader {
        body,
        at: 0,
        findings,
    };
    let fields = reader.object()?;
    reader.space();
    if reader.at != body.len() {
        return Err(reader.unreadable("more text follows the object"));
    }
    Ok(fields)
}

struct Reader<'b, 'f> {
    body: &'b str,
    at: usize,
    findings: &'f mut Vec<Finding>,
}

impl<'b> Reader<'b, '_> {
    fn object(&mut self) -> Result<Fields<'b>, Unreadable> {
        let mut fields = Fields {
            entries: Vec::with_capacity(20),
        };
        self.space();
        self.expect(b'{', "the body does not start with {")?;
        self.space();
        if self.take(b'}') {
            return Ok(fields);
        }
        loop {
            self.space();
            self.expect(b'"', "a field name in quotes was expected")?;
            let (name, _) = self.string()?;
            let name = known_name(name.as_str());
            self.space();
            self.expect(b':', "a colon was expected after a field name")?;
            self.space();
            let (value, form) = self.value(&name)?;
            self.remark(&name, &value, form);
            if fields.entries.len() >= MAX_FIELDS {
                return Err(self.unreadable("more than 128 fields"));
            }
            if let Some(earlier) = fields.entries.iter_mut().find(|(known, _)| *known == name) {
                self.findings
                    .push(Finding::of(LintKind::DuplicateField, name));
                earlier.1 = value;
            } else {
                fields.entries.push((name, value));
            }
            self.space();
            if self.take(b'}') {
                return Ok(fields);
            }
            self.expect(b',', "a comma or the end of the object was expected")?;
        }
    }

    fn value(&mut self, name: &str) -> Result<(Text<'b>, Form), Unreadable> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                let (text, control) = self.string()?;
                if let Some(kind) = control {
                    self.findings.push(Finding::of(kind, known_name(name)));
                }
                Ok((text, Form::Text))
            }
            Some(b'-' | b'0'..=b'9') => {
                let number =
                    |b: u8| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E');
                while self.peek().is_some_and(number) {
                    self.at += 1;
                }
                Ok((Text::Borrowed(&self.body[start..self.at]), Form::Number))
            }
            Some(b'{' | b'[') => {
                self.findings
                    .push(Finding::of(LintKind::NestedValue, known_name(name)));
                Err(self.unreadable("a value is an object or a list"))
            }
            _ => {
                for (word, form) in [
                    ("null", Form::Null),
                    ("true", Form::Boolean),
                    ("false", Form::Boolean),
                ] {
                    if self.body[start..].starts_with(word) {
                        self.at += word.len();
                        let text = if form == Form::Null { "" } else { word };
                        return Ok((Text::Borrowed(text), form));
                    }
                }
                Err(self.unreadable("a value was expected"))
            }
        }
    }

    /// A string whose opening quote is already read, and what control characters in it point to.
    fn string(&mut self) -> Result<(Text<'b>, Option<LintKind>), Unreadable> {
        let body = self.body;
        let start = self.at;
        let bytes = body.as_bytes();
        let mut control = None;
        let mut escaped = false;
        let mut end = start;
        loop {
            match bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    end += 2;
                }
                Some(byte) => {
                    if *byte < 0x20 {
                        let after_comma = *byte == b'\r' && end > start && bytes[end - 1] == b',';
                        let java = after_comma || control == Some(LintKind::JavaCommaCrlf);
                        control = Some(if java {
                            LintKind::JavaCommaCrlf
                        } else {
                            LintKind::RawControlCharacter
                        });
                    }
                    end += 1;
                }
                None => return Err(self.unreadable("a string does not end")),
            }
        }
        let raw = &body[start..end];
        let text = if escaped {
            self.unescape(raw)?
        } else {
            Text::Borrowed(raw)
        };
        self.at = end + 1;
        Ok((text, control))
    }

    fn unescape(&self, raw: &str) -> Result<Text<'b>, Unreadable> {
        // Room for the whole from the start: growing would leave copies behind that no one wipes.
        let mut text = Zeroizing::new(String::with_capacity(raw.len()));
        let mut rest = raw;
        while let Some(backslash) = rest.find('\\') {
            text.push_str(&rest[..backslash]);
            let mut after = rest[backslash + 1..].chars();
            match after.next() {
                Some(same @ ('"' | '\\' | '/')) => text.push(same),
                Some('b') => text.push('\u{8}'),
                Some('f') => text.push('\u{c}'),
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some('u') => {
                    let (unit, more) = self.unit(after.as_str())?;
                    after = more.chars();
                    let mut decoded = char::from_u32(unit);
                    if decoded.is_none() && (0xd800..0xdc00).contains(&unit) {
                        let more = more
                            .strip_prefix("\\u")
                            .ok_or_else(|| self.unreadable("half of a \\u pair"))?;
                        let (low, more) = self.unit(more)?;
                        after = more.chars();
                        decoded =
                            low.checked_sub(0xdc00)
                                .filter(|low| *low < 0x400)
                                .and_then(|low| {
                                    char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + low)
                                });
                    }
                    text.push(decoded.ok_or_else(|| self.unreadable("half of a \\u pair"))?);
                }
                _ => return Err(self.unreadable("an unknown escape in a string")),
            }
            rest = after.as_str();
        }
        text.push_str(rest);
        Ok(Text::Owned(text))
    }

    fn unit<'t>(&self, text: &'t str) -> Result<(u32, &'t str), Unreadable> {
        text.split_at_checked(4)
            .filter(|(hex, _)| hex.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|(hex, rest)| Some((u32::from_str_radix(hex, 16).ok()?, rest)))
            .ok_or_else(|| self.unreadable("\\u without four hexadecimal digits"))
    }

    fn remark(&mut self, name: &str, value: &Text<'_>, form: Form) {
        let kind = match form {
            Form::Number => LintKind::NumberForString,
            Form::Boolean => LintKind::BooleanValue,
            Form::Null => LintKind::NullValue,
            Form::Text if value.as_str() == "null" => LintKind::TextNull,
            Form::Text if !is_known(name) => LintKind::UnknownField,
            Form::Text => return,
        };
        self.findings.push(Finding::of(kind, known_name(name)));
    }

    fn peek(&self) -> Option<u8> {
        self.body.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Unreadable> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(self.unreadable(what))
        }
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn unreadable(&self, what: &'static str) -> Unreadable {
        Unreadable { at: self.at, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields and lints of `body`, as `name=value` and `lint:field` lines.
    fn seen(body: &str) -> Result<String, Unreadable> {
        let mut findings = Vec::new();
        let fields = read(body, &mut findings)?;
        let mut lines: Vec<_> = fields.iter().map(|(n, v)| format!("{n}={v}")).collect();
        lines.extend(
            findings
                .iter()
                .map(|f| format!("{}:{}", f.kind.code(), f.field.as_deref().unwrap_or(""))),
        );
        Ok(lines.join("|"))
    }

    #[test]
    fn values_are_read_in_every_form() {
        let check =
            |body: &str, expected: &str| assert_eq!(seen(body).unwrap(), expected, "{body}");
        check("{}", "");
        check("\r\n{\t\"quota\" : \"00\"\n}  ", "quota=00");
        check(
            r#"{"good_name":"a\/b\u0041\ud55c\n\""}"#,
            "good_name=a/bA한\n\"",
        );
        check(r#"{"good_name":"\ud83d\ude00"}"#, "good_name=😀");
        check(r#"{"amount":1004}"#, "amount=1004|number_for_string:amount");
        check(r#"{"amount":null}"#, "amount=|null_value:amount");
        check(r#"{"amount":"null"}"#, "amount=null|text_null:amount");
        check(
            r#"{"amount":true}"#,
            "amount=true|boolean_for_string:amount",
        );
        check(
            r#"{"amount":"1","amount":"2"}"#,
            "amount=2|duplicate_field:amount",
        );
        check(
            r#"{"curr_code":"410"}"#,
            "curr_code=410|unknown_field:curr_code",
        );
        check(
            "{\"good_name\":\"a,\r\nb\"}",
            "good_name=a,\r\nb|java_comma_crlf:good_name",
        );
        check(
            "{\"good_name\":\"a\tb\"}",
            "good_name=a\tb|raw_control_character:good_name",
        );
    }

    #[test]
    fn a_value_in_the_place_of_a_name_is_not_repeated() {
        let text = seen(r#"{"4111111111111111":"x"}"#).unwrap();
        assert_eq!(text, "(unnamed)=x|unknown_field:(unnamed)");
    }

    #[test]
    fn broken_bodies_are_refused_at_their_place() {
        let check = |body: &str, at: usize| {
            let error = seen(body).unwrap_err();
            assert_eq!(error.at, at, "{body}: {}", error.what);
        };
        check("", 0);
        check("[]", 0);
        check("{", 1);
        check(r#"{"a""#, 4);
        check(r#"{"a":}"#, 5);
        check(r#"{"good_name":"12" TV"}"#, 18);
        check(r#"{"a":"b"} x"#, 10);
        check(r#"{"a":"\x"}"#, 6);
        check(r#"{"a":"\ud800"}"#, 6);
        check(r#"{"a":{"b":"c"}}"#, 5);
        check(r#"{"a":"b"#, 6);
        check(r#"{"a":"b\"#, 6);
        let many: Vec<_> = (0..200)
            .map(|n| format!("\"f{}\":\"\"", "x".repeat(n % 32 + 1)))
            .collect();
        assert!(
            seen(&format!("{{{}}}", many.join(","))).is_ok(),
            "equal names are one field"
        );
        let letter = |n: u8| char::from(b'a' + n);
        let many: Vec<_> = (0..200_u8)
            .map(|n| format!("\"{}{}\":\"\"", letter(n / 26), letter(n % 26)))
            .collect();
        assert_eq!(
            seen(&format!("{{{}}}", many.join(","))).unwrap_err().what,
            "more than 128 fields"
        );
    }
}
