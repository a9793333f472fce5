//! What a form sends: read within limits, into texts that are wiped.
//!
//! A form can hold a card. Its texts are wiped when they are dropped, and nothing of them is put into
//! a page again but what the page itself asks for by name.

use std::borrow::Cow;

use axum::{
    extract::{FromRequest, Request},
    response::Response,
};
use http::header;
use nhn_kcp::{
    Currency, normal,
    pan::{self, Rule},
};
use sugi_api::{Code, WorkPlace};
use zeroize::Zeroizing;

use crate::{Pages, error_page::ErrorPage};

/// The most fields of a form.
const FIELDS_MAX: usize = 200;
/// How long a form may take to arrive.
const MAX_WAIT: std::time::Duration = std::time::Duration::from_secs(10);

/// The fields of a form, in their order: each as it was sent, and in its one form where that is another.
pub(crate) struct Form {
    fields: Vec<Field>,
    /// Of a caller who is not signed in: kept until what the form asks for is done.
    _place: Option<WorkPlace>,
}

struct Field {
    name: String,
    sent: Zeroizing<String>,
    normal: Option<Zeroizing<String>>,
}

impl Field {
    fn text(&self) -> &str {
        self.normal.as_ref().unwrap_or(&self.sent)
    }
}

impl FromRequest<Pages> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, pages: &Pages) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let kind = parts.headers.get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("application/x-www-form-urlencoded") {
            return Err(ErrorPage::BadForm.into());
        }
        if sugi_api::is_encoded(&parts.headers) {
            return Err(ErrorPage::BadForm.into());
        }
        let read = pages.api().read_body_of_anybody(&parts, body, MAX_WAIT);
        let (bytes, place) = read.await.map_err(|why| {
            Response::from(match why.code() {
                Code::Overloaded => ErrorPage::Busy,
                Code::BodyTooLarge => ErrorPage::TooLarge,
                _ => ErrorPage::BadForm,
            })
        })?;
        let form = Self::parse(&bytes).ok_or_else(|| Response::from(ErrorPage::BadForm))?;
        // As they were sent: the one form of a text leaves out some of what no one sees.
        let is_bad = |field: &Field| holds_control(&field.name) || holds_control(&field.sent);
        if form.fields.iter().any(is_bad) {
            return Err(ErrorPage::BadSign.into());
        }
        Ok(Self {
            _place: Some(place),
            ..form
        })
    }
}

impl Form {
    /// Reads `a=1&b=2`. `None` when it is no such thing, or too much of it.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Vec::new();
        for pair in bytes.split(|byte| *byte == b'&') {
            if pair.is_empty() {
                continue;
            }
            if fields.len() == FIELDS_MAX {
                return None;
            }
            let end = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = pair.split_at(end.unwrap_or(pair.len()));
            let name = decoded(name)?.to_string();
            let sent = decoded(value.get(1..).unwrap_or_default())?;
            let normal = match normal::text(&sent) {
                Cow::Owned(normal) => Some(Zeroizing::new(normal)),
                Cow::Borrowed(_) => None,
            };
            fields.push(Field { name, sent, normal });
        }
        Some(Self {
            fields,
            _place: None,
        })
    }

    /// A form of these fields.
    pub(crate) fn of(fields: Vec<(String, String)>) -> Self {
        let field = |(name, text)| Field {
            name,
            sent: Zeroizing::new(text),
            normal: None,
        };
        Self {
            fields: fields.into_iter().map(field).collect(),
            _place: None,
        }
    }

    /// What was typed into a field, to be put there again; nothing of a card that stands there.
    pub(crate) fn shown(&self, name: &str, rule: Rule) -> &str {
        let text = self.get(name);
        let is_card = pan::holds(text, rule) || pan::repeats(text, &self.digits("card"));
        if is_card { "" } else { text }
    }

    /// A field's text without the space around it; empty if it was not sent.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.all(name).first().copied().unwrap_or_default()
    }

    /// A field's text, if something stands in it.
    pub(crate) fn maybe(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|text| !text.is_empty())
    }

    /// A field's text as it was sent, space around it and all, to be kept secret.
    pub(crate) fn secret(&self, name: &str) -> Zeroizing<String> {
        let named = self.fields.iter().find(|field| field.name == name);
        named.map(|field| field.sent.clone()).unwrap_or_default()
    }

    /// All fields of a name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.fields.iter().filter(|field| field.name == name);
        named.map(|field| field.text().trim()).collect()
    }

    /// An amount as people write it: with commas between thousands, with the currency. `Err` when
    /// something else stands there: a sign or a point is never just left out of what is paid.
    pub(crate) fn amount(&self, name: &str) -> Result<Option<u64>, NoAmount> {
        let text: String = self.get(name).chars().map(narrow).collect();
        // A field that someone left empty says something: all of it. A currency alone says nothing.
        if text.is_empty() {
            return Ok(None);
        }
        let text = text.strip_prefix('₩').unwrap_or(&text);
        grouped(text.strip_suffix('원').unwrap_or(text).trim()).map(Some)
    }

    /// An amount in a currency's smallest unit. Dollars are written as they are said, with two digits of
    /// cents behind a point or without: `12.34`, `US$12.34` and `12` are 1,234, 1,234 and 1,200 cents.
    pub(crate) fn money(&self, name: &str, currency: Currency) -> Result<Option<u64>, NoAmount> {
        if currency == Currency::Krw {
            return self.amount(name);
        }
        let text: String = self.get(name).chars().map(narrow).collect();
        if text.is_empty() {
            return Ok(None);
        }
        let text = text.strip_prefix("US").unwrap_or(&text);
        let text = text.strip_prefix('$').unwrap_or(text).trim();
        let (dollars, cents) = text.split_once('.').unwrap_or((text, "00"));
        let are_cents = cents.len() == 2 && cents.bytes().all(|b| b.is_ascii_digit());
        if !are_cents {
            return Err(NoAmount);
        }
        let dollars = grouped(dollars)?;
        let cents: u64 = cents.parse().map_err(|_| NoAmount)?;
        let all = dollars
            .checked_mul(100)
            .and_then(|all| all.checked_add(cents));
        all.map(Some).ok_or(NoAmount)
    }

    /// The digits of a field, no matter what stands between them: full-width ones as the small ones that
    /// they mean, spaces and dashes left out. Anything else stays and is refused by whoever parses.
    pub(crate) fn digits(&self, name: &str) -> Zeroizing<String> {
        let mut digits = Zeroizing::new(String::with_capacity(self.get(name).len()));
        for sign in self.get(name).chars().map(narrow) {
            if !matches!(sign, ' ' | '\u{a0}' | '\u{3000}' | '-' | '–' | '—') {
                digits.push(sign);
            }
        }
        digits
    }
}

/// Whether a text holds what no one types: a control character other than the ends of lines and tabs. One
/// database cannot keep a NUL, and no page can show the others.
pub(crate) fn holds_control(text: &str) -> bool {
    text.chars()
        .any(|sign| sign.is_control() && !matches!(sign, '\t' | '\n' | '\r'))
}

/// What stands in a field for an amount is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoAmount;

/// A number with commas between its thousands, or without any.
fn grouped(text: &str) -> Result<u64, NoAmount> {
    let mut groups = text.split(',');
    let first = groups.next().unwrap_or_default();
    let rest = groups.collect::<Vec<_>>();
    let is_number = |group: &str| group.bytes().all(|b| b.is_ascii_digit());
    let grouped = rest.is_empty()
        || (1..=3).contains(&first.len()) && rest.iter().all(|group| group.len() == 3);
    if !grouped || !is_number(first) || !rest.iter().all(|group| is_number(group)) {
        return Err(NoAmount);
    }
    let digits = format!("{first}{}", rest.concat());
    digits.parse().map_err(|_| NoAmount)
}

/// A full-width letter, as Korean keyboards write them, as the small one that it means.
fn narrow(sign: char) -> char {
    match sign {
        '！'..='～' => {
            char::from_u32(u32::from(sign) - u32::from('！') + u32::from('!')).unwrap_or(sign)
        }
        '￦' => '₩',
        other => other,
    }
}

/// Undoes percent-encoding, into a text that never moves and is wiped.
fn decoded(text: &[u8]) -> Option<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let (byte, left) = match (first, after) {
            (b'%', [high, low, left @ ..]) => (hex(*high)? * 16 + hex(*low)?, left),
            (b'%', _) => return None,
            (b'+', left) => (b' ', left),
            (other, left) => (*other, left),
        };
        bytes.push(byte);
        rest = left;
    }
    let text = std::str::from_utf8(&bytes).ok()?;
    Some(Zeroizing::new(text.to_owned()))
}

fn hex(digit: u8) -> Option<u8> {
    u8::try_from((digit as char).to_digit(16)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_as_people_write_it_and_never_guessed() {
        let of = |text: &str| {
            let text: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
            Form::parse(format!("a={text}").as_bytes())
                .unwrap()
                .amount("a")
        };
        for (text, amount) in [
            ("1004", 1_004),
            (" 1,004원 ", 1_004),
            ("₩1,234,567", 1_234_567),
            ("１，００４원", 1_004),
            ("￦500", 500),
            ("0", 0),
        ] {
            assert_eq!(of(text), Ok(Some(amount)), "{text}");
        }
        assert_eq!(of(" "), Ok(None));
        for text in [
            "-1",
            "－1",
            "1-0",
            "1.5",
            "1e3",
            "1,0",
            "1,00",
            "1,0040",
            ",004",
            "1,,004",
            "1 000",
            "+1",
            "x",
            "5만원",
            "-5000",
            "1,000원 x 3",
            "1000원원",
            "₩₩1000",
            "원",
            "₩",
            "₩원",
            "99999999999999999999",
        ] {
            assert_eq!(of(text), Err(NoAmount), "{text}");
        }
    }

    #[test]
    fn forms_are_read() {
        let form = Form::parse("a=1&b=%EC%88%98+%EA%B8%B0&a=2&c=&d".as_bytes()).unwrap();
        assert_eq!(form.get("a"), "1");
        assert_eq!(form.all("a"), ["1", "2"]);
        assert_eq!(form.get("b"), "수 기");
        assert_eq!(form.maybe("c"), None);
        assert_eq!(form.get("nothing"), "");
        for bad in ["a=%", "a=%f", "a=%zz", "a=%ff"] {
            assert!(Form::parse(bad.as_bytes()).is_none(), "{bad}");
        }
        assert!(Form::parse("a=1&".repeat(201).as_bytes()).is_none());
    }

    #[test]
    fn dollars_are_said_with_cents_or_without() {
        let cents = |text: &str| {
            let form = Form::parse(format!("m={text}").as_bytes()).unwrap();
            form.money("m", Currency::Usd)
        };
        for (text, good) in [
            ("12.34", 1_234),
            ("12", 1_200),
            ("$1,234.05", 123_405),
            ("US$1,234.05", 123_405),
            ("0.05", 5),
            ("１２．３４", 1_234),
        ] {
            assert_eq!(cents(text), Ok(Some(good)), "{text}");
        }
        assert_eq!(cents(""), Ok(None));
        for bad in [
            "$$12", "US$", "$", "US", "12.3", "12.345", "12.", ".5", "12,34", "-1", "1.2.3", "x",
            "12원", "₩12", "USx",
        ] {
            assert_eq!(cents(bad), Err(NoAmount), "{bad}");
        }
    }

    #[test]
    fn a_text_is_read_in_its_one_form_and_a_secret_as_it_is() {
        let typed = "\u{1112}\u{1169}\u{11bc}\u{200b}\u{202e}";
        let sent: String = form_urlencoded::byte_serialize(typed.as_bytes()).collect();
        let form = Form::parse(format!("a={sent}").as_bytes()).unwrap();
        assert_eq!(form.get("a"), "홍");
        assert_eq!(&**form.secret("a"), typed);
    }

    #[test]
    fn digits_are_cleaned() {
        let form = Form::parse("c=４１１１ 1111-1111–1111&x=41a1".as_bytes()).unwrap();
        assert_eq!(&**form.digits("c"), "4111111111111111");
        assert_eq!(&**form.digits("x"), "41a1");
    }
}
