//! A query string, parameter by parameter: unknown ones are refused by name.

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::problem::{Code, Problem};

/// The most parameters.
const PARAMETERS_MAX: usize = 64;

/// The parameters of a query string.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

impl Query {
    fn parse(text: &str) -> Result<Self, Problem> {
        let pairs = form_urlencoded::parse(text.as_bytes()).take(PARAMETERS_MAX + 1);
        let pairs: Vec<_> = pairs
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        if pairs.len() > PARAMETERS_MAX {
            return Err(Problem::new(
                Code::BadParameter,
                "more than 64 query parameters",
            ));
        }
        for (name, value) in &pairs {
            let field = if is_name(name) {
                name
            } else {
                "(an unusual name)"
            };
            // What was no UTF-8 comes out with the replacement character in it.
            if name.contains('\u{fffd}') || value.contains('\u{fffd}') {
                return Err(bad(field, "must be UTF-8, percent-encoded"));
            }
            if value.chars().any(char::is_control) {
                return Err(bad(field, "must not hold control characters"));
            }
            if value.chars().count() > 256 {
                return Err(bad(field, "must be at most 256 characters long"));
            }
        }
        Ok(Self(pairs))
    }

    /// Takes a parameter that can be there once.
    pub(crate) fn one(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        let mut all = self.all(name);
        match (all.pop(), all.is_empty()) {
            (_, false) => Err(bad(name, "must be there at most once")),
            (one, true) => Ok(one),
        }
    }

    /// Takes a parameter that can be there more than once.
    pub(crate) fn all(&mut self, name: &str) -> Vec<String> {
        self.0
            .extract_if(.., |(other, _)| other == name)
            .map(|(_, value)| value)
            .collect()
    }

    /// Refuses what is left.
    pub(crate) fn end(self) -> Result<(), Problem> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) if is_name(&name) => Err(Problem::new(
                Code::BadParameter,
                format!("there is no parameter {name}"),
            )
            .field(name)),
            Some(_) => Err(Problem::new(
                Code::BadParameter,
                "there is no parameter of that name",
            )),
        }
    }
}

/// The largest number of a parameter: larger ones are not the same to every reader of JSON.
const NUMBER_MAX: u64 = 9_007_199_254_740_991;

/// A parameter that is a whole number, if it is there; `rule` says what it has to be.
pub(crate) fn number(
    name: &'static str,
    rule: &str,
    text: Option<String>,
) -> Result<Option<u64>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    let number = text
        .parse()
        .ok()
        .filter(|number| plain && *number <= NUMBER_MAX);
    number.map(Some).ok_or_else(|| bad(name, rule))
}

/// A parameter that breaks a rule.
pub(crate) fn bad(name: &str, rule: &str) -> Problem {
    Problem::new(Code::BadParameter, format!("{name} {rule}"))
        .field(name)
        .rule(rule)
}

fn is_name(name: &str) -> bool {
    let letter = |b: u8| b.is_ascii_lowercase() || b == b'_' || b == b'4';
    (1..=32).contains(&name.len()) && name.bytes().all(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_taken_and_the_rest_refused() {
        let mut query = Query::parse("state=a&last4=1111&state=b+c%20d").unwrap();
        assert_eq!(query.all("state"), ["a", "b c d"]);
        assert_eq!(query.one("last4").unwrap().unwrap(), "1111");
        assert!(query.one("tno").unwrap().is_none());
        query.end().unwrap();
        assert!(Query::parse("a=1&a=2").unwrap().one("a").is_err());
        assert!(Query::parse("stat=1").unwrap().end().is_err());
        for text in ["a=%ff", "a=%00", "%ff=a", "a=%0a"] {
            assert!(Query::parse(text).is_err(), "{text}");
        }
        let four = Query::parse("4111111111111111=1")
            .unwrap()
            .end()
            .unwrap_err();
        assert!(
            format!("{four:?}").contains("of that name"),
            "digits are not repeated: {four:?}"
        );
    }
}
