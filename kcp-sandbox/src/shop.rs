//! What all three requests share: who asks, and whether the signature is theirs.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::certificate::{Certificate, Recognised, signature_bytes};
use crate::fields::Fields;
use crate::lint::{Finding, LintKind};
use crate::reply::Refusal;
use crate::settings::Settings;

/// A registered shop.
pub(crate) struct Shop {
    pub(crate) site_cd: Arc<str>,
    certificate: Certificate,
}

/// The registered shops, by site code.
#[derive(Default)]
pub(crate) struct Shops(HashMap<String, Shop>);

impl Shops {
    pub(crate) fn register(&mut self, site_cd: &str, certificate: Certificate) {
        self.0.insert(
            site_cd.to_owned(),
            Shop {
                site_cd: site_cd.into(),
                certificate,
            },
        );
    }
}

/// One request under judgement.
pub(crate) struct Request<'r> {
    pub(crate) fields: &'r Fields<'r>,
    pub(crate) findings: &'r mut Vec<Finding>,
    pub(crate) settings: &'r Settings,
    pub(crate) shops: &'r Shops,
    pub(crate) now: Timestamp,
}

impl<'r> Request<'r> {
    pub(crate) fn get(&self, name: &str) -> &'r str {
        let value = self.fields.get(name);
        // Java's String.valueOf(null); already reported when the body was read.
        if value == "null" { "" } else { value }
    }

    pub(crate) fn lint(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// The shop that asks, known by site code and certificate.
    pub(crate) fn shop(&mut self) -> Result<&'r Shop, Refusal> {
        let site_cd = self.get("site_cd");
        let Some(shop) = self.shops.0.get(site_cd) else {
            let detail = if site_cd.is_empty() {
                "site_cd is missing"
            } else {
                "site_cd is not registered here"
            };
            return Err(Refusal::new("8001", detail));
        };
        let cert_info = self.get("kcp_cert_info");
        if cert_info.is_empty() {
            return Err(Refusal::new("5704", "kcp_cert_info is missing"));
        }
        match shop.certificate.recognise(cert_info) {
            Recognised::Exactly => {}
            Recognised::Spelled(kind) => self.lint(Finding::of(kind, "kcp_cert_info")),
            Recognised::Other => {
                let detail = "kcp_cert_info is not the certificate registered for this site_cd";
                return Err(Refusal::new("8002", detail));
            }
        }
        if !shop.certificate.is_valid_at(self.now) {
            self.lint(Finding::of(LintKind::CertExpired, "kcp_cert_info"));
            if self.settings.check_certificate_dates {
                return Err(Refusal::new("S032", "the certificate is outside its time"));
            }
        }
        Ok(shop)
    }

    /// A digits-only amount, refused with `code` when it is missing, malformed or too long.
    pub(crate) fn amount(
        &mut self,
        name: &'static str,
        code: &'static str,
    ) -> Result<u64, Refusal> {
        let text = self.get(name);
        if text.is_empty() {
            return Err(Refusal::new(code, format!("{name} is missing")));
        }
        if text.len() > 12 || !text.bytes().all(|b| b.is_ascii_digit()) {
            let rule = format!("{name} takes 1 to 12 digits and no other sign");
            return Err(Refusal::new(code, rule));
        }
        if text.len() > 1 && text.starts_with('0') {
            self.lint(Finding::of(LintKind::LeadingZeros, name));
        }
        text.parse().map_err(|_| Refusal::new(code, "not a number"))
    }

    /// Whether `kcp_sign_data` is the shop's signature of one of `texts`. If it is one of another
    /// likely text, that is what the refusal and the lint say.
    pub(crate) fn signed(&mut self, shop: &Shop, texts: &[String]) -> Result<usize, Refusal> {
        let sign_data = self.get("kcp_sign_data");
        if sign_data.is_empty() {
            return Err(Refusal::new("S034", "kcp_sign_data is missing"));
        }
        let Some((signature, cleaned)) = signature_bytes(sign_data) else {
            return Err(Refusal::new("S034", "kcp_sign_data is not Base64"));
        };
        if cleaned {
            self.lint(Finding::of(LintKind::SignatureWhiteSpace, "kcp_sign_data"));
        }
        if let Some(at) = texts
            .iter()
            .position(|text| shop.certificate.verifies(text, &signature))
        {
            return Ok(at);
        }
        let (site, tno) = (&shop.site_cd, self.get("tno"));
        let other = |last: &str| format!("{site}^{tno}^{last}");
        let likely: [(String, &'static str); 8] = [
            (other("STSC"), "it fits site_cd^tno^STSC"),
            (other("STPC"), "it fits site_cd^tno^STPC"),
            (other("STSQ"), "it fits site_cd^tno^STSQ"),
            (other("PACA"), "it fits site_cd^tno^PACA"),
            (
                format!("{site}^{tno}"),
                "it fits site_cd^tno without the third part",
            ),
            (
                format!("{site}^{tno}^"),
                "it fits site_cd^tno^ without the third part",
            ),
            (
                format!("{}^", texts.first().map_or("", String::as_str)),
                "it ends in one caret too many",
            ),
            (String::new(), "it signs an empty text"),
        ];
        let found = likely
            .iter()
            .find(|(text, _)| shop.certificate.verifies(text, &signature));
        let Some((_, what)) = found else {
            return Err(Refusal::new(
                "S034",
                "made with another key, or over another text",
            ));
        };
        self.lint(Finding::of(LintKind::SignedOtherText, "kcp_sign_data").detail(*what));
        Err(Refusal::new("S034", *what))
    }

    /// The 14 digits of `tno`.
    pub(crate) fn tno(&self) -> Result<u64, Refusal> {
        let tno = self.get("tno");
        let well_formed = tno.len() == 14 && tno.bytes().all(|b| b.is_ascii_digit());
        let number = tno.parse().ok().filter(|_| well_formed);
        number.ok_or_else(|| Refusal::new("8072", "tno takes all of its 14 digits"))
    }
}
