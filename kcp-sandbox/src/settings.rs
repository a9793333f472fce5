//! What can be switched, and what each switch stands for. `GET` and `POST /settings`.

use serde::{Deserialize, Serialize};

use crate::Error;

/// How card numbers are masked in answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mask {
    /// `411111000000` and the rest, as real replies were seen.
    #[default]
    Zeros,
    /// `411111******` and the rest.
    Stars,
}

impl Mask {
    pub(crate) fn sign(self) -> char {
        match self {
            Self::Zeros => '0',
            Self::Stars => '*',
        }
    }
}

/// What an inquiry has to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InquirySignature {
    /// `site_cd^tno^pay_type`, as KCP's older pages and all clients have it.
    #[default]
    PayType,
    /// `site_cd^tno^mod_type`, as a newer page of KCP has it.
    ModType,
    /// Either of the two.
    Either,
    /// None needed; a wrong one is still refused.
    Optional,
}

/// The switches of a sandbox. Everything that KCP leaves open, or sets per contract, is one.
///
/// ```
/// use kcp_sandbox::Settings;
/// let mut settings = Settings::default();
/// settings.order_lookup = true;
/// assert!(settings.partial_cancel && !settings.strict);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is one independent switch of the contract"
)]
pub struct Settings {
    /// Inquiry by `tno` = yyyyMMdd000000 and order number. Off: KCP documents none.
    pub order_lookup: bool,
    /// An approved order number is refused with 8338. Off: KCP only recommends unique ones.
    pub refuse_duplicate_orders: bool,
    /// The shop may cancel partially; off refuses with 8392.
    pub partial_cancel: bool,
    /// The caller's address is registered; off refuses every cancel with 8012.
    pub ip_registered: bool,
    /// The shop may take authenticated key-in payments; off refuses with CC37.
    pub authenticated_contract: bool,
    /// The shop may take unauthenticated key-in payments; off refuses with CC35.
    pub unauthenticated_contract: bool,
    /// The shop may take US dollars; off refuses with 8176.
    pub dollars: bool,
    /// The shop may say how an amount divides for tax; off refuses every tax_flag of an approval with
    /// 8102 (assumed).
    pub tax_split: bool,
    /// What the guide forbids is refused with KCP's format errors, not answered with a lint.
    pub strict: bool,
    /// Won payments below 1,000 are refused with 8135.
    pub minimum_amount: bool,
    /// The old rule of KCP's test system: 1,000 to 5,004 won in one sum, 50,004 won in instalments,
    /// all else refused with 8129.
    pub test_amount_rule: bool,
    /// A certificate outside its time is refused with S032 (assumed), and not only reported.
    pub check_certificate_dates: bool,
    /// The sign that replaces card digits 7 to 12 in answers.
    pub mask: Mask,
    /// What an inquiry has to sign.
    pub inquiry_signature: InquirySignature,
    /// How many partial cancels one payment takes before 8386. KCP publishes no number.
    pub max_partial_cancels: u32,
    /// Milliseconds that every answer takes, at most 600,000.
    pub latency_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            order_lookup: false,
            refuse_duplicate_orders: false,
            partial_cancel: true,
            ip_registered: true,
            authenticated_contract: true,
            unauthenticated_contract: true,
            dollars: true,
            tax_split: true,
            strict: false,
            minimum_amount: false,
            test_amount_rule: false,
            check_certificate_dates: false,
            mask: Mask::default(),
            inquiry_signature: InquirySignature::default(),
            max_partial_cancels: 100,
            latency_ms: 0,
        }
    }
}

impl Settings {
    /// These settings with the fields of the JSON object `patch` put over them.
    ///
    /// # Errors
    ///
    /// [`Error`] that names the field, when a field is unknown or a value does not fit.
    pub fn patched(&self, patch: &serde_json::Value) -> Result<Self, Error> {
        const REMEDY: &str = "see GET /settings for the names and their present values";
        let Some(patch) = patch.as_object() else {
            return Err(Error::new("settings", "must be a JSON object", REMEDY));
        };
        let mut all = serde_json::to_value(self)
            .map_err(|e| Error::new("settings", e.to_string(), REMEDY))?;
        for (name, value) in patch {
            let Some(slot) = all.get_mut(name) else {
                return Err(Error::new(name, "is no setting", REMEDY));
            };
            let before = std::mem::replace(slot, value.clone());
            if let Err(e) = Self::deserialize(&all) {
                let rule = format!("takes values like {before}: {e}");
                return Err(Error::new(name, rule, REMEDY));
            }
        }
        let settings =
            Self::deserialize(&all).map_err(|e| Error::new("settings", e.to_string(), REMEDY))?;
        if settings.latency_ms > 600_000 {
            return Err(Error::new(
                "latency_ms",
                "must be at most 600000",
                "give a shorter one",
            ));
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        let settings = Settings::default()
            .patched(&json!({ "strict": true, "mask": "stars" }))
            .unwrap();
        assert_eq!(
            settings,
            Settings {
                strict: true,
                mask: Mask::Stars,
                ..Settings::default()
            }
        );
    }

    #[test]
    fn a_bad_patch_is_refused_by_name() {
        let check = |patch, field: &str| {
            assert_eq!(
                Settings::default().patched(&patch).unwrap_err().field,
                field
            );
        };
        check(json!({ "order_look_up": true }), "order_look_up");
        check(json!({ "strict": "yes" }), "strict");
        check(json!({ "mask": "hash" }), "mask");
        check(json!({ "latency_ms": 600_001 }), "latency_ms");
        check(json!([]), "settings");
    }
}
