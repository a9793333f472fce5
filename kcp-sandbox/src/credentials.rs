//! What a merchant holds: site code, service certificate, and the encrypted private key behind it.
//!
//! The sandbox is its own certificate authority. One RSA key is made per process and shared by every
//! sandbox in it, because making one costs more than everything else at the start together.

mod authority;
mod pbe;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pkcs8::PrivateKeyInfoRef;
use pkcs8::pkcs5::pbes2;
use zeroize::Zeroizing;

use crate::clock;

pub(crate) use authority::{Authority, authority};

/// The site code of KCP's public test shop, and this sandbox's first shop.
pub const TEST_SITE: &str = "T0000";
/// The password that KCP's test key carries, and the one used here.
const KEY_PASSWORD: &str = "changeit";
const CERT_FILE: &str = "splCert.pem";
const KEY_FILE: &str = "splPrikeyPKCS8.pem";
const MODERN_KEY_FILE: &str = "splPrikeyPKCS8.pbes2.pem";
const SITE_FILE: &str = "sandbox-site.json";
/// No certificate or key file of this kind is larger.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// A merchant's credentials, in the form in which KCP's partner site hands them out.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sandbox = kcp_sandbox::Sandbox::start().await?;
/// let credentials = sandbox.credentials();
/// assert_eq!(credentials.site_cd, "T0000");
/// assert!(credentials.key_pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Credentials {
    /// The site (shop) code.
    pub site_cd: String,
    /// The service certificate (`splCert.pem`), X.509 in PEM with line ends. In a request
    /// (`kcp_cert_info`) it stands on one line.
    pub cert_pem: String,
    /// The private key (`splPrikeyPKCS8.pem`), encrypted as KCP encrypts it:
    /// pbeWithSHA1And3-KeyTripleDES-CBC, 20 bytes of salt, 2,048 rounds.
    pub key_pem: String,
    /// The same key encrypted in today's way: PBES2, PBKDF2 with SHA-256, AES-256-CBC.
    pub key_pem_modern: String,
    /// The password of both key forms.
    pub key_password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("site_cd", &self.site_cd)
            .finish_non_exhaustive()
    }
}

/// Why credentials could not be made, written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The key or the certificate could not be made.
    #[error("cannot make test credentials: {0}")]
    Make(String),
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file does not hold what its name promises.
    #[error("{}: {what}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        what: &'static str,
    },
}

/// What is made once per process.
struct Issued {
    key_der: Zeroizing<Vec<u8>>,
    cert_pem: String,
    key_pem: String,
    key_pem_modern: String,
}

static ISSUED: OnceLock<Result<Issued, String>> = OnceLock::new();

fn issued() -> Result<&'static Issued, CredentialsError> {
    ISSUED
        .get_or_init(Issued::make)
        .as_ref()
        .map_err(|why| CredentialsError::Make(why.clone()))
}

impl Credentials {
    /// Credentials of `site_cd`, made here. Every call in one process returns the same key.
    ///
    /// # Errors
    ///
    /// [`CredentialsError::Make`] when the operating system gives no randomness.
    pub fn generate(site_cd: &str) -> Result<Self, CredentialsError> {
        let issued = issued()?;
        Ok(Self::with_certificate(
            site_cd,
            issued,
            issued.cert_pem.clone(),
        ))
    }

    /// The same, with a certificate that ended on 28 June 2026, as KCP's public test certificate did.
    ///
    /// The sandbox takes it unless the setting `check_certificate_dates` is on.
    ///
    /// # Errors
    ///
    /// As [`Credentials::generate`].
    pub fn expired(site_cd: &str) -> Result<Self, CredentialsError> {
        let issued = issued()?;
        let key = rcgen_key(&issued.key_der).map_err(CredentialsError::Make)?;
        let (from, to) = (
            jiff::civil::date(2021, 6, 29),
            jiff::civil::date(2026, 6, 28),
        );
        let pem = authority()?
            .issue(&key, from, to)
            .map_err(CredentialsError::Make)?;
        Ok(Self::with_certificate(site_cd, issued, pem))
    }

    fn with_certificate(site_cd: &str, issued: &Issued, cert_pem: String) -> Self {
        Self {
            site_cd: site_cd.to_owned(),
            cert_pem,
            key_pem: issued.key_pem.clone(),
            key_pem_modern: issued.key_pem_modern.clone(),
            key_password: KEY_PASSWORD.to_owned(),
        }
    }

    /// The certificate as it belongs into `kcp_cert_info`: without line ends, marks kept.
    #[must_use]
    pub fn cert_info(&self) -> String {
        self.cert_pem.lines().collect()
    }

    /// Writes `splCert.pem`, `splPrikeyPKCS8.pem`, `splPrikeyPKCS8.pbes2.pem` (keys readable by the
    /// owner alone) and `sandbox-site.json` (site code and key password) into `dir`, which is made
    /// when missing.
    ///
    /// # Errors
    ///
    /// [`CredentialsError::Io`] with the file that could not be written.
    pub fn write_to(&self, dir: impl AsRef<Path>) -> Result<(), CredentialsError> {
        let dir = dir.as_ref();
        std::fs::create_dir_all(dir).map_err(|source| io(dir, source))?;
        let site =
            serde_json::json!({ "site_cd": self.site_cd, "key_password": self.key_password });
        write_file(&dir.join(CERT_FILE), &self.cert_pem, 0o644)?;
        write_file(&dir.join(KEY_FILE), &self.key_pem, 0o600)?;
        write_file(&dir.join(MODERN_KEY_FILE), &self.key_pem_modern, 0o600)?;
        write_file(&dir.join(SITE_FILE), &format!("{site:#}\n"), 0o600)
    }

    /// Reads what [`Credentials::write_to`] wrote, so that a sandbox started again on the same
    /// folder keeps its credentials.
    ///
    /// # Errors
    ///
    /// [`CredentialsError::Io`] when a file is missing or unreadable, [`CredentialsError::Content`]
    /// when the certificate or key cannot be read or do not belong together.
    pub fn read_from(dir: impl AsRef<Path>) -> Result<Self, CredentialsError> {
        let dir = dir.as_ref();
        let site_path = dir.join(SITE_FILE);
        let site: serde_json::Value = serde_json::from_str(&read_file(&site_path)?)
            .map_err(|_| content(&site_path, "not the JSON that write_to writes"))?;
        let text = |name| {
            let value = site.get(name).and_then(serde_json::Value::as_str);
            value
                .map(str::to_owned)
                .ok_or_else(|| content(&site_path, "site_cd or key_password is missing"))
        };
        let credentials = Self {
            site_cd: text("site_cd")?,
            cert_pem: read_file(&dir.join(CERT_FILE))?,
            key_pem: read_file(&dir.join(KEY_FILE))?,
            key_pem_modern: read_file(&dir.join(MODERN_KEY_FILE))?,
            key_password: text("key_password")?,
        };
        credentials.check(dir)?;
        Ok(credentials)
    }

    /// Reads the credentials in `dir`, or makes those of `site_cd` and writes them there when the
    /// folder has no certificate yet.
    ///
    /// # Errors
    ///
    /// Those of [`Credentials::read_from`] and [`Credentials::write_to`].
    pub fn read_or_generate(
        dir: impl AsRef<Path>,
        site_cd: &str,
    ) -> Result<Self, CredentialsError> {
        let dir = dir.as_ref();
        if dir.join(CERT_FILE).exists() {
            return Self::read_from(dir);
        }
        let credentials = Self::generate(site_cd)?;
        credentials.write_to(dir)?;
        Ok(credentials)
    }

    fn check(&self, dir: &Path) -> Result<(), CredentialsError> {
        let (cert_path, key_path) = (dir.join(CERT_FILE), dir.join(KEY_FILE));
        let certificate =
            crate::certificate::Certificate::from_pem(&self.cert_pem).ok_or_else(|| {
                content(
                    &cert_path,
                    "not an X.509 certificate with an RSA key in PEM",
                )
            })?;
        let key = pem_body(&self.key_pem)
            .and_then(|der| pbe::decrypt(&der, &self.key_password))
            .and_then(|der| KeyPair::from_pkcs8(&der).ok())
            .ok_or_else(|| {
                content(&key_path, "cannot be opened with the password in sandbox-site.json; delete the folder to get new credentials")
            })?;
        if key.public_key().as_ref() != certificate.public_key() {
            return Err(content(
                &key_path,
                "does not belong to splCert.pem; delete the folder to get new credentials",
            ));
        }
        Ok(())
    }
}

impl Issued {
    fn make() -> Result<Self, String> {
        let key = KeyPair::generate(KeySize::Rsa2048)
            .map_err(|_| "no RSA key from the system".to_owned())?;
        let der: Pkcs8V1Der<'static> = key
            .as_der()
            .map_err(|_| "the RSA key has no PKCS#8 form".to_owned())?;
        let key_der = Zeroizing::new(der.as_ref().to_vec());
        let today = clock::real_now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let (from, to) = (
            today.saturating_sub(jiff::Span::new().days(1)),
            today.saturating_add(jiff::Span::new().years(5)),
        );
        let cert_pem =
            authority()
                .map_err(|e| e.to_string())?
                .issue(&rcgen_key(&key_der)?, from, to)?;

        let mut salts = [0; pbe::SALT_LEN + 16 + 16];
        clock::random_bytes(&mut salts).map_err(|e| e.to_string())?;
        let (salt, rest) = salts.split_first_chunk().ok_or("salt")?;
        let (modern_salt, rest) = rest.split_first_chunk::<16>().ok_or("salt")?;
        let iv = *rest.first_chunk::<16>().ok_or("iv")?;
        let legacy = pbe::encrypt(&key_der, KEY_PASSWORD, salt);
        let modern = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(2048, modern_salt, iv)
            .map_err(|e| e.to_string())?;
        let modern = PrivateKeyInfoRef::try_from(key_der.as_slice())
            .and_then(|key| key.encrypt_with_params(modern, KEY_PASSWORD))
            .map_err(|e| e.to_string())?;
        Ok(Self {
            cert_pem,
            key_pem: pem("ENCRYPTED PRIVATE KEY", &legacy),
            key_pem_modern: pem("ENCRYPTED PRIVATE KEY", modern.as_bytes()),
            key_der,
        })
    }
}

fn rcgen_key(pkcs8: &[u8]) -> Result<rcgen::KeyPair, String> {
    rcgen::KeyPair::try_from(pkcs8).map_err(|e| e.to_string())
}

fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let body = STANDARD.encode(der);
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

fn pem_body(pem: &str) -> Option<Vec<u8>> {
    let body: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .map(str::trim)
        .collect();
    STANDARD.decode(body).ok()
}

fn io(path: &Path, source: std::io::Error) -> CredentialsError {
    CredentialsError::Io {
        path: path.to_owned(),
        source,
    }
}

fn content(path: &Path, what: &'static str) -> CredentialsError {
    CredentialsError::Content {
        path: path.to_owned(),
        what,
    }
}

fn read_file(path: &Path) -> Result<String, CredentialsError> {
    let size = std::fs::metadata(path).map_err(|e| io(path, e))?.len();
    if size > MAX_FILE_BYTES {
        return Err(content(
            path,
            "larger than 64 KiB, so it is not a certificate or a key",
        ));
    }
    std::fs::read_to_string(path).map_err(|e| io(path, e))
}

fn write_file(path: &Path, text: &str, mode: u32) -> Result<(), CredentialsError> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(mode);
    }
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(path).map_err(|e| io(path, e))?;
    // The mode above counts only for a new file; an old one may have been readable by others.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let permissions = std::fs::Permissions::from_mode(mode);
        file.set_permissions(permissions).map_err(|e| io(path, e))?;
    }
    file.write_all(text.as_bytes()).map_err(|e| io(path, e))
}
