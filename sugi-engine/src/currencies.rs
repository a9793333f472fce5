//! The currencies that a shop's contract takes.

use std::{collections::BTreeSet, fmt, str::FromStr};

use nhn_kcp::Currency;

/// The currencies of a contract: one at least. Dollars take an agreement of their own with KCP, so
/// without a word it is won and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Currencies(BTreeSet<Currency>);

/// What does not read as the currencies of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(r#"currencies must name KRW, USD or both, each once, such as ["KRW", "USD"]"#)]
pub struct BadCurrencies;

impl Default for Currencies {
    /// Won.
    fn default() -> Self {
        Self([Currency::Krw].into())
    }
}

impl Currencies {
    /// Won and US dollars.
    #[must_use]
    pub fn both() -> Self {
        Self([Currency::Krw, Currency::Usd].into())
    }

    /// The currencies that a list names.
    ///
    /// # Errors
    /// When it names none, one twice, or something else.
    pub fn parse<T: AsRef<str>>(list: &[T]) -> Result<Self, BadCurrencies> {
        let parsed = list.iter().map(|word| Currency::from_str(word.as_ref()));
        let parsed: BTreeSet<_> = parsed
            .collect::<Result<_, _>>()
            .map_err(|_| BadCurrencies)?;
        if parsed.is_empty() || parsed.len() != list.len() {
            return Err(BadCurrencies);
        }
        Ok(Self(parsed))
    }

    /// Whether it is one of them.
    #[must_use]
    pub fn takes(&self, currency: Currency) -> bool {
        self.0.contains(&currency)
    }

    /// All of them, won first.
    pub fn iter(&self) -> impl Iterator<Item = Currency> + '_ {
        self.0.iter().copied()
    }
}

/// In words: `KRW`, `KRW or USD`.
impl fmt::Display for Currencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.iter().map(Currency::as_str).collect();
        f.write_str(&words.join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contract_takes_what_is_named_and_something() {
        let takes = |list: &[&str]| Currencies::parse(list).map(|parsed| parsed.to_string());
        assert_eq!(takes(&["KRW"]).unwrap(), Currencies::default().to_string());
        assert_eq!(takes(&["USD"]).unwrap(), "USD");
        assert_eq!(takes(&["USD", "KRW"]).unwrap(), "KRW or USD");
        assert_eq!(Currencies::parse(&["KRW", "USD"]), Ok(Currencies::both()));
        for bad in [
            &[][..],
            &["EUR"],
            &["usd"],
            &["KRW", "KRW"],
            &["KRW", "840"],
        ] {
            assert_eq!(takes(bad), Err(BadCurrencies), "{bad:?}");
        }
    }
}
