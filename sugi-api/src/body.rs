//! A request's JSON: read within limits, parsed without a trace.
//!
//! The body can hold a card number. Its buffer is wiped when it was parsed, is never kept, and no
//! error repeats any of its content: only field names that look like names, lines and columns.

use std::{fmt, marker::PhantomData, time::Duration};

use axum::extract::{FromRef, FromRequest, Request};
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::error::Category;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    Api,
    problem::{Code, Problem},
};

/// The largest body.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// What some editors and libraries put before a text in UTF-8. RFC 8259 has no room for it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A request's body as `T`.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T>
where
    Api: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let max_wait = Api::from_ref(state).0.limits.body_read;
        let (parts, body) = request.into_parts();
        check_type(&parts.headers)?;
        let bytes = read_body(body, &parts.headers, max_wait).await?;
        parse(&bytes).map(Self)
    }
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    if is_encoded(headers) {
        let detail = "the body is compressed; send it as it is, without Content-Encoding";
        let name = header::ACCEPT_ENCODING;
        return Err(Problem::new(Code::MediaType, detail)
            .field("Content-Encoding")
            .header(name, HeaderValue::from_static("identity")));
    }
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let (kind, rest) = given.map_or(("", ""), |text| text.split_once(';').unwrap_or((text, "")));
    let rest = rest.trim().to_ascii_lowercase().replace('"', "");
    if kind.trim().eq_ignore_ascii_case("application/json")
        && matches!(&*rest, "" | "charset=utf-8")
    {
        return Ok(());
    }
    let accepted = HeaderValue::from_static("application/json");
    let detail = "the body has to be application/json in UTF-8";
    let name = http::HeaderName::from_static("accept-post");
    Err(Problem::new(Code::MediaType, detail)
        .field("Content-Type")
        .header(name, accepted))
}

/// Whether a body was compressed, which no one here undoes.
#[must_use]
pub fn is_encoded(headers: &HeaderMap) -> bool {
    let mut given = headers.get_all(header::CONTENT_ENCODING).iter();
    given.any(|value| {
        let text = value.to_str().unwrap_or("?").trim();
        !text.is_empty() && !text.eq_ignore_ascii_case("identity")
    })
}

/// Reads the whole body into one buffer that never grows, so that wiping it wipes all of it.
///
/// # Errors
/// A problem when it has more than [`BODY_BYTES_MAX`], does not arrive within `max_wait`, or breaks off.
pub async fn read_body(
    body: axum::body::Body,
    headers: &HeaderMap,
    max_wait: Duration,
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    read_body_of(body, headers, max_wait, BODY_BYTES_MAX).await
}

/// The same with at most so many bytes.
pub(crate) async fn read_body_of(
    mut body: axum::body::Body,
    headers: &HeaderMap,
    max_wait: Duration,
    most: usize,
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let too_large = || {
        let detail = format!("the body has more than {} KiB", most / 1_024);
        Problem::new(Code::BodyTooLarge, detail)
    };
    let told = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let room = told.unwrap_or(most);
    if room > most {
        return Err(too_large());
    }
    let reading = async {
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        while let Some(frame) = body.frame().await {
            // A body that breaks off: whoever sent it will not read this.
            let frame = frame.map_err(|_| Problem::new(Code::BadJson, "the body broke off"))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if bytes.len() + data.len() > room {
                return Err(too_large());
            }
            bytes.extend_from_slice(&data);
            // Wipes what the connection read, where nothing else of it is in the same block.
            if let Ok(mut block) = data.try_into_mut() {
                block.zeroize();
            }
        }
        Ok(bytes)
    };
    tokio::time::timeout(max_wait, reading)
        .await
        .unwrap_or_else(|_| {
            let detail = format!(
                "the body did not arrive within {} s",
                max_wait.as_secs_f32()
            );
            let close = HeaderValue::from_static("close");
            Err(Problem::new(Code::SlowBody, detail).header(header::CONNECTION, close))
        })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if let Err(why) = std::str::from_utf8(bytes) {
        let detail = format!(
            "the body is not UTF-8 from byte {} on",
            why.valid_up_to() + 1
        );
        return Err(Problem::new(Code::BadJson, detail));
    }
    if bytes.starts_with(BYTE_ORDER_MARK) {
        let detail =
            "the body begins with a byte order mark (EF BB BF); leave it out, JSON begins with {";
        return Err(Problem::new(Code::BadJson, detail));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value: Object<T> = serde_path_to_error::deserialize(&mut json).map_err(|why| {
        let path = why.path().to_string();
        refused(why.inner(), &path)
    })?;
    json.end().map_err(|why| refused(&why, "."))?;
    Ok(value.0)
}

/// A JSON object. Left to itself, serde reads a struct from an array as well.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        from.deserialize_map(Members(PhantomData))
    }
}

/// A whole number that is not negative. JSON knows one kind of number, so `1004.0` is one as well.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whole(pub(crate) u64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Whole;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number that is not negative")
            }
            fn visit_u64<E>(self, number: u64) -> Result<Whole, E> {
                Ok(Whole(number))
            }
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked before"
            )]
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Whole, E> {
                // Up to here a double holds every whole number.
                const MOST: f64 = 9_007_199_254_740_992.0;
                if number.fract() == 0.0 && (0.0..=MOST).contains(&number) {
                    return Ok(Whole(number as u64));
                }
                Err(E::invalid_value(
                    serde::de::Unexpected::Other("a number"),
                    &self,
                ))
            }
        }
        from.deserialize_u64(Number)
    }
}

/// A text that is wiped when it is dropped, on its way into a type that keeps it secret.
pub(crate) struct SecretText(Zeroizing<String>);

impl SecretText {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = SecretText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E>(self, text: &str) -> Result<SecretText, E> {
                Ok(SecretText(Zeroizing::new(text.to_owned())))
            }
        }
        from.deserialize_str(Text)
    }
}

/// What is wrong with a body, in our words: those of `serde_json` can quote it.
fn refused(why: &serde_json::Error, path: &str) -> Problem {
    let place = format!("line {}, column {}", why.line(), why.column());
    if why.classify() != Category::Data {
        let cut = if why.is_eof() {
            "ends too early"
        } else {
            "cannot be read as JSON"
        };
        return Problem::new(Code::BadJson, format!("the body {cut} at {place}"));
    }
    let said = why.to_string();
    let quoted = |prefix: &str| {
        let rest = said.strip_prefix(prefix)?.split('`').next()?;
        Some(if is_plain_name(rest) {
            rest
        } else {
            "(an unusual name)"
        })
    };
    // Of a missing field the path is its parent's; of the others it ends in the field.
    let parent = if path == "." { "" } else { path };
    let join = |name: &str| {
        if parent.is_empty() {
            name.to_owned()
        } else {
            format!("{parent}.{name}")
        }
    };
    if let Some(name) = quoted("missing field `") {
        let detail = format!("{} is missing", join(name));
        return Problem::new(Code::BadBody, detail)
            .field(join(name))
            .rule("must be there");
    }
    if let Some(name) = quoted("unknown field `") {
        let field = if name.starts_with('(') {
            name.to_owned()
        } else {
            plain_path(path)
        };
        let detail = format!("{field} is not known ({place})");
        return Problem::new(Code::UnknownField, detail).field(field);
    }
    if let Some(name) = quoted("duplicate field `") {
        let detail = format!("{} is there twice ({place})", join(name));
        return Problem::new(Code::BadBody, detail)
            .field(join(name))
            .rule("must be there once");
    }
    let field = plain_path(path);
    let about = if field.is_empty() {
        "the body".to_owned()
    } else {
        field.clone()
    };
    // What follows the last "expected" comes from our own types.
    let rule = said
        .rsplit_once(", expected ")
        .map(|(_, rest)| rest.split(" at line ").next().unwrap_or(rest));
    let rule = format!("must be {}", rule.map_or("of another type", in_words));
    let problem = Problem::new(Code::BadBody, format!("{about} {rule} ({place})")).rule(rule);
    if field.is_empty() {
        problem
    } else {
        problem.field(field)
    }
}

/// Rust's names of types, in JSON's.
fn in_words(expected: &str) -> &str {
    match expected {
        "a boolean" => "true or false",
        text => text,
    }
}

fn plain_path(path: &str) -> String {
    let plain = path.split('.').all(is_plain_name);
    match path {
        "." => String::new(),
        _ if plain => path.to_owned(),
        _ => "(an unusual name)".to_owned(),
    }
}

/// Whether a field's name may be repeated: it looks like a name, and not like someone's digits.
fn is_plain_name(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let signs = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    (1..=40).contains(&name.len()) && digits <= 2 && name.bytes().all(signs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[allow(dead_code)]
        amount: u64,
        #[allow(dead_code)]
        card: Option<Object<Inner>>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[allow(dead_code)]
        number: String,
    }

    #[test]
    fn errors_name_the_field_and_never_the_content() {
        for (body, code, field) in [
            (r#"{"amount":"4111111111111111"}"#, Code::BadBody, "amount"),
            (r#"{"amount":-4111111111111111}"#, Code::BadBody, "amount"),
            (r#"{"amount":4111111111111111.5}"#, Code::BadBody, "amount"),
            (
                r#"{"amount":"4111111111111111, expected 4111111111111111 at line 1"}"#,
                Code::BadBody,
                "amount",
            ),
            (
                r#"{"amount":1,"card":{"number":4111111111111111}}"#,
                Code::BadBody,
                "card.number",
            ),
            (
                r#"{"amount":1,"card":"4111111111111111"}"#,
                Code::BadBody,
                "card",
            ),
            (r#"{"amount":1,"card":{}}"#, Code::BadBody, "card.number"),
            (r#"{"card":null}"#, Code::BadBody, "amount"),
            (r#"{"amount":1,"amount":2}"#, Code::BadBody, "amount"),
            (r#"{"amount":1,"cart":{}}"#, Code::UnknownField, "cart"),
            (
                r#"{"amount":1,"card":{"numbr":"1"}}"#,
                Code::UnknownField,
                "card.numbr",
            ),
            (
                r#"{"amount":1,"4111111111111111":2}"#,
                Code::UnknownField,
                "(an unusual name)",
            ),
            (
                r#"{"amount":1,"card":{"4111111111111111":2}}"#,
                Code::UnknownField,
                "(an unusual name)",
            ),
            (
                r#"{"amount":1,"a`4111111111111111":2}"#,
                Code::UnknownField,
                "(an unusual name)",
            ),
            (r#"["4111111111111111"]"#, Code::BadBody, ""),
        ] {
            let problem = parse::<Outer>(body.as_bytes()).unwrap_err();
            assert_eq!(problem.code(), code, "{body}");
            let shown = format!("{problem:?}");
            assert!(!shown.contains("4111111"), "{shown}");
            let named = if field.is_empty() {
                "field: None".into()
            } else {
                format!("field: Some({field:?})")
            };
            assert!(shown.contains(&named), "{body}: {shown}");
        }
    }

    #[test]
    fn what_is_not_json_is_named_by_its_place() {
        let deep = "[".repeat(10_000);
        for (body, wording) in [
            (&b"{\"amount\":"[..], "ends too early at line 1, column 10"),
            (b"", "ends too early"),
            (b"\xef\xbb\xbf{\"amount\":1}", "byte order mark"),
            (b"{\"amount\":1}x", "cannot be read as JSON"),
            (b"{\"amount\":\"\xff\"}", "not UTF-8 from byte 12"),
            (b"{\"amount\":1,\"card\":{\"number\":\"\\ud800\"}}", "JSON"),
        ] {
            let problem = parse::<Outer>(body).unwrap_err();
            assert_eq!(problem.code(), Code::BadJson);
            assert!(format!("{problem:?}").contains(wording), "{problem:?}");
        }
        assert!(parse::<serde_json::Value>(deep.as_bytes()).is_err());
    }
}
