//! `[webhooks]`: whom the service believes when it tells others.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sugi_webhooks::Line;

/// How webhooks are told.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhooksConfig {
    /// An authority to trust besides the browsers', PEM; relative to the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authority: Option<PathBuf>,
}

impl WebhooksConfig {
    /// What they are told by; the error names the key.
    pub(super) fn line(&self, home: &Path) -> Result<Line, String> {
        let Some(file) = &self.authority else {
            return Line::new(None).map_err(|why| format!("webhooks: {why}"));
        };
        let file = home.join(file);
        let of_key =
            |why: &dyn std::fmt::Display| format!("webhooks.authority {}: {why}", file.display());
        let pem = std::fs::read(&file).map_err(|why| of_key(&why))?;
        Line::new(Some(&pem)).map_err(|why| of_key(&why))
    }
}
