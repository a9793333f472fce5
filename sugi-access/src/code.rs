//! One-time codes (TOTP, RFC 6238) and the recovery codes for when the telephone is gone.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sugi_core::Actor;
use totp_rs::{Builder, Secret, Totp};
use zeroize::Zeroizing;

use crate::{
    access::{Access, AccessError},
    operator::Operator,
    seal,
};

/// How many recovery codes are given out.
pub const RECOVERY_CODES: usize = 10;
/// Who the codes are for, on the telephone.
const ISSUER: &str = "sugi";
/// What the telephone's secret is sealed for.
const PURPOSE: &str = "sugi: one-time codes";
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
    /// What the telephone knows, sealed under the installation's secret.
    #[serde(default)]
    sealed: String,
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

/// How a code was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    Right,
    Wrong,
    /// It is none of the paper's, and what the telephone knows cannot be read.
    Sealed,
}

impl Codes {
    /// Takes a code, of the telephone or of the paper; each is good once.
    pub(crate) fn take(
        &mut self,
        owner: &Actor,
        secret: Option<&seal::Secret>,
        code: &str,
        now: Timestamp,
    ) -> Taken {
        let code = plain(code);
        if self.recovery.remove(&hash(&code)) {
            return Taken::Right;
        }
        let known = secret.and_then(|secret| secret.open(PURPOSE, owner.as_str(), &self.sealed));
        let Some(known) = known else {
            return Taken::Sealed;
        };
        match step_of(&known, &code, now) {
            Some(step) if step > self.last_step => {
                self.last_step = step;
                Taken::Right
            }
            _ => Taken::Wrong,
        }
    }

    pub(crate) fn recovery_left(&self) -> usize {
        self.recovery.len()
    }
}

impl Access {
    /// Begins to set codes up for someone.
    #[must_use]
    pub fn enrol(&self, name: &Actor) -> Enrolment {
        let secret = Secret::from(sugi_clock::random_bytes::<20>().to_vec()).to_base32();
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
    /// [`AccessError::Code`] when it is not the code of this moment; [`AccessError::NoSecret`] when there is
    /// nothing to seal them with.
    pub async fn set_codes(
        &self,
        name: &Actor,
        secret: &str,
        code: &str,
    ) -> Result<Vec<String>, AccessError> {
        let ours = self.0.rules.secret.as_ref();
        let ours = ours.ok_or(AccessError::NoSecret)?;
        let step = step_of(secret, &plain(code), self.0.clock.now()).ok_or(AccessError::Code)?;
        let sealed = ours.seal(PURPOSE, name.as_str(), secret);
        let paper: Vec<String> = (0..RECOVERY_CODES).map(|_| recovery_code()).collect();
        let codes = Codes {
            sealed: sealed.ok_or(AccessError::NoSecret)?,
            last_step: step,
            recovery: paper
                .iter()
                .map(|code| hash(&code.replace('-', "")))
                .collect(),
        };
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
    let letters: Vec<char> = sugi_clock::random_bytes::<16>()
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

/// A code as it is meant, however it was typed.
fn plain(code: &str) -> Zeroizing<String> {
    let meant = |c: &char| !c.is_whitespace() && *c != '-';
    let code = code.chars().filter(meant).flat_map(char::to_lowercase);
    Zeroizing::new(code.collect())
}

/// The step whose code this is, if it is one of about now.
fn step_of(secret: &str, code: &str, now: Timestamp) -> Option<u64> {
    totp(secret).and_then(|totp| totp.check(code, seconds(now)))
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

    fn ours() -> seal::Secret {
        seal::Secret::parse(&"1".repeat(64)).unwrap()
    }

    fn kim() -> Actor {
        "kim".parse().unwrap()
    }

    fn codes() -> Codes {
        // The secret of RFC 6238's examples, "12345678901234567890".
        let sealed = ours().seal(PURPOSE, "kim", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        Codes {
            sealed: sealed.unwrap(),
            last_step: 0,
            recovery: [hash("abcdefghjkmnpqrs")].into(),
        }
    }

    impl Codes {
        fn takes(&mut self, code: &str, now: Timestamp) -> bool {
            let taken = self.take(&kim(), Some(&ours()), code, now);
            assert_ne!(taken, Taken::Sealed);
            taken == Taken::Right
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
            assert!(!codes.takes("000000", at(second)));
            assert!(codes.takes(code, at(second)), "{second}");
            assert!(!codes.takes(code, at(second)), "used again");
            assert!(
                !codes.takes(code, at(second + 30)),
                "used again a step later"
            );
        }
        assert!(codes().takes("287 082", at(80)), "a step late");
        assert!(!codes().takes("287082", at(180)));
    }

    #[test]
    fn a_recovery_code_is_good_once() {
        let mut codes = codes();
        assert!(codes.takes("ABCD-EFGH-JKMN-PQRS", at(0)));
        assert!(!codes.takes("abcd-efgh-jkmn-pqrs", at(0)));
        assert_eq!(codes.recovery_left(), 0);
    }

    /// The paper's codes are hashed, so they need no secret: they are the way in when it is gone.
    #[test]
    fn without_the_secret_only_the_paper_is_good() {
        let other = seal::Secret::parse(&"2".repeat(64)).unwrap();
        let lee: Actor = "lee".parse().unwrap();
        let (kim, ours) = (kim(), ours());
        for (name, secret) in [(&kim, None), (&kim, Some(&other)), (&lee, Some(&ours))] {
            let mut codes = codes();
            let mut take = |code: &str| codes.take(name, secret, code, at(59));
            assert_eq!(take("287082"), Taken::Sealed);
            assert_eq!(take("abcd-efgh-jkmn-pqrs"), Taken::Right);
            assert_eq!(take("abcd-efgh-jkmn-pqrs"), Taken::Sealed);
        }
        // As it was kept before it was sealed: it reads, and opens nothing.
        let text = r#"{"secret":"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ","last_step":0,"recovery":[]}"#;
        let mut old: Codes = serde_json::from_str(text).unwrap();
        assert_eq!(old.take(&kim, Some(&ours), "287082", at(59)), Taken::Sealed);
    }

    #[test]
    fn recovery_codes_differ() {
        let code = recovery_code();
        assert_eq!(code.len(), 19);
        assert_ne!(code, recovery_code());
    }
}
