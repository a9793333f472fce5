//! `[shop.NAME.merchant]`: who sells, for slips.

use nhn_kcp::HolderNo;
use serde::{Deserialize, Serialize};
use sugi_engine::Merchant;

/// The longest text, in characters: one line on a roll of 80 mm and a bit.
const TEXT_MAX: usize = 60;

/// A merchant; all of it can be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MerchantConfig {
    /// The trade name (상호).
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The registration number (사업자등록번호).
    #[serde(skip_serializing_if = "Option::is_none")]
    business_no: Option<String>,
    /// Who represents it (대표자).
    #[serde(skip_serializing_if = "Option::is_none")]
    representative: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
}

impl MerchantConfig {
    /// Who sells in the demo: no one.
    pub(crate) fn of_demo() -> Self {
        let text = |text: &str| Some(text.to_owned());
        Self {
            name: text("수기 상점"),
            business_no: text("123-45-67891"),
            representative: text("홍길동"),
            address: text("서울특별시 중구 세종대로 110"),
            phone: text("02-120"),
        }
    }

    /// The merchant; the error names the key.
    pub(super) fn open(&self) -> Result<Merchant, String> {
        let text = |key: &str, text: &Option<String>| {
            let Some(text) = text else { return Ok(None) };
            let text = text.trim();
            let fits = (1..=TEXT_MAX).contains(&text.chars().count());
            if fits && !text.chars().any(char::is_control) {
                return Ok(Some(text.to_owned()));
            }
            Err(format!(
                "merchant.{key} must have 1 to {TEXT_MAX} characters and no control characters"
            ))
        };
        Ok(Merchant {
            name: text("name", &self.name)?,
            business_no: self.business_no.as_deref().map(business_no).transpose()?,
            representative: text("representative", &self.representative)?,
            address: text("address", &self.address)?,
            phone: text("phone", &self.phone)?,
        })
    }
}

/// Ten digits of which the last is right, however they are grouped.
fn business_no(text: &str) -> Result<String, String> {
    let digits: String = text.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    let number = HolderNo::parse(&digits).ok();
    let is_right = number.is_some_and(|no| no.is_business() && no.passes_check_digit());
    if is_right {
        return Ok(format!(
            "{}-{}-{}",
            &digits[..3],
            &digits[3..5],
            &digits[5..]
        ));
    }
    Err("merchant.business_no must be the ten digits of a registration number (사업자등록번호) such as \
         123-45-67891; its last digit is a check digit, so look for a mistyped one"
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_number_is_not_printed_on_every_slip() {
        for right in ["123-45-67891", "1234567891", " 123 45 67891"] {
            assert_eq!(business_no(right).unwrap(), "123-45-67891");
        }
        for wrong in [
            "",
            "123-45-67890",
            "951010",
            "123-45-6789x",
            "123-45-678911",
        ] {
            assert!(
                business_no(wrong)
                    .unwrap_err()
                    .contains("merchant.business_no")
            );
        }
    }

    #[test]
    fn texts_fit_on_a_slip() {
        let named = |name: &str| {
            let merchant = MerchantConfig {
                name: Some(name.into()),
                ..MerchantConfig::default()
            };
            merchant.open().map(|merchant| merchant.name)
        };
        assert_eq!(named(" 가게 ").unwrap().as_deref(), Some("가게"));
        for wrong in ["", "  ", "a\nb", &"가".repeat(61)] {
            assert!(named(wrong).unwrap_err().starts_with("merchant.name must"));
        }
        assert_eq!(MerchantConfig::default().open(), Ok(Merchant::default()));
    }
}
