//! A configuration that holds a secret is for no one else to read.

use std::path::Path;

use nhn_kcp::SiteCode;

use super::secret_file::is_everybodys;

/// Refuses a file that everybody on the machine can read and that holds a secret. What the environment
/// says is not in it.
pub(super) fn check(path: &Path, table: &toml::Table) -> Result<(), String> {
    // A file that cannot be asked about was not read either.
    let open = std::fs::metadata(path).is_ok_and(|about| is_everybodys(path, &about));
    let found = secret(table, "").filter(|_| open);
    found.map_or(Ok(()), |key| {
        Err(format!(
            "{key} is a secret and everybody on this machine can get at it; run `chmod o-rwx {}`, or keep \
             it in a file of its own or in the environment",
            path.display()
        ))
    })
}

/// Refuses a secret that was written as a number: the words about a value of the wrong kind would quote it.
pub(super) fn are_texts(table: &toml::Table) -> Result<(), String> {
    table.iter().try_for_each(|(name, value)| match value {
        toml::Value::Table(inner) => are_texts(inner),
        toml::Value::String(_) => Ok(()),
        _ if is_secret(name) => Err(format!("{name} must be a text in quotes")),
        _ => Ok(()),
    })
}

fn is_secret(name: &str) -> bool {
    name.ends_with("password") || name == "secret"
}

/// The first secret of a table, by its key.
fn secret(table: &toml::Table, above: &str) -> Option<String> {
    // The test shop's key is everybody's: KCP publishes it.
    let site = table.get("site_cd").and_then(toml::Value::as_str);
    let of_test_shop = site
        .and_then(|site| site.parse::<SiteCode>().ok())
        .is_some_and(|site| site.is_test());
    table.iter().find_map(|(name, value)| {
        let key = format!("{above}{name}");
        match value {
            toml::Value::Table(inner) => secret(inner, &format!("{key}.")),
            toml::Value::String(_) if of_test_shop => None,
            toml::Value::String(_) if is_secret(name) => Some(key),
            toml::Value::String(text) if name == "database" && has_password(text) => Some(key),
            _ => None,
        }
    })
}

/// Whether a database's address holds a password: `postgres://user:password@…` or `?password=…`.
fn has_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let user = rest
        .split('/')
        .next()
        .and_then(|place| place.rsplit_once('@'));
    user.is_some_and(|(user, _)| user.contains(':')) || url.contains("password=")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn secrets_are_known_by_their_keys() {
        let of = |text: &str| secret(&text.parse().unwrap(), "");
        let shop = |site: &str| format!("[shop.main]\nsite_cd = \"{site}\"\nkey_password = \"x\"");
        assert_eq!(
            of(&shop("AB123")).as_deref(),
            Some("shop.main.key_password")
        );
        assert_eq!(of(&shop("T0000")), None);
        assert_eq!(
            of("[mail]\npassword = \"x\"").as_deref(),
            Some("mail.password")
        );
        assert_eq!(of("[mail]\npassword_file = \"x\""), None);
        for (url, secret) in [
            ("postgres://sugi:pw@db/sugi", true),
            ("postgres://sugi@db/sugi?password=pw", true),
            ("postgres://sugi@db:5432/sugi", false),
            ("postgres://db/a:b@c", false),
        ] {
            assert_eq!(
                of(&format!("database = \"{url}\"")).is_some(),
                secret,
                "{url}"
            );
        }
    }

    #[test]
    fn only_a_file_that_everybody_can_read_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let table = "[mail]\npassword = \"words\"".parse().unwrap();
        for (mode, good) in [(0o600, true), (0o640, true), (0o644, false)] {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(file.path(), mode.clone()).unwrap();
            let checked = check(file.path(), &table);
            assert_eq!(checked.is_ok(), good, "{mode:?}");
            let why = checked.err().unwrap_or_default();
            assert!(
                good || why.contains("mail.password") && why.contains("chmod o-rwx"),
                "{why}"
            );
            assert!(!why.contains("words"));
        }
    }
}
