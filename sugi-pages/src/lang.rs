//! The two languages, and tables of words in both.

use http::{HeaderMap, header};

use crate::current_operator::cookie;

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Lang {
    #[default]
    Ko,
    En,
}

/// The cookie that keeps someone's choice.
pub(crate) const LANG_COOKIE: &str = "sugi-lang";

impl Lang {
    /// The one that someone chose, else the first of theirs that we speak.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        if let Some(chosen) = cookie(headers, LANG_COOKIE).and_then(|text| Self::parse(&text)) {
            return chosen;
        }
        let given = headers.get(header::ACCEPT_LANGUAGE);
        let given = given
            .and_then(|text| text.to_str().ok())
            .unwrap_or_default();
        let first = |text: &str| Self::parse(text.trim().get(..2)?);
        given.split(',').find_map(first).unwrap_or_default()
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "ko" => Some(Self::Ko),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    pub(crate) fn code(self) -> &'static str {
        self.pick("ko", "en")
    }

    /// Its own name for itself.
    pub(crate) fn name(self) -> &'static str {
        self.pick("한국어", "English")
    }

    pub(crate) fn other(self) -> Self {
        match self {
            Self::Ko => Self::En,
            Self::En => Self::Ko,
        }
    }

    pub(crate) fn pick<T>(self, ko: T, en: T) -> T {
        match self {
            Self::Ko => ko,
            Self::En => en,
        }
    }
}

/// A table of words: each line a name, the Korean, the English. `{}` stands for what is filled in.
///
/// Both languages stand side by side, so that who changes one sees the other; a word that is missing
/// in one does not compile, and a template that uses a word that is not there does not either.
macro_rules! messages {
    ($(#[$doc:meta])* $table:ident { $($name:ident $ko:literal $en:literal)* }) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $table { $(pub(crate) $name: &'static str,)* }

        impl $table {
            pub(crate) fn of(lang: $crate::lang::Lang) -> &'static Self {
                static KO: $table = $table { $($name: $ko,)* };
                static EN: $table = $table { $($name: $en,)* };
                lang.pick(&KO, &EN)
            }
        }

        #[cfg(test)]
        #[test]
        #[allow(non_snake_case, reason = "one test per table, named after it")]
        fn $table() {
            $(crate::lang::check(stringify!($name), $ko, $en);)*
        }
    };
}
pub(crate) use messages;

#[cfg(test)]
pub(crate) fn check(name: &str, ko: &str, en: &str) {
    assert!(!ko.is_empty() && !en.is_empty(), "{name} is empty");
    let blanks = |text: &str| text.matches("{}").count();
    assert_eq!(blanks(ko), blanks(en), "{name}: {ko} / {en}");
    assert!(en.is_ascii(), "{name}: {en}");
}

/// Fills the blanks of a text, in order.
pub(crate) fn fill(text: &str, parts: &[&str]) -> String {
    let mut filled = String::with_capacity(text.len() + 32);
    let mut parts = parts.iter();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{}") {
        filled.push_str(before);
        filled.push_str(parts.next().unwrap_or(&""));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_choice_comes_before_the_browser() {
        let of = |cookie: &'static str, accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_static(cookie));
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(accept));
            Lang::of(&headers)
        };
        assert_eq!(of("", ""), Lang::Ko);
        assert_eq!(of("", "fr-FR, en-GB;q=0.8, ko;q=0.5"), Lang::En);
        assert_eq!(of("sugi-lang=ko", "en"), Lang::Ko);
        assert_eq!(of("sugi-lang=xx", "en"), Lang::En);
    }

    #[test]
    fn blanks_are_filled_in_order() {
        assert_eq!(fill("{}원 중 {}원", &["2", "1"]), "2원 중 1원");
        assert_eq!(fill("{} {}", &["1"]), "1 ");
    }
}
