//! Which shops an operator, an API key, a webhook or a search is for.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::ShopId;

/// The word for every shop.
const ALL: &str = "all";

/// All shops, or a set of them. An empty set is no shop: taking the last shop away never gives all of
/// them. There is no default, so that "all" is always something that was said.
///
/// As JSON and in the configuration it is `"all"` or a list.
///
/// ```
/// use sugi_core::{ShopId, Shops};
/// let main: ShopId = "main".parse()?;
/// assert!(Shops::All.contains(&main));
/// assert!(!Shops::none().contains(&main));
/// let one: Shops = [main].into();
/// assert!(one.is_within(&Shops::All) && !Shops::All.is_within(&one));
/// # Ok::<(), sugi_core::BadName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Shops {
    /// Every shop, those that are configured later as well.
    All,
    /// These and no others.
    Only(BTreeSet<ShopId>),
}

impl Shops {
    /// No shop.
    #[must_use]
    pub const fn none() -> Self {
        Self::Only(BTreeSet::new())
    }

    /// Whether no shop is in it.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::Only(shops) if shops.is_empty())
    }

    /// Whether a shop is in it.
    #[must_use]
    pub fn contains(&self, shop: &ShopId) -> bool {
        match self {
            Self::All => true,
            Self::Only(shops) => shops.contains(shop),
        }
    }

    /// Whether every shop in it is also in the other one.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::All) => true,
            (Self::All, Self::Only(_)) => false,
            (Self::Only(these), Self::Only(those)) => these.is_subset(those),
        }
    }

    /// Its shops by name; `None` where it is all of them.
    #[must_use]
    pub fn named(&self) -> Option<&BTreeSet<ShopId>> {
        match self {
            Self::All => None,
            Self::Only(shops) => Some(shops),
        }
    }

    /// Its shops in one line, with the caller's words for all of them and for none.
    #[must_use]
    pub fn in_words(&self, all: &str, none: &str) -> String {
        match self {
            Self::All => all.into(),
            Self::Only(shops) if shops.is_empty() => none.into(),
            Self::Only(shops) => {
                let names: Vec<_> = shops.iter().map(ShopId::as_str).collect();
                names.join(", ")
            }
        }
    }
}

impl fmt::Display for Shops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_words(ALL, "none"))
    }
}

impl FromIterator<ShopId> for Shops {
    fn from_iter<T: IntoIterator<Item = ShopId>>(shops: T) -> Self {
        Self::Only(shops.into_iter().collect())
    }
}

impl<const N: usize> From<[ShopId; N]> for Shops {
    fn from(shops: [ShopId; N]) -> Self {
        shops.into_iter().collect()
    }
}

impl Serialize for Shops {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str(ALL),
            Self::Only(shops) => shops.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Shops {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "shops must be \"all\", or a list of shops such as [\"main\"]"
        )]
        enum Written {
            Word(String),
            List(Vec<String>),
        }
        match Written::deserialize(deserializer)? {
            Written::Word(word) if word == ALL => Ok(Self::All),
            Written::Word(_) => Err(D::Error::custom(
                "shops must be \"all\", or a list of shops such as [\"main\"]",
            )),
            Written::List(shops) => {
                let shops = shops.iter().map(|shop| ShopId::from_str(shop));
                shops.collect::<Result<_, _>>().map_err(D::Error::custom)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Shops {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn no_shop_is_never_all_shops() {
        let main = "main".parse().unwrap();
        let mut shops = of(&["main"]);
        assert!(shops.contains(&main));
        if let Shops::Only(set) = &mut shops {
            set.remove(&main);
        }
        assert!(shops.is_none() && !shops.contains(&main));
        assert_eq!(shops, Shops::none());
        assert!(!Shops::All.is_within(&shops) && !Shops::All.is_none());
        for other in [Shops::none(), of(&["main"]), Shops::All] {
            assert!(shops.is_within(&other), "{other}");
        }
        assert!(of(&["a"]).is_within(&of(&["a", "b"])));
        assert!(!of(&["a", "b"]).is_within(&of(&["a"])));
    }

    #[test]
    fn all_is_a_word_and_nothing_else_is() {
        for (shops, written) in [
            (Shops::All, r#""all""#),
            (Shops::none(), "[]"),
            (of(&["b", "a"]), r#"["a","b"]"#),
            (of(&["all"]), r#"["all"]"#),
        ] {
            assert_eq!(serde_json::to_string(&shops).unwrap(), written);
            assert_eq!(serde_json::from_str::<Shops>(written).unwrap(), shops);
        }
        for bad in [
            r#""""#,
            r#""main""#,
            "null",
            "{}",
            r#"["A"]"#,
            r#""ALL""#,
            "true",
        ] {
            assert!(serde_json::from_str::<Shops>(bad).is_err(), "{bad}");
        }
        assert_eq!(
            (Shops::All.to_string(), Shops::none().to_string()),
            ("all".into(), "none".into())
        );
        assert_eq!(of(&["b", "a"]).to_string(), "a, b");
    }
}
