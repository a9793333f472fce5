//! A passkey's public key, as its authenticator wrote it, and signatures that it made.
//!
//! WebAuthn has it as a COSE key in CTAP2's canonical CBOR: the same fields in the same order with no
//! other spelling. So for each kind that is offered there is one sequence of bytes around the numbers,
//! and whatever is spelt otherwise is no key.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};

/// The signatures that are offered, in the order of preference, as COSE numbers them: ES256, EdDSA, and
/// RS256 for the older TPMs behind Windows Hello, which make no other.
pub const PASSKEY_ALGORITHMS: [i32; 3] = [-7, -8, -257];

/// Of a key on P-256: five fields, of which the fourth is x.
const P256_X: &[u8] = &[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32];
/// Then y.
const P256_Y: &[u8] = &[0x22, 0x58, 32];
/// Of an Ed25519 key: four fields, the last of which is the key.
const ED25519_X: &[u8] = &[0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32];
/// Of an RSA key: four fields, of which the third is the modulus, with two bytes for its length.
const RSA_N: &[u8] = &[0xa4, 1, 3, 3, 0x39, 1, 0, 0x20, 0x59];
/// Then the exponent, which is 65537 and nothing else.
const RSA_E: &[u8] = &[0x21, 0x43, 1, 0, 1];
/// 65537.
const EXPONENT: [u8; 3] = [1, 0, 1];
/// The bytes of a modulus: 2048 to 4096 bits.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=512;

/// A public key of a kind that is offered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Key<'a> {
    /// ES256, as an uncompressed point of P-256.
    Es256([u8; 65]),
    /// Ed25519.
    EdDsa(&'a [u8]),
    /// RS256, by its modulus.
    Rs256(&'a [u8]),
}

impl<'a> Key<'a> {
    /// Reads a key off the front of some bytes, and returns what stands behind it.
    pub(crate) fn take(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (key, rest) = if let Some(rest) = bytes.strip_prefix(P256_X) {
            let (x, rest) = rest.split_at_checked(32)?;
            let (y, rest) = rest.strip_prefix(P256_Y)?.split_at_checked(32)?;
            let mut point = [4; 65];
            point[1..33].copy_from_slice(x);
            point[33..].copy_from_slice(y);
            (Self::Es256(point), rest)
        } else if let Some(rest) = bytes.strip_prefix(ED25519_X) {
            let (key, rest) = rest.split_at_checked(32)?;
            (Self::EdDsa(key), rest)
        } else {
            let (length, rest) = bytes.strip_prefix(RSA_N)?.split_first_chunk()?;
            let (modulus, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
            (Self::Rs256(modulus), rest.strip_prefix(RSA_E)?)
        };
        key.is_one().then_some((key, rest))
    }

    /// Whether there can be such a key: a point that is on the curve, a modulus of a size that holds.
    fn is_one(&self) -> bool {
        match self {
            Self::Es256(point) => ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).is_ok(),
            Self::EdDsa(key) => ParsedPublicKey::new(&ED25519, key).is_ok(),
            Self::Rs256(modulus) => MODULUS.contains(&modulus.len()) && modulus[0] != 0,
        }
    }

    /// Whether it made a signature of a message.
    pub(crate) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Es256(point) => ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
                .is_ok_and(|key| key.verify_sig(message, signature).is_ok()),
            Self::EdDsa(key) => ParsedPublicKey::new(&ED25519, key)
                .is_ok_and(|key| key.verify_sig(message, signature).is_ok()),
            Self::Rs256(modulus) => RsaPublicKeyComponents::<&[u8]> {
                n: modulus,
                e: &EXPONENT,
            }
            .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            .is_ok(),
        }
    }
}
