//! KCP's messages: one flat JSON object each way, every value a string.

mod read;
mod repair;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use zeroize::Zeroizing;

use crate::code::ResultCode;
use crate::mask::{MaskedCard, hide_card_numbers};
use crate::money::Amount;
use crate::outcome::{LostWhy, Refusal};
use crate::pan;
use crate::reply::Company;
use crate::time::KcpTime;
use crate::tno::Tno;

/// A request's body while it is written. The memory is wiped when the last handle to it is dropped,
/// and is as large as needed from the start, so that growing leaves no copy behind.
pub(crate) struct Body(Zeroizing<Vec<u8>>);

impl Body {
    /// Writes the fields in this order.
    pub(crate) fn of(fields: &[(&str, &str)]) -> Self {
        let mut body = Self(Zeroizing::new(Vec::with_capacity(Self::room(fields))));
        for (place, (name, value)) in fields.iter().enumerate() {
            body.0.push(if place == 0 { b'{' } else { b',' });
            body.string(name);
            body.0.push(b':');
            body.string(value);
        }
        body.0.push(b'}');
        body
    }

    /// How many bytes the fields take: two of braces, and for each field six of quotes, colon, and
    /// comma (one comma too many).
    fn room(fields: &[(&str, &str)]) -> usize {
        let width = |byte| match byte {
            b'"' | b'\\' => 2,
            0..0x20 => 6,
            _ => 1,
        };
        let texts = fields.iter().flat_map(|(name, value)| [name, value]);
        texts
            .flat_map(|text| text.bytes())
            .map(width)
            .sum::<usize>()
            + 6 * fields.len()
            + 2
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self.0)
    }

    fn string(&mut self, text: &str) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let out = &mut self.0;
        out.push(b'"');
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
                0..0x20 => {
                    out.extend_from_slice(b"\\u00");
                    out.extend_from_slice(&[
                        HEX[usize::from(byte >> 4)],
                        HEX[usize::from(byte & 15)],
                    ]);
                }
                _ => out.push(byte),
            }
        }
        out.push(b'"');
    }
}

/// The fields of an answer, as texts by KCP's names. `null` counts as absent.
pub(crate) struct Fields {
    fields: BTreeMap<String, String>,
    damaged: BTreeSet<String>,
}

impl Fields {
    /// Reads an answer's body: an answer about money must have one reading. See [`read::read`].
    pub(crate) fn read(body: &[u8]) -> Result<Self, LostWhy> {
        let read::Read { fields, damaged } = read::read(body)?;
        Ok(Self { fields, damaged })
    }

    /// Refuses an answer in which one of these fields is there and cannot be read whole.
    pub(crate) fn whole(&self, names: &[&str]) -> Result<(), LostWhy> {
        if names.iter().any(|name| self.damaged.contains(*name)) {
            return Err(LostWhy::Unreadable);
        }
        Ok(())
    }

    /// The names of the fields that were not read whole, for keeping.
    pub(crate) fn damaged(&self) -> Vec<String> {
        // KCP's names are short.
        let names = self.damaged.iter().filter(|name| name.len() <= 40);
        let names = names.take(MANY);
        names.map(|name| clean(name)).collect()
    }

    /// The field as it came, taken out.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        self.fields.remove(name)
    }

    /// Puts a field back, in a form that may be kept.
    pub(crate) fn put(&mut self, name: &str, value: String) {
        self.fields.insert(name.to_owned(), value);
    }

    /// The field as it came.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// The field as a text that may be stored and shown; `None` if absent or empty.
    pub(crate) fn take_text(&mut self, name: &str) -> Option<String> {
        self.take(name)
            .map(|text| clean(&text))
            .filter(|text| !text.is_empty())
    }

    /// The field as a number or code of KCP's or the card company's, which people repeat to them: one that
    /// was not read whole is none.
    pub(crate) fn take_id(&mut self, name: &str) -> Option<String> {
        let id = self.take_text(name);
        id.filter(|_| !self.damaged.contains(name))
    }

    /// The first of several names, as [`take_id`](Self::take_id); all are taken out.
    pub(crate) fn take_first_id(&mut self, names: &[&str]) -> Option<String> {
        let found: Vec<_> = names.iter().filter_map(|name| self.take_id(name)).collect();
        found.into_iter().next()
    }

    /// The field as a moment. One that is none stays, and ends up among the extra fields.
    pub(crate) fn take_time(&mut self, name: &str) -> Option<KcpTime> {
        let time = KcpTime::parse(self.get(name)?).ok()?;
        self.take(name);
        Some(time)
    }

    /// The field as a yes or no, for the two texts that mean it. Any other text stays.
    pub(crate) fn take_flag(&mut self, name: &str, yes: &str, no: &str) -> Option<bool> {
        let text = self.get(name)?;
        let flag = if text == yes {
            true
        } else if text == no {
            false
        } else {
            return None;
        };
        self.take(name);
        Some(flag)
    }

    /// The field as an amount: absent, unreadable, or there.
    pub(crate) fn amount(&self, name: &str) -> Result<Option<Amount>, ()> {
        match self.get(name) {
            None | Some("") => Ok(None),
            Some(text) => Amount::parse(text).map(Some).map_err(|_| ()),
        }
    }

    /// The field as a number that may be zero: absent, unreadable, or there.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, ()> {
        match self.get(name) {
            None | Some("") => Ok(None),
            Some(text) if text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit()) => {
                text.parse().map(Some).map_err(|_| ())
            }
            Some(_) => Err(()),
        }
    }

    /// A card company, of the two fields that name it.
    pub(crate) fn take_company(&mut self, code: &str, name: &str) -> Option<Company> {
        let code = self.take_id(code)?;
        Some(Company {
            code,
            name: self.take_text(name).unwrap_or_default(),
        })
    }

    /// The card, reduced. Whatever stood there is gone afterwards.
    pub(crate) fn take_card(&mut self) -> Option<MaskedCard> {
        MaskedCard::from_kcp(&Zeroizing::new(self.take("card_no")?))
    }

    /// The result code.
    pub(crate) fn take_code(&mut self) -> Option<ResultCode> {
        ResultCode::parse(&self.take("res_cd")?).ok()
    }

    /// KCP's no, with its texts.
    pub(crate) fn take_refusal(&mut self, code: ResultCode) -> Refusal {
        Refusal {
            code,
            message: self.take_text("res_msg").unwrap_or_default(),
            message_en: self.take_text("res_en_msg"),
            trace_no: self.take_id("trace_no"),
            damaged: self.damaged(),
        }
    }

    /// What is left, for keeping: at most 100 fields, and none of those that hold card data in a
    /// request, should KCP ever echo one.
    pub(crate) fn into_extra(self) -> BTreeMap<String, String> {
        const SECRET: [&str; 4] = ["card_expiry", "card_taxno", "card_pwd", "card_cvn"];
        self.fields
            .into_iter()
            .filter(|(name, _)| !SECRET.contains(&name.as_str()))
            .take(MANY)
            .map(|(name, value)| (clean(&name), clean(&value)))
            .collect()
    }
}

/// So many fields of an answer are kept by name at most; KCP sends about forty.
const MANY: usize = 100;

/// A text of KCP's that may be stored and shown: no control characters, no whole card number, no more
/// than 1,000 characters.
fn clean(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(1_000)
        .collect();
    let mut hidden = hide_card_numbers(&plain);
    // And what only a reader of stored bytes would put together, such as a number broken by what could
    // not be read.
    let mut seen = Vec::new();
    pan::find(hidden.as_bytes(), &mut |card| seen.push(card));
    for card in seen.into_iter().rev() {
        if hidden.get(card.at.clone()).is_some() {
            hidden.replace_range(card.at, &card.masked);
        }
    }
    hidden
}

/// The transaction number in a body that is not, or not only, a JSON object. Two different ones count
/// as none.
pub(crate) fn find_tno(body: &[u8]) -> Option<Tno> {
    let mut found = find_text(body, "tno").filter_map(|text| {
        std::str::from_utf8(text)
            .ok()
            .and_then(|text| Tno::parse(text).ok())
    });
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

/// All complete values that look like this field's in a body that is not, or not only, a JSON object:
/// `"name":"value"`, or a number up to the sign behind it.
pub(crate) fn find_text<'b>(body: &'b [u8], name: &str) -> impl Iterator<Item = &'b [u8]> {
    let name = format!("\"{name}\"").into_bytes();
    (0..body.len()).filter_map(move |at| {
        let escaped = at > 0 && body[at - 1] == b'\\';
        let rest = body[at..]
            .strip_prefix(name.as_slice())
            .filter(|_| !escaped)?;
        let rest = rest
            .trim_ascii_start()
            .strip_prefix(b":")?
            .trim_ascii_start();
        let (rest, ends): (_, &[u8]) = match rest.strip_prefix(b"\"") {
            Some(rest) => (rest, b"\""),
            None => (rest, b",} \r\n\t"),
        };
        let end = rest.iter().position(|byte| ends.contains(byte))?;
        Some(&rest[..end])
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(body: &str) -> Result<Vec<(String, String)>, LostWhy> {
        Fields::read(body.as_bytes()).map(|read| read.fields.into_iter().collect())
    }

    fn tno(body: &str) -> Option<String> {
        find_tno(body.as_bytes()).map(|tno| tno.to_string())
    }

    #[test]
    fn bodies_are_json_whatever_the_values_hold() {
        let body = Body::of(&[
            ("good_name", "a\"b\\c\n\u{1},{}"),
            ("buyr_name", "홍길동 🎉"),
            ("x", ""),
        ]);
        let json: serde_json::Value = serde_json::from_slice(&body.0).unwrap();
        assert_eq!(json["good_name"], "a\"b\\c\n\u{1},{}");
        assert_eq!(json["buyr_name"], "홍길동 🎉");
        assert_eq!(json["x"], "");
    }

    #[test]
    fn answers_have_one_reading_or_none() {
        assert!(
            read(r#"{"a":"1","b":2,"c":true,"d":null,"e":{"f":[1]}}"#).is_ok_and(|f| f.len() == 4)
        );
        assert!(read("\u{feff}{}").is_ok());
        for bad in [
            "",
            "null",
            "[]",
            "\"x\"",
            "{",
            "{}x",
            "{}{}",
            "{\"a\n\":\"\"}",
            "<html>",
            "{\"a\":1,}",
            "{\"a\":\"\\\",\"b\":1}",
        ] {
            assert_eq!(read(bad), Err(LostWhy::NotJson), "{bad}");
        }
    }

    #[test]
    fn what_decides_says_one_thing_and_texts_may_say_two() {
        for twice in [
            r#"{"tno":"1","tno":"2"}"#,
            r#"{"amount":"1","amount":null}"#,
            r#"{"res_cd":null,"res_cd":"0000"}"#,
            r#"{"app_time":"1","res_msg":"a","app_time":"2"}"#,
        ] {
            assert_eq!(read(twice), Err(LostWhy::RepeatedField), "{twice}");
        }
        let same = read(r#"{"tno":"1","tno":"1","tno":1,"a":null,"a":null}"#);
        assert_eq!(same, Ok(vec![("tno".to_owned(), "1".to_owned())]));
        // Neither of two texts is believed.
        let body = r#"{"tno":"1","res_msg":"a","res_msg":"b"}"#;
        let mut fields = Fields::read(body.as_bytes()).unwrap();
        assert_eq!(fields.take_text("res_msg"), None);
        assert_eq!(fields.damaged(), ["res_msg"]);
        assert_eq!(fields.get("tno"), Some("1"));
    }

    #[test]
    fn a_damaged_text_takes_nothing_else_with_it() {
        let body = b"{\"res_cd\":\"0000\",\"res_msg\":\"\xc1\xa4\xbb\xf3\r\n\",\"card_name\":\"\xec\x8b\xa0\xed\x95\",\"card_cd\":\"CC\xff\",\"app_no\":\"1\n\"}";
        let mut fields = Fields::read(body).unwrap();
        assert_eq!(
            fields.damaged(),
            ["app_no", "card_cd", "card_name", "res_msg"]
        );
        assert_eq!(fields.whole(&["res_cd", "tno"]), Ok(()));
        assert_eq!(fields.whole(&["tno", "res_msg"]), Err(LostWhy::Unreadable));
        assert!(fields.take_code().is_some_and(ResultCode::is_ok));
        assert_eq!(fields.take_text("res_msg").unwrap(), "\u{fffd}");
        assert_eq!(fields.take_text("card_name").unwrap(), "신\u{fffd}");
        // Part of a code is another code.
        assert_eq!(fields.take_company("card_cd", "card_name"), None);
        assert_eq!(fields.take_id("app_no"), None);
    }

    #[test]
    fn a_readable_tno_is_found_in_ruins() {
        let seen = Some("23542357804508".to_owned());
        assert_eq!(tno(r#"{"res_cd":"0000","tno":"23542357804508","amo"#), seen);
        assert_eq!(tno("{\"tno\" :\r\n \"23542357804508\""), seen);
        assert_eq!(tno(r#"{"tno":23542357804508,"#), seen);
        assert_eq!(
            tno(r#"{"tno":"23542357804508","tno":"23542357804508"}"#),
            seen
        );
        for none in [
            "",
            "\"tno\"",
            r#"{"tno":"2354235780450"#,
            r#"{"tno":"23542357804508"#,
            r#"{"tno":23542357804508"#,
            r#"{"tno":"2354235780450","#,
            r#"{"tno":"235423578045081"}"#,
            r#"{"msg":"\"tno\":\"23542357804508\""}"#,
            r#"{"tno":"23542357804508","tno":"23542357804509"}"#,
            r#"{"cert_no":"23542357804508"}"#,
        ] {
            assert_eq!(tno(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_kept_is_clean() {
        let body = r#"{"res_msg":"a\u0000b\n4111111111111111","card_no":"4111110000001111"}"#;
        let mut fields = Fields::read(body.as_bytes()).unwrap();
        assert_eq!(fields.take_text("res_msg").unwrap(), "a b 411111******1111");
        assert_eq!(fields.take_card().unwrap().to_string(), "411111******1111");
        assert!(fields.into_extra().is_empty());
        let broken = b"{\"res_msg\":\"4111 1111\n1111\xff1111\"}";
        let mut fields = Fields::read(broken).unwrap();
        assert_eq!(fields.take_text("res_msg").unwrap(), "411111******1111");
    }

    #[test]
    fn echoed_card_data_is_not_kept() {
        let body =
            r#"{"card_expiry":"3012","card_taxno":"951010","card_pwd":"00","trace_no":"T0000ABC"}"#;
        let extra = Fields::read(body.as_bytes()).unwrap().into_extra();
        assert_eq!(extra.keys().collect::<Vec<_>>(), ["trace_no"]);
    }

    proptest! {
        #[test]
        fn any_text_survives_the_wire(name in "[a-z_]{1,10}", value in any::<String>()) {
            let body = Body::of(&[(&name, &value)]);
            let json: serde_json::Value = serde_json::from_slice(&body.0).unwrap();
            prop_assert_eq!(json[&name].as_str(), Some(value.as_str()));
            // It fits the room it was given, so it was never moved.
            prop_assert_eq!(body.0.len() + 1, Body::room(&[(&name, &value)]));
        }

        #[test]
        fn any_bytes_are_read_without_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Fields::read(&body);
            let _ = find_tno(&body);
        }

        #[test]
        fn any_near_answer_is_read_without_panic(
            body in "(\\{|\\}|\"tno\"|\"res_cd\"|:|,|\"|0000|23542357804508|\\\\|\n| |한){0,30}",
        ) {
            let _ = Fields::read(body.as_bytes());
            let _ = find_tno(body.as_bytes());
        }
    }
}
