//! How the storable text values are made: parsed once, read-only after, and parsed again when read
//! back from a store.

/// Defines a text value with one way in (`parse`) and the traits that all of them share.
///
/// `$check` is `fn(&str) -> Result<(), Invalid>`.
macro_rules! text_value {
    ($(#[$meta:meta])* $name:ident, $check:path) => {
        $(#[$meta])*
        #[derive(
            Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads the value, in its one form ([`normal::text`](crate::normal::text)).
            ///
            /// # Errors
            ///
            /// [`Invalid`](crate::Invalid) names the rule that the text breaks.
            pub fn parse(text: &str) -> Result<Self, $crate::Invalid> {
                let text = $crate::normal::text(text);
                $check(&text)?;
                Ok(Self(text.into_owned()))
            }

            /// The value as text, exactly as it goes to KCP.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::Invalid;

            fn from_str(text: &str) -> Result<Self, $crate::Invalid> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::Invalid;

            fn try_from(text: String) -> Result<Self, $crate::Invalid> {
                $check(&text)?;
                Ok(Self(text))
            }
        }

        impl TryFrom<&str> for $name {
            type Error = $crate::Invalid;

            fn try_from(text: &str) -> Result<Self, $crate::Invalid> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

pub(crate) use text_value;

use crate::error::{Field, Invalid, Rule};

/// Checks the length in bytes.
pub(crate) fn bytes(
    text: &str,
    field: Field,
    min: usize,
    max: usize,
    remedy: &'static str,
) -> Result<(), Invalid> {
    if (min..=max).contains(&text.len()) {
        Ok(())
    } else {
        Err(Invalid::new(field, Rule::Bytes { min, max }, remedy).with_length(text.len()))
    }
}

/// Checks for ASCII digits and their number.
pub(crate) fn digits(
    text: &str,
    field: Field,
    min: usize,
    max: usize,
    remedy: &'static str,
) -> Result<(), Invalid> {
    if (min..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
        Ok(())
    } else {
        Err(Invalid::new(field, Rule::Digits { min, max }, remedy).with_length(text.len()))
    }
}

/// Checks that there is no control character.
pub(crate) fn no_control(text: &str, field: Field, remedy: &'static str) -> Result<(), Invalid> {
    if text.chars().any(char::is_control) {
        Err(Invalid::new(field, Rule::NoControl, remedy))
    } else {
        Ok(())
    }
}
