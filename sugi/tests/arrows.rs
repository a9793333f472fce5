//! Which crate may know which: the arrows of ARCHITECTURE.md, as cargo enforces them.

use std::{collections::BTreeMap, fs, path::Path};

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

/// What the crates of a workspace use of each other, by their manifests.
fn arrows(workspace: &Path) -> BTreeMap<String, Vec<String>> {
    let read = |path: &Path| -> toml::Table {
        let text =
            fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        text.parse().unwrap()
    };
    let members = read(&workspace.join("Cargo.toml"))["workspace"]["members"].clone();
    let members: Vec<String> = members.try_into().unwrap();
    let uses = |member: &String| {
        let manifest = read(&workspace.join(member).join("Cargo.toml"));
        let mut used: Vec<_> = manifest
            .get("dependencies")
            .and_then(toml::Value::as_table)
            .into_iter()
            .flat_map(toml::Table::keys)
            .filter(|name| members.contains(name))
            .cloned()
            .collect();
        used.sort();
        used
    };
    members
        .iter()
        .map(|member| (member.clone(), uses(member)))
        .collect()
}

#[test]
fn no_crate_knows_more_of_the_others_than_it_may() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let found = arrows(workspace);
    for (name, uses) in &found {
        println!("{name} -> {}", uses.join(", "));
    }
    let may: BTreeMap<_, Vec<_>> = ARROWS
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
