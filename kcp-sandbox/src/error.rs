//! The one shape of a refusal on the control port and of the calls that stand for it.

use std::fmt;

use serde::Serialize;

/// A request to the sandbox itself that cannot be served: which field, which rule, what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Error {
    /// The field, header or path concerned.
    pub field: String,
    /// The rule that it breaks.
    pub rule: String,
    /// What to send instead.
    pub remedy: String,
}

impl Error {
    pub(crate) fn new(
        field: impl Into<String>,
        rule: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        // Names come from outside; one of a sane length is enough to find the place.
        let mut field: String = field.into();
        if let Some((at, _)) = field.char_indices().nth(64) {
            field.truncate(at);
        }
        Self {
            field,
            rule: rule.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}; {}", self.field, self.rule, self.remedy)
    }
}

impl std::error::Error for Error {}
