//! Recognising a shop by its certificate, however the request spells it, and checking signatures.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use crate::lint::LintKind;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// A certificate that a shop registered, parsed once.
#[derive(Clone)]
pub(crate) struct Certificate {
    /// Marks and base64 on one line: the form that the guide asks for, compared first.
    one_line: String,
    /// The base64 alone.
    body: String,
    public_key: Vec<u8>,
    not_before_s: i64,
    not_after_s: i64,
}

/// What a `kcp_cert_info` was found to be.
pub(crate) enum Recognised {
    /// The registered certificate, spelled as the guide says.
    Exactly,
    /// The registered certificate, spelled in another way that is known from real clients.
    Spelled(LintKind),
    /// Something else.
    Other,
}

impl Certificate {
    pub(crate) fn from_pem(pem: &str) -> Option<Self> {
        let body: String = pem
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with("-----"))
            .collect();
        let der = STANDARD.decode(&body).ok()?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).ok()?;
        let public_key = parsed.public_key().subject_public_key.data.to_vec();
        // Anything but RSA could never verify `SHA256withRSA`.
        parsed
            .public_key()
            .parsed()
            .ok()
            .filter(|key| matches!(key, x509_parser::public_key::PublicKey::RSA(_)))?;
        let validity = parsed.validity();
        Some(Self {
            one_line: format!("{BEGIN}{body}{END}"),
            public_key,
            not_before_s: validity.not_before.timestamp(),
            not_after_s: validity.not_after.timestamp(),
            body,
        })
    }

    /// The RSA public key, as PKCS#1 DER.
    pub(crate) fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// Whether `at` lies in the certificate's time.
    pub(crate) fn is_valid_at(&self, at: Timestamp) -> bool {
        (self.not_before_s..=self.not_after_s).contains(&at.as_second())
    }

    /// Compares a request's `kcp_cert_info` with this certificate.
    pub(crate) fn recognise(&self, cert_info: &str) -> Recognised {
        if cert_info == self.one_line {
            return Recognised::Exactly;
        }
        let kind = if cert_info.contains("\\n") || cert_info.contains("\\r") {
            LintKind::CertLiteralBackslashN
        } else if cert_info.contains("BEGINCERTIFICATE") {
            LintKind::CertLabelSqueezed
        } else if cert_info.contains('\r') {
            LintKind::CertCrlf
        } else if cert_info.contains('\n') {
            LintKind::CertNewlines
        } else if cert_info.contains(' ') && cert_info.contains("-----") {
            LintKind::CertSpaces
        } else {
            LintKind::CertNoMarks
        };
        let plain = cert_info.replace("\\n", "").replace("\\r", "");
        let body: String = plain
            .replace("-----BEGINCERTIFICATE-----", "")
            .replace("-----ENDCERTIFICATE-----", "")
            .replace(BEGIN, "")
            .replace(END, "")
            .chars()
            .filter(|c| !c.is_whitespace())
            .collect();
        if body == self.body {
            Recognised::Spelled(kind)
        } else {
            Recognised::Other
        }
    }

    /// Whether `signature` (Base64) is this shop's SHA256withRSA signature of `text`.
    pub(crate) fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.public_key)
            .verify(text.as_bytes(), signature)
            .is_ok()
    }
}

/// The bytes of a `kcp_sign_data`, and whether it had to be cleaned of white space first.
pub(crate) fn signature_bytes(sign_data: &str) -> Option<(Vec<u8>, bool)> {
    if let Ok(bytes) = STANDARD.decode(sign_data) {
        return Some((bytes, false));
    }
    let cleaned: String = sign_data.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(cleaned).ok().map(|bytes| (bytes, true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Credentials;

    #[test]
    fn every_known_spelling_is_recognised_and_named() {
        let credentials = Credentials::generate("T0000").unwrap();
        let certificate = Certificate::from_pem(&credentials.cert_pem).unwrap();
        let pem = credentials.cert_pem.clone();
        let check = |text: String, expected: Option<LintKind>| match certificate.recognise(&text) {
            Recognised::Exactly => assert_eq!(expected, None, "{text}"),
            Recognised::Spelled(kind) => assert_eq!(Some(kind), expected, "{text}"),
            Recognised::Other => panic!("not recognised: {text}"),
        };
        check(credentials.cert_info(), None);
        check(pem.clone(), Some(LintKind::CertNewlines));
        check(pem.replace('\n', "\r\n"), Some(LintKind::CertCrlf));
        check(
            pem.replace('\n', "\\n"),
            Some(LintKind::CertLiteralBackslashN),
        );
        check(
            pem.replace(char::is_whitespace, ""),
            Some(LintKind::CertLabelSqueezed),
        );
        check(pem.replace('\n', " "), Some(LintKind::CertSpaces));
        check(
            pem.lines().filter(|l| !l.starts_with('-')).collect(),
            Some(LintKind::CertNoMarks),
        );

        assert!(matches!(certificate.recognise("MIID"), Recognised::Other));
        assert!(matches!(certificate.recognise(""), Recognised::Other));
        let changed = credentials.cert_info().replacen("MII", "MIJ", 1);
        assert!(matches!(certificate.recognise(&changed), Recognised::Other));
    }

    #[test]
    fn an_expired_certificate_says_so() {
        let credentials = Credentials::expired("T0000").unwrap();
        let certificate = Certificate::from_pem(&credentials.cert_pem).unwrap();
        assert!(certificate.is_valid_at("2026-06-27T00:00:00Z".parse().unwrap()));
        assert!(!certificate.is_valid_at("2026-06-29T00:00:00Z".parse().unwrap()));
    }
}
