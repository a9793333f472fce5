//! `behind_proxy`: the proxies in front, by their addresses. Only what comes from one of them is believed about who
//! asks.

use serde::{Deserialize, Serialize};
use sugi_api::Network;

/// The proxies, as they are written and as they are compared with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "toml::Value", into = "Vec<String>")]
pub(crate) struct Proxies {
    texts: Vec<String>,
    networks: Vec<Network>,
}

impl Proxies {
    pub(crate) fn is_none(&self) -> bool {
        self.networks.is_empty()
    }

    pub(crate) fn networks(&self) -> Vec<Network> {
        self.networks.clone()
    }
}

impl TryFrom<toml::Value> for Proxies {
    type Error = String;

    /// A list of addresses and networks, or for the environment a text with commas between them.
    fn try_from(value: toml::Value) -> Result<Self, String> {
        let wanted = "behind_proxy names the proxies that are believed: their addresses or networks, as \
                      [\"127.0.0.1\", \"10.0.0.0/24\"]";
        let texts: Vec<String> = match value {
            toml::Value::Boolean(false) => Vec::new(),
            toml::Value::String(text) => text.split(',').map(|one| one.trim().to_owned()).collect(),
            list @ toml::Value::Array(_) => list.try_into().map_err(|_| wanted.to_owned())?,
            _ => return Err(wanted.into()),
        };
        let network = |text: &String| {
            let network = text.parse::<Network>();
            let network = network.map_err(|why| format!("behind_proxy: {text:?}: {why}"))?;
            if network.is_everybody() {
                return Err(format!(
                    "behind_proxy: {text:?} would believe everybody; {wanted}"
                ));
            }
            Ok(network)
        };
        let networks = texts.iter().map(network).collect::<Result<_, String>>()?;
        Ok(Self { texts, networks })
    }
}

impl From<Proxies> for Vec<String> {
    fn from(proxies: Proxies) -> Self {
        proxies.texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(toml: &str) -> Result<Proxies, String> {
        let table: toml::Table = format!("v = {toml}").parse().unwrap();
        table["v"]
            .clone()
            .try_into()
            .map_err(|why: toml::de::Error| why.to_string())
    }

    #[test]
    fn proxies_are_named() {
        assert!(read("false").unwrap().is_none() && read("[]").unwrap().is_none());
        let list = read(r#"["127.0.0.1", "10.0.0.0/24"]"#).unwrap();
        assert_eq!(list, read(r#""127.0.0.1, 10.0.0.0/24""#).unwrap());
        assert_eq!(list.networks().len(), 2);
        assert!(list.networks()[1].contains("10.0.0.9".parse().unwrap()));
        for (bad, named) in [
            ("true", "names the proxies"),
            ("8080", "names the proxies"),
            (r#"["proxy.example"]"#, "proxy.example"),
            (r#"["10.0.0.1/24"]"#, "10.0.0.1/24"),
            (r#"["0.0.0.0/0"]"#, "believe everybody"),
            (r#""""#, "write an IP address"),
        ] {
            let why = read(bad).unwrap_err();
            assert!(why.contains(named), "{bad}: {why}");
        }
    }
}
