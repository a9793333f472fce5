//! KCP's transaction number, and the values that a merchant is known by.

use crate::error::{Field, Invalid, Rule};
use crate::text::{bytes, digits, text_value};

text_value! {
    /// KCP's transaction number `tno`: 14 digits.
    ///
    /// The key of every cancel and inquiry. KCP says to use it whole and to read nothing into its
    /// digits.
    Tno, check_tno
}

fn check_tno(text: &str) -> Result<(), Invalid> {
    digits(
        text,
        Field::new("transaction number", "tno"),
        14,
        14,
        "use the whole number KCP gave",
    )
}

text_value! {
    /// The merchant's code `site_cd`: 5 ASCII letters or digits, given by KCP with the contract.
    SiteCode, check_site_code
}

impl SiteCode {
    /// Whether this is one of the codes that KCP publishes for tests, so that no real money can move:
    /// `T0000` (general), `T0007` (escrow), `A52Q7` (batch), and `T1234` of the guide's example.
    #[must_use]
    pub fn is_test(&self) -> bool {
        matches!(self.as_str(), "T0000" | "T0007" | "A52Q7" | "T1234")
    }
}

fn check_site_code(text: &str) -> Result<(), Invalid> {
    const SITE_CODE: Field = Field::new("site code", "site_cd");
    const REMEDY: &str = "use the code in KCP's welcome mail";
    bytes(text, SITE_CODE, 5, 5, REMEDY)?;
    if text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        Ok(())
    } else {
        Err(Invalid::new(
            SITE_CODE,
            Rule::Only("ASCII letters and digits"),
            REMEDY,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tno_is_14_digits() {
        assert_eq!(
            Tno::parse("23542357804508").unwrap().as_str(),
            "23542357804508"
        );
        for bad in [
            "",
            "2354235780450",
            "235423578045080",
            "2354235780450a",
            "２３542357804508",
        ] {
            assert!(Tno::parse(bad).is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<Tno>("\"1\"").is_err());
    }

    #[test]
    fn site_codes_are_five_and_the_public_ones_are_known() {
        for test in ["T0000", "T0007", "A52Q7", "T1234"] {
            assert!(SiteCode::parse(test).unwrap().is_test());
        }
        assert!(!SiteCode::parse("SR123").unwrap().is_test());
        assert!(!SiteCode::parse("t0000").unwrap().is_test());
        for bad in ["", "T000", "T00000", "T-000", "가나"] {
            assert!(SiteCode::parse(bad).is_err(), "{bad}");
        }
    }
}
