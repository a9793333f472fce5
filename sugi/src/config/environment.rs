//! Environment variables of the configuration: only known keys are read. A service that is called `sugi` has variables
//! of other people's making around it: Kubernetes and Docker tell every container of its neighbours so.

use std::sync::Once;

/// Environment variables of sugi that are not keys of the file.
const NOT_KEYS: &[&str] = &["SUGI_CONFIG", "SUGI_LOG", "SUGI_LOG_FORMAT"];

/// The keys of the file, of which those of tables go on behind two underscores.
const KEYS: &[&str] = &[
    "listen",
    "tls",
    "behind_proxy",
    "clock_was_ahead_until",
    "data",
    "disk_free_min_mb",
    "watch_per_second",
    "database",
    "traces",
    "retention",
    "mail",
    "webhooks",
    "access",
    "shop",
    "key",
];

/// The key that a variable gives, if it gives one of the file's.
pub(super) fn key(name: &str) -> Option<String> {
    let key = name.strip_prefix("SUGI_")?.to_ascii_lowercase();
    let first = key.split("__").next().unwrap_or_default();
    KEYS.contains(&first).then_some(key)
}

/// What a process was given, as far as it is text.
pub(super) fn variables() -> impl Iterator<Item = (String, String)> {
    let of_sugi = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        let value = value.to_string_lossy().into_owned();
        name.starts_with("SUGI_").then_some((name, value))
    });
    let variables: Vec<_> = of_sugi.collect();
    warn(&variables);
    variables.into_iter()
}

/// Says once which variables are read by nothing: they may be mistyped keys.
fn warn(variables: &[(String, String)]) {
    static ONCE: Once = Once::new();
    let unknown: Vec<&str> = variables
        .iter()
        .filter(|(name, value)| is_unknown(name, value))
        .map(|(name, _)| name.as_str())
        .collect();
    if !unknown.is_empty() {
        ONCE.call_once(|| {
            crate::print::talk(&format!(
                "warning: {} is no key of the configuration and is not read",
                unknown.join(", ")
            ));
        });
    }
}

/// Whether someone may have meant a variable for sugi, and nothing reads it.
fn is_unknown(name: &str, value: &str) -> bool {
    key(name).is_none() && !NOT_KEYS.contains(&name) && !is_link(name, value)
}

/// Whether a variable is one that Kubernetes makes for a service, or Docker for a link, called `sugi` or `sugi-…`.
fn is_link(name: &str, value: &str) -> bool {
    let of_protocol = |name: &str| {
        let (_, port) = name.rsplit_once("_PORT_").unwrap_or_default();
        let mut parts = port.split('_');
        let is_number = parts.next().is_some_and(|port| port.parse::<u16>().is_ok());
        is_number && matches!(parts.next(), Some("TCP" | "UDP" | "SCTP"))
    };
    let without_end = ["_PROTO", "_PORT", "_ADDR", "_START", "_END"];
    let without_end = without_end.iter().find_map(|end| name.strip_suffix(end));
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.ends_with("_PORT") && value.contains("://")
        || of_protocol(name)
        || without_end.is_some_and(of_protocol)
        || name.ends_with("_NAME") && value.starts_with('/')
        || name.contains("_ENV_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn links_of_containers_are_nobodys_mistake_and_a_typo_is_one() {
        for (name, value) in [
            ("SUGI_PORT", "tcp://10.96.0.12:8080"),
            ("SUGI_PORT_8080_TCP", "tcp://10.96.0.12:8080"),
            ("SUGI_PORT_8080_TCP_PROTO", "tcp"),
            ("SUGI_PORT_8080_TCP_PORT", "8080"),
            ("SUGI_PORT_8080_TCP_ADDR", "10.96.0.12"),
            ("SUGI_SERVICE_HOST", "10.96.0.12"),
            ("SUGI_SERVICE_PORT", "8080"),
            ("SUGI_SERVICE_PORT_HTTP", "8080"),
            ("SUGI_DATA_SERVICE_HOST", "10.96.0.13"),
            ("SUGI_DB_PORT", "tcp://10.96.0.13:5432"),
            ("SUGI_NAME", "/web/sugi"),
            ("SUGI_ENV_PATH", "/bin"),
        ] {
            assert_eq!(key(name), None, "{name}");
            assert!(!is_unknown(name, value), "{name}");
        }
        for (name, value) in [
            ("SUGI_DATABSE", "postgres://x"),
            ("SUGI_PORT", "8080"),
            ("SUGI_LISTENS", "127.0.0.1:1"),
            ("SUGI_SHOPS__MAIN__SITE_CD", "T0000"),
        ] {
            assert_eq!(key(name), None, "{name}");
            assert!(is_unknown(name, value), "{name}");
        }
        assert_eq!(key("SUGI_LISTEN").as_deref(), Some("listen"));
        let nested = key("SUGI_SHOP__MAIN__KEY_PASSWORD");
        assert_eq!(nested.as_deref(), Some("shop__main__key_password"));
        assert!(!is_unknown("SUGI_CONFIG", "x"));
    }

    /// A key that is missing from the list would be read from the file and not from the environment.
    #[test]
    fn every_key_of_the_file_is_known() {
        let why = toml::from_str::<Config>("nonsense = 1").unwrap_err();
        let told = why.message().split("expected one of ").nth(1).unwrap();
        let mut keys: Vec<_> = told.split(", ").map(|key| key.trim_matches('`')).collect();
        let mut known = KEYS.to_vec();
        keys.sort_unstable();
        known.sort_unstable();
        assert_eq!(keys, known);
    }
}
