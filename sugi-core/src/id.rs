//! Names of things: payments, cancels, webhooks, shops and the people or programs that act.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A name that is not one of ours: what it should have been, never more than its length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {rule} ({len} bytes given)")]
pub struct BadName {
    what: &'static str,
    rule: &'static str,
    len: usize,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $ok:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                let ok: fn(&str) -> bool = $ok;
                let text = &*nhn_kcp::normal::text(text);
                if ok(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(BadName { what: $what, rule: $rule, len: text.len() })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// A payment: `pay_` and 32 hexadecimal digits of a UUIDv7, so ids sort by the time they were made.
    ///
    /// ```
    /// let id: sugi_core::PaymentId = "pay_0193b0a1c2d37e4f8a5b6c7d8e9f0a1b".parse()?;
    /// assert!("pay_1".parse::<sugi_core::PaymentId>().is_err());
    /// # let _ = id;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    PaymentId, "payment id", "write pay_ and 32 lower-case hexadecimal digits",
    |text| text.strip_prefix("pay_").is_some_and(is_hex_32)
}

name! {
    /// One cancel that someone asked for: `can_` and 32 hexadecimal digits.
    CancelId, "cancellation id", "write can_ and 32 lower-case hexadecimal digits",
    |text| text.strip_prefix("can_").is_some_and(is_hex_32)
}

name! {
    /// What a person told of a payment in doubt, once: `res_` and 32 hexadecimal digits.
    ResolutionId, "resolution id", "write res_ and 32 lower-case hexadecimal digits",
    |text| text.strip_prefix("res_").is_some_and(is_hex_32)
}

name! {
    /// A place where a merchant's own program is told of events: `wh_` and 32 hexadecimal digits.
    WebhookId, "webhook id", "write wh_ and 32 lower-case hexadecimal digits",
    |text| text.strip_prefix("wh_").is_some_and(is_hex_32)
}

name! {
    /// A shop (one KCP site code and its contract) as this installation calls it.
    ShopId, "shop", "write 1 to 32 of a-z, 0-9, - and _",
    |text| (1..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

name! {
    /// Who asked: an operator, an API key or the command line, by name, in its one form
    /// ([`normal::text`](nhn_kcp::normal::text)).
    Actor, "actor", "write 1 to 64 bytes without control characters",
    |text| (1..=64).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn is_hex_32(text: &str) -> bool {
    text.len() == 32
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
