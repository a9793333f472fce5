//! What goes into a statement and what comes out of it, in the two types that both engines share.

use std::borrow::Cow;

use jiff::Timestamp;
use sugi_core::{BadName, PaymentId};

use crate::error::{IntegrityViolation, StoreError};

/// A parameter, or a cell that was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Value<'a> {
    Null,
    Text(Cow<'a, str>),
    Integer(i64),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        text.as_str().into()
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<'a> From<&'a Option<String>> for Value<'a> {
    fn from(text: &'a Option<String>) -> Self {
        text.as_deref().into()
    }
}

/// A row as it was read.
#[derive(Debug)]
pub(crate) struct Cells(pub(crate) Vec<Value<'static>>);

impl Cells {
    /// The text in a column, if there is one.
    pub(crate) fn maybe_text(&self, at: usize) -> Result<Option<String>, StoreError> {
        match self.0.get(at) {
            Some(Value::Null) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.clone().into_owned())),
            other => Err(unlike("a text", at, other)),
        }
    }

    /// The number in a column, if there is one.
    pub(crate) fn maybe_int(&self, at: usize) -> Result<Option<i64>, StoreError> {
        match self.0.get(at) {
            Some(Value::Null) => Ok(None),
            Some(Value::Integer(number)) => Ok(Some(*number)),
            other => Err(unlike("a number", at, other)),
        }
    }

    /// Whether there is nothing in a column.
    pub(crate) fn is_null(&self, at: usize) -> bool {
        matches!(self.0.get(at), None | Some(Value::Null))
    }

    /// The text in a column that always has one.
    pub(crate) fn text(&self, at: usize) -> Result<String, StoreError> {
        self.maybe_text(at)?
            .ok_or_else(|| unlike("a text", at, None))
    }

    /// The number in a column that always has one.
    pub(crate) fn int(&self, at: usize) -> Result<i64, StoreError> {
        self.maybe_int(at)?
            .ok_or_else(|| unlike("a number", at, None))
    }

    /// The name of a payment in a column.
    pub(crate) fn id(&self, at: usize) -> Result<PaymentId, StoreError> {
        let text = self.text(at)?;
        text.parse().map_err(|why: BadName| {
            IntegrityViolation::in_projection(&text, why.to_string()).into()
        })
    }

    /// The time in a column, if there is one.
    pub(crate) fn maybe_time(&self, at: usize) -> Result<Option<Timestamp>, StoreError> {
        let time = |at| Timestamp::from_microsecond(at).map_err(|_| unlike("a time", 0, None));
        self.maybe_int(at)?.map(time).transpose()
    }
}

/// Says which kind of thing was found, never its content: it may be a buyer's name.
fn unlike(wanted: &str, at: usize, found: Option<&Value>) -> StoreError {
    let found = match found {
        None | Some(Value::Null) => "nothing",
        Some(Value::Text(_)) => "a text",
        Some(Value::Integer(_)) => "a number",
    };
    IntegrityViolation {
        place: "an answer of the database".into(),
        what: format!("column {at}: {found} where {wanted} belongs"),
    }
    .into()
}
