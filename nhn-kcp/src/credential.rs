//! The merchant's certificate and private key, and what is signed with it.

mod certificate;
mod der;
mod pbe;
mod pem;

use std::fmt;
use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use self::certificate::RSA_ENCRYPTION;
use self::pem::{Block, Content};

/// The service certificate that KCP issued (`splCert.pem`) and its private key
/// (`splPrikeyPKCS8.pem`).
///
/// The certificate goes along with every request (`kcp_cert_info`); the key signs cancels and
/// inquiries. Having one means that the two belong together. `Debug` shows the dates only.
pub struct Credentials {
    cert_info: String,
    key: RsaKeyPair,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Credentials {
    /// Reads the contents of the two files.
    ///
    /// The certificate's PEM is taken in every form that was seen in use: any line ends or none, line
    /// ends as the two characters `\n`, text around it, a byte order mark, all white space removed. Of
    /// several certificates the one that fits the key is taken. The key may be encrypted in any way
    /// that OpenSSL has written PKCS#8 keys since 1998 (save RC2), unencrypted PKCS#8, or an unencrypted
    /// `RSA PRIVATE KEY`; `password` is not looked at for an unencrypted one.
    ///
    /// An expired certificate is no error here: KCP decides, and its public test certificate has
    /// expired. See [`expires_in`](Self::expires_in).
    ///
    /// # Errors
    ///
    /// [`CredentialError`] says which of the two is wrong, and how.
    pub fn from_pem(
        cert_pem: &[u8],
        key_pem: &[u8],
        password: &str,
    ) -> Result<Self, CredentialError> {
        let key = read_key(key_pem, password)?;
        let certificates = read_certificates(cert_pem)?;
        for der in &certificates {
            let facts = certificate::read(der).ok_or(CredentialError::CertificateDamaged)?;
            if facts.rsa_key == Some(key.public_key().as_ref()) {
                let (not_before, not_after) = (facts.not_before, facts.not_after);
                return Ok(Self {
                    cert_info: pem::one_line(der),
                    key,
                    not_before,
                    not_after,
                });
            }
        }
        Err(CredentialError::KeyDoesNotFit)
    }

    /// Reads the two files. Otherwise as [`from_pem`](Self::from_pem).
    ///
    /// # Errors
    ///
    /// [`CredentialError::File`] if one cannot be read.
    pub fn from_files(
        cert: impl AsRef<Path>,
        key: impl AsRef<Path>,
        password: &str,
    ) -> Result<Self, CredentialError> {
        let read = |path: &Path| {
            std::fs::read(path)
                .map(Zeroizing::new)
                .map_err(|error| CredentialError::File {
                    path: path.display().to_string(),
                    kind: error.kind(),
                })
        };
        Self::from_pem(&read(cert.as_ref())?, &read(key.as_ref())?, password)
    }

    /// The certificate as KCP's field `kcp_cert_info` wants it: one line, with its marks.
    #[must_use]
    pub fn cert_info(&self) -> &str {
        &self.cert_info
    }

    /// Since when the certificate is valid.
    #[must_use]
    pub const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Until when the certificate is valid.
    #[must_use]
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// How long the certificate is still valid; negative once it has expired.
    #[must_use]
    pub fn expires_in(&self, now: Timestamp) -> SignedDuration {
        self.not_after.duration_since(now)
    }

    /// Signs a text as KCP wants it: SHA256withRSA (PKCS#1 v1.5), in Base64 on one line.
    ///
    /// The client does this where it is needed; it is here for checks of a set-up. Never sign a text
    /// that someone else chose: `site_cd^tno^STSC` is a cancel.
    ///
    /// # Errors
    ///
    /// [`CredentialError::Signing`] if the cryptographic library refuses.
    pub fn sign(&self, text: &str) -> Result<String, CredentialError> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                text.as_bytes(),
                &mut signature,
            )
            .map_err(|_| CredentialError::Signing)?;
        Ok(STANDARD.encode(&signature))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("not_before", &self.not_before)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// Why a certificate and key could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// A file could not be read.
    #[error("cannot read {path}: {kind}")]
    File {
        /// Which.
        path: String,
        /// Why.
        kind: std::io::ErrorKind,
    },
    /// There is no certificate in what should hold one.
    #[error("there is no certificate: expected a line -----BEGIN CERTIFICATE-----")]
    CertificateMissing,
    /// The certificate is cut or damaged.
    #[error("the certificate is cut or damaged: copy the whole file, END line included")]
    CertificateDamaged,
    /// There is no private key in what should hold one.
    #[error("there is no private key: expected a line -----BEGIN ENCRYPTED PRIVATE KEY-----")]
    KeyMissing,
    /// There is something else, such as a certificate or an elliptic-curve key.
    #[error("expected an RSA private key, found {found}")]
    KeyWrongType {
        /// What it says it is.
        found: String,
    },
    /// The private key is cut or damaged.
    #[error("the private key is cut or damaged: copy the whole file, END line included")]
    KeyDamaged,
    /// The private key is encrypted in a way that is not supported.
    #[error(
        "the private key is encrypted in an unsupported way: convert it with \
         openssl pkcs8 -topk8 -v2 aes-256-cbc"
    )]
    KeyEncryptionUnsupported,
    /// The private key asks for an unreasonable amount of work to decrypt.
    #[error("the private key asks for too much work to decrypt: the file is not to be trusted")]
    KeyTooCostly,
    /// The password does not open the private key.
    #[error("the password does not open the private key")]
    WrongPassword,
    /// The private key opens, but is no usable RSA key (its size, or its numbers).
    #[error("the private key is no usable RSA key")]
    KeyUnusable,
    /// Certificate and key are both readable and do not belong together.
    #[error("the private key does not belong to the certificate: they were issued apart")]
    KeyDoesNotFit,
    /// The cryptographic library refused to sign.
    #[error("signing failed")]
    Signing,
}

/// The certificates in a PEM file, in DER; at least one.
pub(crate) fn read_certificates(
    cert_pem: &[u8],
) -> Result<Vec<Zeroizing<Vec<u8>>>, CredentialError> {
    let mut certificates = Vec::new();
    for Block { label, content } in pem::blocks(cert_pem) {
        match (label.as_str(), content) {
            ("CERTIFICATE", Content::Der(der)) => certificates.push(der),
            ("CERTIFICATE", _) => return Err(CredentialError::CertificateDamaged),
            _ => {}
        }
    }
    if certificates.is_empty() {
        return Err(CredentialError::CertificateMissing);
    }
    Ok(certificates)
}

fn read_key(key_pem: &[u8], password: &str) -> Result<RsaKeyPair, CredentialError> {
    let mut found = None;
    for Block { label, content } in pem::blocks(key_pem) {
        let der = match content {
            Content::Der(der) => der,
            _ if !label.ends_with("PRIVATEKEY") => continue,
            Content::Headers => return Err(CredentialError::KeyEncryptionUnsupported),
            Content::Broken => return Err(CredentialError::KeyDamaged),
        };
        match label.as_str() {
            "ENCRYPTEDPRIVATEKEY" => {
                let plain = pbe::decrypt(&der, password)?;
                return pkcs8_key(&plain).map_err(|error| match error {
                    // Noise that happened to have right padding.
                    CredentialError::KeyDamaged => CredentialError::WrongPassword,
                    other => other,
                });
            }
            "PRIVATEKEY" => return pkcs8_key(&der),
            "RSAPRIVATEKEY" => {
                return RsaKeyPair::from_der(&der).map_err(|_| CredentialError::KeyUnusable);
            }
            _ => _ = found.get_or_insert(label),
        }
    }
    Err(found.map_or(CredentialError::KeyMissing, |found| {
        CredentialError::KeyWrongType { found }
    }))
}

fn pkcs8_key(der: &[u8]) -> Result<RsaKeyPair, CredentialError> {
    match pkcs8_algorithm(der) {
        None => Err(CredentialError::KeyDamaged),
        Some(RSA_ENCRYPTION) => {
            RsaKeyPair::from_pkcs8(der).map_err(|_| CredentialError::KeyUnusable)
        }
        Some(_) => Err(CredentialError::KeyWrongType {
            found: "another kind of key".to_owned(),
        }),
    }
}

/// The object identifier of a PKCS#8 key's algorithm.
fn pkcs8_algorithm(der: &[u8]) -> Option<&[u8]> {
    let mut info = der::Der::whole_sequence(der)?;
    info.small_integer().filter(|version| *version <= 1)?;
    info.sequence()?.expect(der::tag::OID)
}
