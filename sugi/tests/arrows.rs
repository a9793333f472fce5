//! Which crate may know which: the arrows of ARCHITECTURE.md, as cargo enforces them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Each crate of the workspace with the crates that it may use, tests aside. A new arrow is a decision: it comes
/// with a line here and one in ARCHITECTURE.md.
const ARROWS: &[(&str, &[&str])] = &[
    ("kcp-sandbox", &[]),
    ("nhn-kcp", &[]),
    ("pg-for-tests", &[]),
    ("sugi-core", &["nhn-kcp"]),
    ("sugi-clock", &["sugi-core"]),
    ("sugi-store", &["nhn-kcp", "sugi-core"]),
    (
        "sugi-engine",
        &["nhn-kcp", "sugi-clock", "sugi-core", "sugi-store"],
    ),
    (
        "sugi-access",
        &["nhn-kcp", "sugi-clock", "sugi-core", "sugi-store"],
    ),
    // Of access only values: the secret that seals, and networks.
    (
        "sugi-webhooks",
        &["sugi-access", "sugi-clock", "sugi-core", "sugi-store"],
    ),
    ("sugi-mail", &[]),
    (
        "sugi-api",
        &[
            "nhn-kcp",
            "sugi-access",
            "sugi-clock",
            "sugi-core",
            "sugi-engine",
            "sugi-store",
            "sugi-webhooks",
        ],
    ),
    (
        "sugi-pages",
        &[
            "nhn-kcp",
            "sugi-access",
            "sugi-api",
            "sugi-clock",
            "sugi-core",
            "sugi-engine",
            "sugi-mail",
            "sugi-store",
            "sugi-webhooks",
        ],
    ),
    (
        "sugi",
        &[
            "kcp-sandbox",
            "nhn-kcp",
            "sugi-access",
            "sugi-api",
            "sugi-clock",
            "sugi-core",
            "sugi-engine",
            "sugi-mail",
            "sugi-pages",
            "sugi-store",
            "sugi-webhooks",
        ],
    ),
];

#[test]
fn no_crate_knows_more_of_the_others_than_it_may() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let read = |path: &Path| -> toml::Table { fs::read_to_string(path).unwrap().parse().unwrap() };
    let members = read(&workspace.join("Cargo.toml"))["workspace"]["members"].clone();
    let members: Vec<String> = members.try_into().unwrap();
    let uses = |member: &String| {
        let manifest = read(&workspace.join(member).join("Cargo.toml"));
        let used = manifest.get("dependencies").and_then(toml::Value::as_table);
        let used = used.into_iter().flat_map(toml::Table::keys);
        let used = used.filter(|name| members.contains(name));
        used.cloned().collect::<BTreeSet<_>>()
    };
    let found: BTreeMap<_, _> = members
        .iter()
        .map(|member| (member.clone(), uses(member)))
        .collect();
    for (name, uses) in &found {
        println!("{name} -> {uses:?}");
    }
    let may: BTreeMap<_, BTreeSet<_>> = ARROWS
        .iter()
        .map(|(name, uses)| {
            (
                (*name).to_owned(),
                uses.iter().map(|name| (*name).to_owned()).collect(),
            )
        })
        .collect();
    assert_eq!(
        found, may,
        "left what the manifests say, right what is agreed"
    );
}
