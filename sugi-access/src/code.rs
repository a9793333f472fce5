//! One-time codes (TOTP, RFC 6238) and the recovery codes for when the telephone is gone.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sugi_core::Actor;
use sugi_engine::clock;
use totp_rs::{Builder, Secret, Totp};

use crate::{
    access::{Access, AccessError},
    operator::Operator,
};

/// How many recovery codes are given out.
pub const RECOVERY_CODES: usize = 10;
/// Who the codes are for, on the telephone.
const ISSUER: &str = "sugi";
/// Letters that are not taken for one another.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789x";

/// Codes that are being set up: nothing is kept before one of them was typed in.
#[derive(Clone)]
pub struct Enrolment {
    /// The secret, to be typed into an app by hand.
    pub secret: String,
    /// The same as an address (`otpauth://…`), to be shown as a picture.
    pub url: String,
}

impl std::fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Enrolment")
    }
}

/// An operator's codes.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Codes {
    secret: String,
    /// The step whose code was used last: a code is good once.
    last_step: u64,
    /// SHA-256 of the recovery codes that are left. They are long and random.
    recovery: BTreeSet<String>,
}

impl std::fmt::Debug for Codes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Codes")
    }
}

impl Codes {
    /// Takes a code, of the telephone or of the paper; each is good once.
    pub(crate) fn take(&mut self, code: &str, now: Timestamp) -> bool {
        let code: String = code
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .collect::<String>()
            .to_lowercase();
        if self.recovery.remove(&hash(&code)) {
            return true;
        }
        let step = totp(&self.secret).and_then(|totp| totp.check(&code, seconds(now)));
        match step {
            Some(step) if step > self.last_step => {
                self.last_step = step;
                true
            }
            _ => false,
        }
    }

    pub(crate) fn recovery_left(&self) -> usize {
        self.recovery.len()
    }
}

impl Access {
    /// Begins to set codes up for somebody.
    #[must_use]
    pub fn enrol(&self, name: &Actor) -> Enrolment {
        let secret = Secret::from(clock::chance::<20>().to_vec()).to_base32();
        let url = self.enrolment_url(name, &secret);
        Enrolment { secret, url }
    }

    /// A secret as an address that apps read.
    #[must_use]
    pub fn enrolment_url(&self, name: &Actor, secret: &str) -> String {
        // A colon would end the issuer's name.
        let account = encoded(&name.as_str().replace(':', " "));
        format!("otpauth://totp/{ISSUER}:{account}?secret={secret}&issuer={ISSUER}")
    }

    /// Sets codes up, once one of them was typed in right. The recovery codes are shown once.
    ///
    /// # Errors
    /// [`AccessError::Code`] when it is not the code of this moment.
    pub async fn set_codes(
        &self,
        name: &Actor,
        secret: &str,
        code: &str,
    ) -> Result<Vec<String>, AccessError> {
        let now = self.0.clock.now();
        let paper: Vec<String> = (0..RECOVERY_CODES).map(|_| recovery_code()).collect();
        let mut codes = Codes {
            secret: secret.into(),
            last_step: 0,
            recovery: BTreeSet::new(),
        };
        if !codes.take(code, now) {
            return Err(AccessError::Code);
        }
        codes.recovery = paper
            .iter()
            .map(|code| hash(&code.replace('-', "")))
            .collect();
        self.change_operator(name, |operator: &mut Operator| {
            operator.codes = Some(codes.clone());
            Ok::<_, AccessError>(())
        })
        .await?;
        Ok(paper)
    }
}

/// `abcd-efgh-jkmn-pqrs`: 80 bits.
fn recovery_code() -> String {
    let letters: Vec<char> = clock::chance::<16>()
        .iter()
        .map(|byte| LETTERS[usize::from(byte % 32)] as char)
        .collect();
    let parts: Vec<String> = letters
        .chunks(4)
        .map(|part| part.iter().collect())
        .collect();
    parts.join("-")
}

fn hash(code: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(code)
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Codes of six digits, each good for half a minute and the ones beside it, as every app makes them.
fn totp(secret: &str) -> Option<Totp> {
    let secret = Secret::try_from_base32(secret).ok()?;
    Builder::new().with_secret(secret).build().ok()
}

fn encoded(text: &str) -> String {
    let text: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    text.replace('+', "%20")
}

fn seconds(now: Timestamp) -> u64 {
    u64::try_from(now.as_second()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes() -> Codes {
        Codes {
            // The secret of RFC 6238's examples, "12345678901234567890".
            secret: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".into(),
            last_step: 0,
            recovery: [hash("abcdefghjkmnpqrs")].into(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn codes_are_those_of_the_standard_and_good_once() {
        // RFC 6238, appendix B, the last six of eight digits.
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (2_000_000_000, "279037"),
        ] {
            let mut codes = codes();
            assert!(!codes.take("000000", at(second)));
            assert!(codes.take(code, at(second)), "{second}");
            assert!(!codes.take(code, at(second)), "used again");
            assert!(
                !codes.take(code, at(second + 30)),
                "used again a step later"
            );
        }
        assert!(codes().take("287 082", at(80)), "a step late");
        assert!(!codes().take("287082", at(180)));
    }

    #[test]
    fn a_recovery_code_is_good_once() {
        let mut codes = codes();
        assert!(codes.take("ABCD-EFGH-JKMN-PQRS", at(0)));
        assert!(!codes.take("abcd-efgh-jkmn-pqrs", at(0)));
        assert_eq!(codes.recovery_left(), 0);
    }

    #[test]
    fn recovery_codes_differ() {
        let code = recovery_code();
        assert_eq!(code.len(), 19);
        assert_ne!(code, recovery_code());
    }
}
