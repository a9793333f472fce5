//! `Prefer: wait=n` (RFC 7240): how long the caller wants to wait for a word that stands.

use std::{convert::Infallible, time::Duration};

use axum::{extract::FromRequestParts, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue, request::Parts};

/// The longest wait that is given, in seconds.
pub const WAIT_SECS_MAX: u64 = 60;

/// What the caller prefers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Prefer {
    wait_secs: Option<u64>,
}

impl<S: Sync> FromRequestParts<S> for Prefer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

impl Prefer {
    /// The first `wait` counts; what cannot be read is no preference, as the RFC has it.
    fn of(headers: &HeaderMap) -> Self {
        let wait_secs = headers
            .get_all("prefer")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(','))
            .find_map(wait)
            .map(|secs| secs.min(WAIT_SECS_MAX));
        Self { wait_secs }
    }

    /// How long the caller wants to wait, if it said so.
    pub(crate) fn wait(self) -> Option<Duration> {
        self.wait_secs.map(Duration::from_secs)
    }

    /// Says which preference was followed.
    pub(crate) fn applied(self, mut response: Response) -> Response {
        let applied = self
            .wait_secs
            .and_then(|secs| HeaderValue::from_str(&format!("wait={secs}")).ok());
        if let Some(applied) = applied {
            response
                .headers_mut()
                .insert(HeaderName::from_static("preference-applied"), applied);
        }
        response
    }
}

fn wait(preference: &str) -> Option<u64> {
    let (name, value) = preference.split(';').next()?.split_once('=')?;
    let digits = value.trim().trim_matches('"');
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    // More digits than fit are more than the longest wait.
    (name.trim().eq_ignore_ascii_case("wait") && is_number)
        .then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("prefer", HeaderValue::from_str(value).unwrap());
            }
            Prefer::of(&headers).wait_secs
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["wait=10"]), Some(10));
        assert_eq!(of(&["respond-async, WAIT = \"10\"; foo=bar"]), Some(10));
        assert_eq!(of(&["return=minimal", "wait=0"]), Some(0));
        assert_eq!(of(&["wait=99999999999999999999999"]), Some(60));
        assert_eq!(of(&["wait=61"]), Some(60));
        assert_eq!(of(&["wait=ten, wait=5"]), Some(5));
        assert_eq!(of(&["wait=-1"]), None);
        assert_eq!(of(&["wait"]), None);
    }
}
