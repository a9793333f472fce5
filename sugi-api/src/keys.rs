//! API keys: who may do what, for which shops.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
};

use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};
use sugi_core::{Actor, ShopId, Shops};
use tokio::sync::Semaphore;

use sugi_access::Network;

/// Something that a key may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Take payments.
    Pay,
    /// Cancel them.
    Cancel,
    /// Close payments in doubt.
    Resolve,
    /// Look at payments, events and shops.
    Read,
    /// Set webhooks up.
    Webhooks,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 5] = [
        Self::Pay,
        Self::Cancel,
        Self::Resolve,
        Self::Read,
        Self::Webhooks,
    ];

    /// The scope in one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pay => "pay",
            Self::Cancel => "cancel",
            Self::Resolve => "resolve",
            Self::Read => "read",
            Self::Webhooks => "webhooks",
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
    /// SHA-256 of the key that comes after or went before: both are good while the holder changes.
    pub also_sha256: Option<[u8; 32]>,
    /// For which shops it is.
    pub shops: Shops,
    /// What it may do; nothing if it is empty.
    pub scopes: BTreeSet<Scope>,
    /// From where it may be used; empty means from anywhere.
    pub addresses: Vec<Network>,
}

impl ApiKey {
    /// A key for all shops and everything.
    #[must_use]
    pub fn new(name: Actor, key: &str) -> Self {
        let sha256 = Sha256::digest(key).into();
        Self {
            name,
            sha256,
            also_sha256: None,
            shops: Shops::All,
            scopes: Scope::ALL.into(),
            addresses: Vec::new(),
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

    /// The same key, and a second text for it.
    #[must_use]
    pub fn also(mut self, key: &str) -> Self {
        self.also_sha256 = Some(Sha256::digest(key).into());
        self
    }

    /// The same key from these networks only.
    #[must_use]
    pub fn only_from(mut self, addresses: impl IntoIterator<Item = Network>) -> Self {
        self.addresses = addresses.into_iter().collect();
        self
    }

    /// Whether it may be used from an address.
    #[must_use]
    pub fn may_come_from(&self, address: IpAddr) -> bool {
        let mut networks = self.addresses.iter();
        self.addresses.is_empty() || networks.any(|network| network.contains(address))
    }

    /// Whether it may use a shop.
    #[must_use]
    pub fn may_use(&self, shop: &ShopId) -> bool {
        self.shops.contains(shop)
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

    /// These keys instead. What is under way with a key of the same name still takes its places.
    #[must_use]
    pub(crate) fn renewed(&self, keys: impl IntoIterator<Item = ApiKey>, at_once: usize) -> Self {
        let rooms: HashMap<_, _> = self
            .0
            .iter()
            .map(|old| (&old.key.name, &old.room))
            .collect();
        let mut renewed = Self::new(keys, at_once);
        for known in &mut renewed.0 {
            if let Some(room) = rooms.get(&known.key.name) {
                known.room = Arc::clone(room);
            }
        }
        renewed
    }

    pub(crate) fn all(&self) -> Vec<Arc<ApiKey>> {
        self.0.iter().map(|known| Arc::clone(&known.key)).collect()
    }

    /// The key with this text. Takes as long for any text.
    pub(crate) fn find(&self, text: &str) -> Option<&Known> {
        let hash: [u8; 32] = Sha256::digest(text).into();
        let none = u32::MAX;
        let found = (0_u32..)
            .zip(&self.0)
            .fold(none, |found, (at, Known { key, .. })| {
                let both = [Some(key.sha256), key.also_sha256];
                both.into_iter().flatten().fold(found, |found, one| {
                    u32::conditional_select(&found, &at, one.ct_eq(&hash))
                })
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

    fn key(text: &str) -> ApiKey {
        ApiKey::new("back end".parse().unwrap(), text)
    }

    #[test]
    fn while_a_key_changes_both_texts_are_it() {
        let keys = Keys::new([key("old").also("new")], 1);
        for text in ["old", "new"] {
            assert_eq!(keys.find(text).unwrap().key.name.as_str(), "back end");
        }
        assert!(keys.find("older").is_none());
    }

    #[test]
    fn what_is_under_way_keeps_its_place_when_keys_are_read_anew() {
        let keys = Keys::new([key("old")], 1);
        let place = Arc::clone(&keys.find("old").unwrap().room).try_acquire_owned();
        let keys = keys.renewed([key("new")], 1);
        assert!(keys.find("old").is_none());
        let room = &keys.find("new").unwrap().room;
        assert_eq!(room.available_permits(), 0);
        drop(place);
        assert_eq!(room.available_permits(), 1);
    }
}
