//! The documents show what each key is when nothing is said. These tests read them and hold them to it.

use std::path::Path;

use serde::{Serialize, de::DeserializeOwned};

use super::{
    AccessConfig, Config, ContractConfig, Seconds, access::SecondPersonConfig, default_listen,
    velocity::VelocityConfig,
};

/// The documents, by name. The last is what `sugi init` writes; what is a default there is commented out.
const DOCUMENTS: [(&str, &str); 3] = [
    ("README.md", include_str!("../../../README.md")),
    ("README.ko.md", include_str!("../../../README.ko.md")),
    ("first.toml", super::file::FIRST),
];

/// The lines of a section, if a document has it.
fn section(text: &str, name: &str) -> Option<String> {
    let head = format!("[{name}]");
    let bare = |line: &str| line.strip_prefix("# ").unwrap_or(line).to_owned();
    let lines = text.lines().map(bare);
    let mut lines = lines.skip_while(|line| !line.starts_with(&head));
    lines.next()?;
    let ends = |line: &String| line.starts_with('[') || line.starts_with("```");
    let lines: Vec<_> = lines.take_while(|line| !ends(line)).collect();
    Some(lines.join("\n"))
}

/// Reads a section in every document that has it. What is not written there is a default by itself, so it
/// is also seen that something is.
fn documented<T: DeserializeOwned>(name: &str, least_keys: usize) -> Vec<(&'static str, T)> {
    let mut all = Vec::new();
    for (document, text) in DOCUMENTS {
        let Some(section) = section(text, name) else {
            continue;
        };
        let table: toml::Table = section
            .parse()
            .unwrap_or_else(|why| panic!("{document} [{name}]: {why}\n{section}"));
        assert!(table.len() >= least_keys, "{document} [{name}]: {table:?}");
        all.push((document, table.try_into().unwrap()));
    }
    assert!(all.len() >= 2, "[{name}] is documented where it was");
    all
}

fn as_written<T: Serialize>(value: &T) -> String {
    toml::to_string(value).unwrap()
}

fn is_as_documented<T: Default + Serialize + DeserializeOwned>(name: &str, least_keys: usize) {
    for (document, value) in documented::<T>(name, least_keys) {
        let (value, default) = (as_written(&value), as_written(&T::default()));
        assert_eq!(value, default, "left {document} [{name}], right what is so");
    }
}

#[test]
fn what_the_documents_say_of_a_shop_is_so_when_nothing_is_said() {
    is_as_documented::<ContractConfig>("shop.main.contract", 8);
    is_as_documented::<Seconds>("shop.main.seconds", 3);
    is_as_documented::<VelocityConfig>("shop.main.velocity", 10);
}

#[test]
fn what_the_documents_say_of_access_is_so_when_nothing_is_said() {
    for (document, mut value) in documented::<AccessConfig>("access", 4) {
        // Examples: nothing stands for them when nothing is said.
        (value.passkey_host, value.secret_file) = (None, None);
        value.second_person.cancel_above = None;
        assert_eq!(value, AccessConfig::default(), "{document}");
    }
    let first = section(super::file::FIRST, "access.second_person").unwrap();
    let mut first: SecondPersonConfig = toml::from_str(&first).unwrap();
    first.cancel_above = None;
    assert_eq!(first, SecondPersonConfig::default());
    let listens = format!("listen = \"{}\"", default_listen());
    for (document, text) in DOCUMENTS {
        assert!(text.contains(&listens), "{document}");
    }
}

#[test]
fn without_a_contract_a_shop_has_the_safe_one() {
    let file = r#"
        [shop.main]
        site_cd = "T0000"
        gateway = "http://127.0.0.1:8090"
        cert = "splCert.pem"
        key = "splPrikeyPKCS8.pem"
        key_password = "changeit"
    "#;
    let read = Config::parse(file, Path::new("/etc/sugi/sugi.toml"), std::iter::empty());
    let config = read.unwrap_or_else(|why| panic!("{why:?}"));
    let contract = &config.shop[&"main".parse().unwrap()].contract;
    // A sale without the holder's proof is the merchant's to show when the holder disputes it, fields for
    // tax without a contract charge another amount, and a look-up that KCP does not answer denies
    // everything.
    assert!(!contract.unauthenticated && !contract.tax_split && !contract.order_lookup);
    let compliance = include_str!("../../../docs/compliance.md");
    let said = "off unless `[shop.*.contract] unauthenticated` says so";
    assert!(compliance.contains(said), "the words that this test holds");
}
