//! The signature of what is told, by the Standard Webhooks specification 1.0 (standardwebhooks.com), so that
//! receivers can use a library that exists: HMAC-SHA256 over `id.timestamp.body`, in base64, behind `v1,`.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;
use zeroize::Zeroizing;

/// How a secret begins, so that one that leaked can be told for what it is.
const PREFIX: &str = "whsec_";

/// What a webhook's messages are signed with: `whsec_` and 32 bytes of chance in base64.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Zeroizing<String>);

impl SigningSecret {
    /// A new one.
    #[must_use]
    pub fn new() -> Self {
        let key = Zeroizing::new(sugi_clock::random_bytes::<32>());
        Self(Zeroizing::new(format!(
            "{PREFIX}{}",
            BASE64_STANDARD.encode(*key)
        )))
    }

    /// One that was kept; none if it is no secret.
    pub(crate) fn kept(text: Zeroizing<String>) -> Option<Self> {
        let secret = Self(text);
        let is_key = secret.key().is_some_and(|key| !key.is_empty());
        is_key.then_some(secret)
    }

    /// It as text, for whoever is to have it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn key(&self) -> Option<Zeroizing<Vec<u8>>> {
        let key = self.0.strip_prefix(PREFIX)?;
        BASE64_STANDARD.decode(key).ok().map(Zeroizing::new)
    }
}

impl Default for SigningSecret {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret")
    }
}

/// The signature of a message with one secret, as it stands in `webhook-signature`. While a secret changes
/// there are two, with a space between them.
///
/// ```
/// use sugi_webhooks::{SigningSecret, signature};
/// let signed = signature(&SigningSecret::new(), "evt_1", jiff::Timestamp::UNIX_EPOCH, b"{}");
/// assert!(signed.starts_with("v1,"));
/// ```
#[must_use]
pub fn signature(secret: &SigningSecret, id: &str, at: Timestamp, body: &[u8]) -> String {
    let key = secret.key().unwrap_or_default();
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else {
        return String::new();
    };
    mac.update(format!("{id}.{}.", at.as_second()).as_bytes());
    mac.update(body);
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn it_signs_as_the_specification_does() {
        let secret = Zeroizing::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let secret = SigningSecret::kept(secret).unwrap();
        let at = Timestamp::from_second(1_614_265_330).unwrap();
        let signed = signature(
            &secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            at,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn secrets_are_long_different_and_shown_to_nobody() {
        let (one, other) = (SigningSecret::new(), SigningSecret::new());
        assert_ne!(one, other);
        assert_eq!(one.key().unwrap().len(), 32);
        assert_eq!(format!("{one:?}"), "SigningSecret");
        for bad in ["", "whsec_", "whsec_!", "sugi_1234"] {
            assert_eq!(SigningSecret::kept(Zeroizing::new(bad.into())), None);
        }
    }
}
