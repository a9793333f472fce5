//! What has to be read again and must not be read by others (what makes an operator's codes, what a webhook
//! is signed with): sealed, under a secret that is not in the ledger. So a copy of the ledger alone makes
//! no one's codes.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Salt},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// An installation's secret: the same on all of its nodes, and not in the ledger.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    /// What it has to be; never what stands there.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const RULE: &str = "is 64 hexadecimal digits of chance, as `sugi init` makes them";
        let text = text.trim_ascii();
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(RULE);
        }
        let mut bytes = Zeroizing::new([0; 32]);
        for (n, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).map_err(|_| RULE)?;
        }
        Ok(Self(bytes))
    }

    /// One that was drawn now, and that no one else has.
    #[must_use]
    pub fn of_chance() -> Self {
        Self(Zeroizing::new(sugi_clock::random_bytes()))
    }

    /// Seals a text for one purpose and one owner; no one else's opens it. None if the text is longer than
    /// can be sealed.
    #[must_use]
    pub fn seal(&self, purpose: &str, owner: &str, text: &str) -> Option<String> {
        let nonce = sugi_clock::random_bytes::<NONCE_LEN>();
        let mut sealed = text.as_bytes().to_vec();
        let (key, about) = (self.key(purpose)?, Aad::from(owner));
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), about, &mut sealed)
            .ok()?;
        Some(BASE64_URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// Opens what was sealed; none if it was with another secret, for another purpose or owner, or was
    /// changed.
    #[must_use]
    pub fn open(&self, purpose: &str, owner: &str, sealed: &str) -> Option<Zeroizing<String>> {
        let sealed = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(sealed).ok()?);
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(sealed.to_vec());
        let (key, about) = (self.key(purpose)?, Aad::from(owner));
        let text = key.open_in_place(nonce, about, &mut text).ok()?;
        let text = std::str::from_utf8(text).ok()?;
        Some(Zeroizing::new(text.into()))
    }

    /// A key of its own for each purpose.
    fn key(&self, purpose: &str) -> Option<LessSafeKey> {
        let random_bytes = Salt::new(HKDF_SHA256, &[]).extract(&*self.0);
        let about = [purpose.as_bytes()];
        let key = random_bytes.expand(&about, &AES_256_GCM).ok()?;
        Some(LessSafeKey::new(UnboundKey::from(key)))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(digit: &str) -> Secret {
        Secret::parse(&digit.repeat(64)).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_for_its_owner_and_purpose_alone() {
        let sealed = secret("1").seal("codes", "kim", "JBSWY3DP").unwrap();
        let open = |secret: Secret, purpose, owner, sealed: &str| {
            let text = secret.open(purpose, owner, sealed);
            text.map(|text| text.to_string())
        };
        let opened = open(secret("1"), "codes", "kim", &sealed);
        assert_eq!(opened.as_deref(), Some("JBSWY3DP"));
        assert_eq!(open(secret("2"), "codes", "kim", &sealed), None);
        assert_eq!(open(secret("1"), "other", "kim", &sealed), None);
        assert_eq!(open(secret("1"), "codes", "lee", &sealed), None);
        assert_ne!(
            secret("1").seal("codes", "kim", "JBSWY3DP"),
            Some(sealed.clone())
        );
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let changed = BASE64_URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(open(secret("1"), "codes", "kim", &changed), None, "{at}");
            let short = BASE64_URL_SAFE_NO_PAD.encode(&bytes[..at]);
            assert_eq!(open(secret("1"), "codes", "kim", &short), None, "{at}");
        }
        assert_eq!(open(secret("1"), "codes", "kim", "no base64!"), None);
    }

    #[test]
    fn a_secret_is_long_and_shown_to_nobody() {
        for text in [
            "",
            "1",
            &"1".repeat(63),
            &"1".repeat(65),
            &"g".repeat(64),
            &"가".repeat(22),
        ] {
            let why = Secret::parse(text).unwrap_err();
            assert!(why.starts_with("is 64 hexadecimal digits"));
        }
        let secret = Secret::parse(&format!("{}\n", "aB".repeat(32))).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret");
    }
}
