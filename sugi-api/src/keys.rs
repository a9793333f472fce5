//! API keys: who may do what, for which shops.

use std::{collections::BTreeSet, sync::Arc};

use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};
use sugi_core::{Actor, ShopId};
use tokio::sync::Semaphore;

/// Something that a key may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Take payments.
    Pay,
    /// Cancel them.
    Cancel,
    /// Close payments in doubt.
    Resolve,
    /// Look at payments and shops.
    Read,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Pay, Self::Cancel, Self::Resolve, Self::Read];

    /// The scope in one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pay => "pay",
            Self::Cancel => "cancel",
            Self::Resolve => "resolve",
            Self::Read => "read",
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or(())
    }
}

/// One API key. The key itself is not kept, only its hash.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Its name: who did it, in the journal, and whose idempotency keys these are.
    pub name: Actor,
    /// SHA-256 of the key. Keys are long and random, so no slow hash is needed.
    pub sha256: [u8; 32],
    /// For which shops it is; empty means all.
    pub shops: BTreeSet<ShopId>,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
}

impl ApiKey {
    /// A key for all shops and everything.
    #[must_use]
    pub fn new(name: Actor, key: &str) -> Self {
        let sha256 = Sha256::digest(key).into();
        Self {
            name,
            sha256,
            shops: BTreeSet::new(),
            scopes: Scope::ALL.into(),
        }
    }

    /// The same key for these shops only.
    #[must_use]
    pub fn only_shops(mut self, shops: impl IntoIterator<Item = ShopId>) -> Self {
        self.shops = shops.into_iter().collect();
        self
    }

    /// The same key for this only.
    #[must_use]
    pub fn only_scopes(mut self, scopes: impl IntoIterator<Item = Scope>) -> Self {
        self.scopes = scopes.into_iter().collect();
        self
    }

    /// Whether it may use a shop.
    #[must_use]
    pub fn may_use(&self, shop: &ShopId) -> bool {
        self.shops.is_empty() || self.shops.contains(shop)
    }
}

/// The keys that this service knows.
#[derive(Debug, Default)]
pub struct Keys(Vec<Known>);

/// A key, and how many requests it may still make at once.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) key: Arc<ApiKey>,
    pub(crate) room: Arc<Semaphore>,
}

impl Keys {
    /// Keys, each with at most `at_once` requests at a time.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = ApiKey>, at_once: usize) -> Self {
        let known = |key| Known {
            key: Arc::new(key),
            room: Arc::new(Semaphore::new(at_once)),
        };
        Self(keys.into_iter().map(known).collect())
    }

    /// The key with this text. Takes as long for any text.
    pub(crate) fn find(&self, text: &str) -> Option<&Known> {
        let hash: [u8; 32] = Sha256::digest(text).into();
        let none = u32::MAX;
        let found = (0_u32..).zip(&self.0).fold(none, |found, (at, known)| {
            u32::conditional_select(&found, &at, known.key.sha256.ct_eq(&hash))
        });
        self.0.get(usize::try_from(found).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_text_alone() {
        let keys = Keys::new(
            ["one", "two"].map(|key| ApiKey::new(format!("name of {key}").parse().unwrap(), key)),
            1,
        );
        assert_eq!(keys.find("two").unwrap().key.name.as_str(), "name of two");
        assert_eq!(keys.find("one").unwrap().key.name.as_str(), "name of one");
        assert!(keys.find("three").is_none());
        assert!(keys.find("").is_none());
    }
}
