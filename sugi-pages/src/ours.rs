//! Where a form or an address may send the browser: a page of ours, and nothing else.
//!
//! A browser leaves tabs and line ends out of an address, takes a backslash for a slash, and two slashes for
//! another host. So nothing is looked for that must not be there: the text is read by the table of our own
//! addresses, and what does not read as one of them is none.

use nhn_kcp::pan::{self, Rule};

use crate::router::ROUTES;

/// What a query may hold beside letters and digits, as RFC 3986 has it.
const IN_QUERY: &[u8] = b"-._~!$&'()*+,;=:@/?%";
/// The longest address that is gone back to.
const BYTES_MAX: usize = 2_048;

/// A text as an address of ours that shows a page: its path and query.
pub(crate) fn page(text: &str) -> Option<&str> {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let mut shown = ROUTES.iter().filter(|route| route.get);
    let is_ours = text.len() <= BYTES_MAX
        && shown.any(|route| is_at(route.path, path))
        && is_query(query)
        // One that was pasted into an address is repeated nowhere.
        && !pan::holds(text, Rule::Text);
    is_ours.then_some(text)
}

/// Whether a path is a route's, each part by itself.
fn is_at(route: &str, path: &str) -> bool {
    let (mut parts, mut given) = (route.split('/'), path.split('/'));
    loop {
        match (parts.next(), given.next()) {
            (None, None) => return true,
            (Some(part), Some(given)) if part.starts_with('{') => {
                if !is_name(given) {
                    return false;
                }
            }
            (Some(part), Some(given)) if part == given => {}
            _ => return false,
        }
    }
}

/// Whether a part of a path names something, and is no way to another part.
fn is_name(part: &str) -> bool {
    let Some(bytes) = decoded(part, b"-._~!$&'()*+,;=:@") else {
        return false;
    };
    let Ok(name) = String::from_utf8(bytes) else {
        return false;
    };
    !matches!(&*name, "" | "." | "..")
        && !name.contains(|sign: char| sign.is_control() || matches!(sign, '/' | '\\'))
}

fn is_query(query: &str) -> bool {
    decoded(query, IN_QUERY).is_some()
}

/// A text without its percent-encoding, if it holds nothing that should have been encoded.
fn decoded(text: &str, besides: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        (bytes, rest) = match (first, after) {
            (b'%', [high, low, left @ ..]) => {
                let digit = |byte: u8| u8::try_from((byte as char).to_digit(16)?).ok();
                bytes.push(digit(*high)? * 16 + digit(*low)?);
                (bytes, left)
            }
            (b'%', _) => return None,
            (plain, left) if plain.is_ascii_alphanumeric() || besides.contains(plain) => {
                bytes.push(*plain);
                (bytes, left)
            }
            _ => return None,
        };
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_ours_are_gone_to() {
        for path in [
            "/",
            "/keyin",
            "/payments",
            "/payments?q=%ED%99%8D&from=2026-11-01&state=",
            "/payments/pay_1?x=1",
            "/payments/pay_1/receipt",
            "/settings/operators/%EA%B9%80%20%EB%8C%80%EB%A6%AC",
            "/sign-in",
        ] {
            assert_eq!(page(path), Some(path));
        }
    }

    #[test]
    fn nothing_else_is_however_it_is_written() {
        for text in [
            "",
            "payments",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            "/%09/evil.example",
            "/%2f/evil.example",
            "/%2Fevil.example",
            "/%5cevil.example",
            "/.//evil.example",
            "/..//evil.example",
            "/payments//evil.example",
            "/payments/..",
            "/payments/%2e%2e",
            "/payments/.",
            "/payments/a%2fb",
            "/payments/a\\b",
            "/payments/%00",
            "/payments/%ff",
            "/payments/%zz",
            "/payments/",
            "/payments#x",
            "/payments?\t",
            "/payments?\\",
            "/payments?x y",
            "/payments?%",
            "/payments?é",
            "/PAYMENTS",
            "/nowhere",
            // Nothing is shown there.
            "/sign-out",
            "/payments/pay_1/cancel",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "/\u{2028}/evil.example",
            " /payments",
            "/payments?q=4111111111111111",
        ] {
            assert_eq!(page(text), None, "{text:?}");
        }
        assert_eq!(page(&format!("/payments?{}", "a".repeat(2_048))), None);
    }
}
