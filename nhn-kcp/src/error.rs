//! The one error for a value that this crate refuses before anything is sent.

use std::fmt;

/// A value was refused. Nothing was sent.
///
/// Says which field, which rule, how long the value was where that helps, and what to do. It never
/// holds any of the value itself, so it is safe to log and to show, also for card data.
///
/// ```
/// let refused = nhn_kcp::CardNumber::parse("4111-1111-1111-1111").unwrap_err();
/// assert_eq!(refused.field(), "card number");
/// assert_eq!(
///     refused.to_string(),
///     "card number (card_no) must be 13 to 16 digits and nothing else, got 19 bytes: \
///      leave out spaces and hyphens"
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Invalid {
    field: Field,
    rule: Rule,
    length: Option<usize>,
    remedy: &'static str,
}

impl Invalid {
    pub(crate) const fn new(field: Field, rule: Rule, remedy: &'static str) -> Self {
        Self {
            field,
            rule,
            length: None,
            remedy,
        }
    }

    /// Adds the length of the refused value in bytes. Only the length: see the type.
    pub(crate) const fn with_length(mut self, bytes: usize) -> Self {
        self.length = Some(bytes);
        self
    }

    /// The field in plain words, such as `card number`.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field.name
    }

    /// KCP's own name of the field, such as `card_no`.
    #[must_use]
    pub const fn kcp_field(&self) -> &'static str {
        self.field.kcp
    }

    /// The rule that the value breaks.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        self.rule
    }

    /// How many bytes the refused value had, where that helps.
    #[must_use]
    pub const fn length(&self) -> Option<usize> {
        self.length
    }

    /// What to do about it, in a few words.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        self.remedy
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) {}", self.field.name, self.field.kcp, self.rule)?;
        if let Some(bytes) = self.length {
            let plural = if bytes == 1 { "" } else { "s" };
            write!(f, ", got {bytes} byte{plural}")?;
        }
        write!(f, ": {}", self.remedy)
    }
}

impl std::error::Error for Invalid {}

/// What a field must be. Has a clear text (`Display`), and enough structure to say it in another
/// language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// ASCII digits only, and this many.
    Digits {
        /// The fewest digits.
        min: usize,
        /// The most digits.
        max: usize,
    },
    /// Digits only, in one of exactly two lengths.
    DigitsEither(usize, usize),
    /// This many bytes of UTF-8.
    Bytes {
        /// The fewest bytes.
        min: usize,
        /// The most bytes.
        max: usize,
    },
    /// This many characters (Unicode scalar values).
    Chars {
        /// The fewest characters.
        min: usize,
        /// The most characters.
        max: usize,
    },
    /// A whole number within bounds.
    Range {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// A number of months: 0 (lump sum) or within bounds.
    Months {
        /// The fewest months of an instalment plan.
        min: u8,
        /// The most months.
        max: u8,
    },
    /// Only certain characters; the text names them.
    Only(&'static str),
    /// No control characters (line ends and tabs are control characters).
    NoControl,
    /// A certain form; the text shows it.
    Form(&'static str),
    /// A date or time that exists in the calendar.
    CalendarDate,
    /// Agreement with another value of the same request; the text says which.
    Agree(&'static str),
    /// Not in the past: the card is valid to the end of the printed month.
    NotExpired,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Digits { min, max } if min == max => {
                write!(f, "must be {min} digits and nothing else")
            }
            Self::Digits { min, max } => {
                write!(f, "must be {min} to {max} digits and nothing else")
            }
            Self::DigitsEither(one, other) => {
                write!(f, "must be {one} or {other} digits and nothing else")
            }
            Self::Bytes { min, max } if min == max => write!(f, "must be {min} bytes long"),
            Self::Bytes { min, max } => write!(f, "must be {min} to {max} bytes long in UTF-8"),
            Self::Chars { min, max } => write!(f, "must be {min} to {max} characters long"),
            Self::Range { min, max } => write!(f, "must be a whole number from {min} to {max}"),
            Self::Months { min, max } => {
                write!(f, "must be 0 for a lump sum or {min} to {max} months")
            }
            Self::Only(what) => write!(f, "must hold only {what}"),
            Self::NoControl => f.write_str("must not hold control characters"),
            Self::Form(form) => write!(f, "must have the form {form}"),
            Self::CalendarDate => f.write_str("must be a date that exists"),
            Self::Agree(with) => write!(f, "must {with}"),
            Self::NotExpired => f.write_str("must not be in the past"),
        }
    }
}

/// A field's name in plain words, and KCP's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Field {
    name: &'static str,
    kcp: &'static str,
}

impl Field {
    pub(crate) const fn new(name: &'static str, kcp: &'static str) -> Self {
        Self { name, kcp }
    }
}
