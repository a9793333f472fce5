//! An authenticator and the browser around it, in memory: what it is told to do wrong, it does wrong.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sugi_access::{NewPasskey, PasskeySite, ShownPasskey};

pub(crate) const HOST: &str = "pay.example.com";
pub(crate) const ORIGIN: &str = "https://pay.example.com";

pub(crate) const PRESENT: u8 = 1;
pub(crate) const VERIFIED: u8 = 4;
pub(crate) const COPYABLE: u8 = 8;
const MADE: u8 = 64;

pub(crate) fn site() -> PasskeySite {
    PasskeySite {
        host: HOST.into(),
        origins: vec![ORIGIN.into()],
    }
}

/// One passkey, and all that can be told about it.
pub(crate) struct Authenticator {
    key: EcdsaKeyPair,
    pub(crate) id: Vec<u8>,
    /// As the installation named the operator.
    pub(crate) handle: String,
    pub(crate) count: u32,
    pub(crate) flags: u8,
    pub(crate) host: &'static str,
    pub(crate) origin: &'static str,
}

impl Authenticator {
    pub(crate) fn new(handle: &str) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        Self {
            // No one else's.
            id: Sha256::digest(key.public_key()).to_vec(),
            key,
            handle: handle.into(),
            count: 0,
            flags: PRESENT | VERIFIED,
            host: HOST,
            origin: ORIGIN,
        }
    }

    /// Another key that calls itself the same.
    pub(crate) fn impostor(&self) -> Self {
        Self {
            id: self.id.clone(),
            ..Self::new(&self.handle)
        }
    }

    /// What the browser sends when the passkey was made.
    pub(crate) fn make(&self, challenge: &str) -> NewPasskey {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        let length = u16::try_from(self.id.len()).unwrap().to_be_bytes();
        let key = [
            &[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32][..],
            x,
            &[0x22, 0x58, 32],
            y,
        ];
        let said = [
            self.said(MADE),
            vec![0; 16],
            length.into(),
            self.id.clone(),
            key.concat(),
        ];
        NewPasskey {
            name: "laptop".into(),
            client_data: encoded(&self.client_data("webauthn.create", challenge)),
            authenticator_data: encoded(&said.concat()),
        }
    }

    /// What the browser sends when it was asked to sign; counts, if it ever has.
    pub(crate) fn show(&mut self, challenge: &str) -> ShownPasskey {
        if self.count > 0 {
            self.count += 1;
        }
        let (said, client_data) = (self.said(0), self.client_data("webauthn.get", challenge));
        let message = [&said[..], &Sha256::digest(&client_data)].concat();
        let signature = self.key.sign(&SystemRandom::new(), &message).unwrap();
        ShownPasskey {
            credential: encoded(&self.id),
            handle: self.handle.clone(),
            client_data: encoded(&client_data),
            authenticator_data: encoded(&said),
            signature: encoded(signature.as_ref()),
        }
    }

    fn said(&self, besides: u8) -> Vec<u8> {
        let host = Sha256::digest(self.host);
        let count = self.count.to_be_bytes();
        [&host[..], &[self.flags | besides], &count].concat()
    }

    fn client_data(&self, ceremony: &str, challenge: &str) -> Vec<u8> {
        let said = json!({
            "type": ceremony, "challenge": challenge, "origin": self.origin, "crossOrigin": false,
        });
        said.to_string().into()
    }
}

fn encoded(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
