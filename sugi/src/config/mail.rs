//! `[mail]`: what slips and checkpoints are mailed by.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sugi_mail::{Mailer, Security, Server};
use zeroize::Zeroizing;

use super::secret_file;

/// The mail server, and who gets the day's checkpoint.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MailConfig {
    /// The server's name.
    server: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    /// `starttls` if nothing is said, `tls`, or `none` for a server on this machine.
    #[serde(default)]
    security: SecurityConfig,
    /// An authority to trust besides the browsers', PEM; relative to the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authority: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password_file: Option<PathBuf>,
    /// Who it is from: an address, or `Name <address>`.
    from: String,
    /// Who keeps the audit's checkpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) checkpoint_to: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SecurityConfig {
    #[default]
    StartTls,
    Tls,
    None,
}

impl std::fmt::Debug for MailConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MailConfig {{ server: {:?}, .. }}", self.server)
    }
}

impl MailConfig {
    /// What mails by it; the error names the key.
    pub(super) fn mailer(&self, home: &Path, credentials: Option<&Path>) -> Result<Mailer, String> {
        let password = match (&self.password, &self.password_file) {
            (Some(_), Some(_)) => {
                return Err("mail: give password or password_file, one of them".into());
            }
            (Some(password), None) => Some(Zeroizing::new(password.clone())),
            (None, Some(file)) => Some(secret(home, file, credentials)?),
            (None, None) => None,
        };
        let login = match (&self.user, password) {
            (Some(user), Some(password)) => Some((user.clone(), password)),
            (None, None) => None,
            (Some(_), None) => return Err("mail.user needs mail.password_file".into()),
            (None, Some(_)) => return Err("mail.password needs mail.user".into()),
        };
        let authority = self.authority.as_ref().map(|file| {
            let file = home.join(file);
            std::fs::read(&file).map_err(|why| format!("mail.authority {}: {why}", file.display()))
        });
        let server = Server {
            port: self.port,
            security: match self.security {
                SecurityConfig::StartTls => Security::StartTls,
                SecurityConfig::Tls => Security::Tls,
                SecurityConfig::None => Security::None,
            },
            login,
            authority: authority.transpose()?,
            ..Server::new(&self.server, &self.from)
        };
        if let Some(bad) = self
            .checkpoint_to
            .iter()
            .find(|to| !sugi_mail::is_address(to))
        {
            return Err(format!("mail.checkpoint_to: {bad:?} is not a mail address"));
        }
        Mailer::new(server).map_err(|why| format!("mail: {why}"))
    }
}

fn secret(
    home: &Path,
    file: &Path,
    credentials: Option<&Path>,
) -> Result<Zeroizing<String>, String> {
    let of_key = |why: String| format!("mail.password_file: {why}");
    let file = secret_file::place(home, file, credentials).map_err(of_key)?;
    let bytes = secret_file::read(&file).map_err(of_key)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| of_key("it is no text".into()))?;
    Ok(Zeroizing::new(text.trim_end().to_owned()))
}
