//! Writing an answer: one flat JSON object whose values are all strings, under KCP's names.

use std::borrow::Cow;

use crate::codes::ResCd;

/// The fields of one answer, in the order in which they are written.
///
/// Real answers come in no order that a client could rely on, so ours is one of many.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    fields: Vec<(&'static str, Cow<'static, str>)>,
}

/// Why a request is refused: the code, and what the sandbox adds for the developer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: ResCd,
    pub(crate) detail: Cow<'static, str>,
}

impl Refusal {
    pub(crate) fn new(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: ResCd::new(code),
            detail: detail.into(),
        }
    }
}

impl Reply {
    pub(crate) fn with_capacity(fields: usize) -> Self {
        Self {
            fields: Vec::with_capacity(fields),
        }
    }

    /// A refusal: code, Korean and English text, trace number. Nothing else is promised by KCP.
    pub(crate) fn refused(refusal: &Refusal, trace_no: String) -> Self {
        let (korean, english) = refusal.code.texts();
        let mut reply = Self::with_capacity(4);
        let message = if refusal.detail.is_empty() {
            Cow::Borrowed(korean)
        } else {
            Cow::Owned(format!("{korean} (sandbox: {})", refusal.detail))
        };
        reply.put("res_cd", refusal.code.as_str().to_owned());
        reply.put("res_msg", message);
        reply.put("res_en_msg", english);
        reply.put("trace_no", trace_no);
        reply
    }

    pub(crate) fn put(&mut self, name: &'static str, value: impl Into<Cow<'static, str>>) {
        self.fields.push((name, value.into()));
    }

    pub(crate) fn get(&self, name: &str) -> &str {
        self.fields
            .iter()
            .find(|(known, _)| *known == name)
            .map_or("", |(_, value)| value)
    }

    /// Puts another value into a field that is there.
    pub(crate) fn replace(&mut self, name: &str, value: &str) {
        for (known, old) in &mut self.fields {
            if *known == name {
                *old = Cow::Owned(value.to_owned());
            }
        }
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.fields.retain(|(known, _)| *known != name);
    }

    /// The JSON text.
    pub(crate) fn to_json(&self) -> String {
        let mut text = String::with_capacity(32 * self.fields.len() + 64);
        text.push('{');
        for (at, (name, value)) in self.fields.iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            push_string(&mut text, name);
            text.push(':');
            push_string(&mut text, value);
        }
        text.push('}');
        text
    }
}

/// Appends `value` as a JSON string.
pub(crate) fn push_string(text: &mut String, value: &str) {
    use std::fmt::Write as _;
    text.push('"');
    let plain = |c: char| c >= ' ' && c != '"' && c != '\\';
    if value.chars().all(plain) {
        text.push_str(value);
    } else {
        for c in value.chars() {
            match c {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                c if c < ' ' => {
                    let _ = write!(text, "\\u{:04x}", u32::from(c));
                }
                c => text.push(c),
            }
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_json_with_the_same_values() {
        let mut reply = Reply::default();
        let odd = "줄\r\n\t\"따옴표\" \\ \u{1}";
        reply.put("res_msg", odd);
        reply.put("tno", "1");
        let read: serde_json::Value = serde_json::from_str(&reply.to_json()).unwrap();
        assert_eq!(read, serde_json::json!({ "res_msg": odd, "tno": "1" }));
    }

    #[test]
    fn a_refusal_promises_a_code_and_its_texts() {
        let reply = Reply::refused(&Refusal::new("8107", "13 to 16 digits"), "T".to_owned());
        assert_eq!(reply.get("res_cd"), "8107");
        assert_eq!(
            reply.get("res_msg"),
            "카드번호 형식 오류 (sandbox: 13 to 16 digits)"
        );
        assert_eq!(reply.get("tno"), "");
    }
}
