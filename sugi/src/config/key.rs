//! An API key's part of the configuration.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sugi_api::{ApiKey, BadNetwork, Network, Scope};
use sugi_core::{Actor, Shops};

use crate::cli::Failure;

/// One API key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyConfig {
    /// SHA-256 of the key, 64 hexadecimal digits. The key itself is kept nowhere.
    pub(crate) sha256: Hashes,
    /// The shops it may use, or `"all"`. It has to be said, as it is never all by being left out.
    pub(crate) shops: Option<Shops>,
    /// What it may do, of `pay`, `cancel`, `resolve`, `read`, `webhooks`. It has to be said as well.
    pub(crate) scopes: Option<BTreeSet<String>>,
    /// From where it may be used, such as `10.0.0.0/8` or `::1`; from anywhere if nothing is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) addresses: Vec<String>,
}

/// One hash, or two while the holder changes from one key to the next.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "sha256 must be one hash, or a list of one or two while a key changes"
)]
pub(crate) enum Hashes {
    One(String),
    List(Vec<String>),
}

impl KeyConfig {
    pub(super) fn open(&self, name: &Actor) -> Result<ApiKey, Failure> {
        let failed =
            |why: &dyn std::fmt::Display| Failure::new(format!("key {name}: {why}")).code(2);
        let hashes = match &self.sha256 {
            Hashes::One(hash) => std::slice::from_ref(hash),
            Hashes::List(hashes) => hashes,
        };
        let (sha256, also_sha256) = match hashes {
            [one] => (one, None),
            [one, other] => (one, Some(other)),
            _ => {
                return Err(failed(
                    &"sha256 must be one hash, or two while a key changes; take the oldest out",
                ));
            }
        };
        let wrong = || failed(&"sha256 must be 64 hexadecimal digits; `sugi key` makes them");
        let read = |hash: &String| from_hex(hash).ok_or_else(wrong);
        let shops = self.shops.clone().ok_or_else(|| {
            failed(&"it has no shops: write shops = [\"main\"], or shops = \"all\"")
        })?;
        let scopes = self.scopes.as_ref().ok_or_else(|| {
            failed(
                &"it has no scopes: write those of pay, cancel, resolve, read, webhooks that its \
                  holder needs, such as scopes = [\"pay\", \"read\"]",
            )
        })?;
        let scopes: Result<BTreeSet<Scope>, ()> =
            scopes.iter().map(|scope| scope.parse()).collect();
        let scopes = scopes
            .map_err(|()| failed(&"a scope is one of pay, cancel, resolve, read, webhooks"))?;
        let network = |text: &String| {
            text.parse::<Network>()
                .map_err(|why: BadNetwork| failed(&format!("addresses: {text:?}: {why}")))
        };
        Ok(ApiKey {
            name: name.clone(),
            sha256: read(sha256)?,
            also_sha256: also_sha256.map(read).transpose()?,
            shops,
            scopes,
            addresses: self
                .addresses
                .iter()
                .map(network)
                .collect::<Result<_, _>>()?,
        })
    }
}

/// Refuses a hash that stands twice: whose key it is must not depend on an order.
pub(super) fn refuse_twins(keys: &[ApiKey]) -> Result<(), Failure> {
    let mut seen = BTreeMap::new();
    for key in keys {
        for hash in [Some(key.sha256), key.also_sha256].into_iter().flatten() {
            if let Some(other) = seen.insert(hash, &key.name) {
                let what = format!("key {}: its sha256 is key {other}'s as well", key.name);
                return Err(Failure::new(what)
                    .hint("make each a key of its own with `sugi key`")
                    .code(2));
            }
        }
    }
    Ok(())
}

fn from_hex(digits: &str) -> Option<[u8; 32]> {
    let digits = digits.as_bytes();
    let value = |digit: u8| u8::try_from((digit as char).to_digit(16)?).ok();
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(toml: &str) -> Result<ApiKey, String> {
        read(&format!("shops = \"all\"\nscopes = [\"read\"]\n{toml}"))
    }

    fn read(toml: &str) -> Result<ApiKey, String> {
        let key: KeyConfig = toml::from_str(toml).map_err(|why| why.to_string())?;
        key.open(&"back end".parse().unwrap())
            .map_err(|why| why.to_string())
    }

    fn hash(digit: char) -> String {
        format!("{:?}", digit.to_string().repeat(64))
    }

    /// A key may what was said, and never everything because nothing was.
    #[test]
    fn what_is_not_said_is_not_given() {
        let one = hash('1');
        for (toml, named) in [
            (
                format!("sha256 = {one}\nscopes = [\"read\"]"),
                "it has no shops",
            ),
            (
                format!("sha256 = {one}\nshops = \"all\""),
                "it has no scopes",
            ),
            (
                format!("sha256 = {one}\nshops = \"main\"\nscopes = []"),
                "shops must be \"all\", or a list",
            ),
        ] {
            let why = read(&toml).unwrap_err();
            assert!(why.contains(named), "{named}: {why}");
        }
        let nothing = read(&format!("sha256 = {one}\nshops = []\nscopes = []")).unwrap();
        assert!(nothing.scopes.is_empty() && nothing.shops.is_none());
        let all = open(&format!("sha256 = {one}")).unwrap();
        assert_eq!((all.shops, all.scopes), (Shops::All, [Scope::Read].into()));
    }

    #[test]
    fn one_hash_or_two_are_good() {
        let (one, two) = (hash('1'), hash('2'));
        assert_eq!(open(&format!("sha256 = {one}")).unwrap().also_sha256, None);
        assert_eq!(
            open(&format!("sha256 = [{one}]")).unwrap().sha256,
            [0x11; 32]
        );
        let both = open(&format!("sha256 = [{one}, {two}]")).unwrap();
        assert_eq!(
            (both.sha256, both.also_sha256),
            ([0x11; 32], Some([0x22; 32]))
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let (one, two, three) = (hash('1'), hash('2'), hash('3'));
        for (toml, named) in [
            ("sha256 = []".to_owned(), "one hash, or two"),
            (
                format!("sha256 = [{one}, {two}, {three}]"),
                "one hash, or two",
            ),
            ("sha256 = 1".to_owned(), "one hash, or a list"),
            ("sha256 = \"12\"".to_owned(), "64 hexadecimal"),
            (format!("sha256 = [{one}, \"12\"]"), "64 hexadecimal"),
            (
                format!("sha256 = {one}\naddresses = [\"10.0.0.1/8\"]"),
                "first 8",
            ),
            (format!("sha256 = {one}\naddresses = [\"here\"]"), "here"),
        ] {
            let why = open(&toml).unwrap_err();
            assert!(why.contains(named), "{named}: {why}");
        }
    }

    #[test]
    fn a_scope_that_is_none_is_named() {
        let toml = format!("shops = []\nsha256 = {}\nscopes = [\"all\"]", hash('1'));
        assert!(read(&toml).unwrap_err().contains("a scope is one of"));
    }

    #[test]
    fn no_hash_stands_twice() {
        let key = |name: &str, text: &str| ApiKey::new(name.parse().unwrap(), text);
        assert!(refuse_twins(&[key("a", "one"), key("b", "two").also("three")]).is_ok());
        for keys in [
            [key("a", "one"), key("b", "two").also("one")],
            [key("a", "one").also("one"), key("b", "two")],
        ] {
            let why = refuse_twins(&keys).unwrap_err().to_string();
            assert!(why.contains("key a"), "{why}");
        }
    }
}
