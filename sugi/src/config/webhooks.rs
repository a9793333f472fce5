//! `[webhooks]`: whom the service believes when it tells others.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sugi_access::BadNetwork;
use sugi_webhooks::{Line, Targets};

/// How webhooks are told.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhooksConfig {
    /// An authority to trust besides the browsers', PEM; relative to the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authority: Option<PathBuf>,
    /// Networks that are not public and may be told all the same, such as `10.0.0.0/8`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allow_networks: Vec<String>,
}

impl WebhooksConfig {
    /// Of a demo, whose receivers are on the same machine.
    pub(crate) fn of_demo() -> Self {
        Self {
            authority: None,
            allow_networks: ["127.0.0.0/8", "::1"].map(Into::into).into(),
        }
    }

    fn targets(&self) -> Result<Targets, String> {
        let networks = self.allow_networks.iter().map(|text| {
            text.parse()
                .map_err(|why: BadNetwork| format!("webhooks.allow_networks {text:?}: {why}"))
        });
        Ok(Targets::and(networks.collect::<Result<Vec<_>, _>>()?))
    }

    /// What they are told by; the error names the key.
    pub(super) fn line(&self, home: &Path) -> Result<Line, String> {
        let targets = self.targets()?;
        let Some(file) = &self.authority else {
            return Line::new(None, targets).map_err(|why| format!("webhooks: {why}"));
        };
        let file = home.join(file);
        let of_key =
            |why: &dyn std::fmt::Display| format!("webhooks.authority {}: {why}", file.display());
        let pem = std::fs::read(&file).map_err(|why| of_key(&why))?;
        Line::new(Some(&pem), targets).map_err(|why| of_key(&why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_named_or_refused_by_name() {
        let read = |toml: &str| {
            let config: WebhooksConfig = toml::from_str(toml).unwrap();
            config.targets()
        };
        let inner = "10.1.2.3".parse().unwrap();
        assert!(!read("").unwrap().may_be(inner));
        let named = read("allow_networks = [\"10.0.0.0/8\"]").unwrap();
        assert!(named.may_be(inner) && !named.may_be("192.168.0.1".parse().unwrap()));
        let why = read("allow_networks = [\"inside\"]").unwrap_err();
        assert!(why.contains("webhooks.allow_networks \"inside\""), "{why}");
    }
}
