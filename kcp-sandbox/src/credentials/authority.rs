//! The sandbox's own certificate authority: service certificates for shops, and one for TLS.

use std::sync::OnceLock;

use jiff::civil::Date;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyUsagePurpose,
    SerialNumber,
};

use super::CredentialsError;
use crate::clock;

static AUTHORITY: OnceLock<Result<Authority, String>> = OnceLock::new();

/// A key and a certificate that sign others. One per process, of an elliptic curve: quick to make.
pub(crate) struct Authority {
    params: CertificateParams,
    key: rcgen::KeyPair,
    pub(crate) pem: String,
}

/// The authority of this process.
pub(crate) fn authority() -> Result<&'static Authority, CredentialsError> {
    AUTHORITY
        .get_or_init(Authority::make)
        .as_ref()
        .map_err(|why| CredentialsError::Make(why.clone()))
}

impl Authority {
    fn make() -> Result<Self, String> {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)
            .map_err(|e| e.to_string())?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name(&[
            (DnType::CountryName, "KR"),
            (DnType::OrganizationName, "kcp-sandbox, not NHN KCP"),
            (DnType::CommonName, "kcp-sandbox test authority"),
        ]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let pem = params.self_signed(&key).map_err(|e| e.to_string())?.pem();
        Ok(Self { params, key, pem })
    }

    /// A service certificate. Its name holds a serial and not the site code, as in KCP's: a shop's
    /// certificate is known by registration.
    pub(super) fn issue(
        &self,
        key: &rcgen::KeyPair,
        from: Date,
        to: Date,
    ) -> Result<String, String> {
        let mut params = CertificateParams::default();
        params.distinguished_name = name(&[
            (DnType::CountryName, "KR"),
            (DnType::OrganizationName, "kcp-sandbox"),
            (DnType::OrganizationalUnitName, "DEVPGWEB"),
            (DnType::CommonName, "2026010110000001"),
        ]);
        params.serial_number = Some(SerialNumber::from(clock::random_u64() >> 8));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let ((year, month, day), (end_year, end_month, end_day)) =
            (year_month_day(from), year_month_day(to));
        params.not_before = rcgen::date_time_ymd(year, month, day);
        params.not_after = rcgen::date_time_ymd(end_year, end_month, end_day);
        let issuer = Issuer::from_params(&self.params, &self.key);
        params
            .signed_by(key, &issuer)
            .map(|c| c.pem())
            .map_err(|e| e.to_string())
    }

    /// A certificate and key for TLS on loopback, in DER.
    pub(crate) fn issue_tls(&self) -> Result<(Vec<u8>, Vec<u8>), CredentialsError> {
        let make = || -> Result<_, rcgen::Error> {
            let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
            let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
            let mut params = CertificateParams::new(names)?;
            params.distinguished_name = name(&[(DnType::CommonName, "kcp-sandbox")]);
            let issuer = Issuer::from_params(&self.params, &self.key);
            let certificate = params.signed_by(&key, &issuer)?;
            Ok((certificate.der().to_vec(), key.serialize_der()))
        };
        make().map_err(|e| CredentialsError::Make(e.to_string()))
    }
}

fn name(parts: &[(DnType, &str)]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for (kind, value) in parts {
        name.push(kind.clone(), *value);
    }
    name
}

fn year_month_day(date: Date) -> (i32, u8, u8) {
    let [month, day] = [date.month(), date.day()].map(|n| u8::try_from(n).unwrap_or(1));
    (i32::from(date.year()), month, day)
}
