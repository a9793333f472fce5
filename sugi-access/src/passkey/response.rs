//! What a browser and an authenticator hand over (WebAuthn, sections 5.8.1 and 6.1), read strictly.
//!
//! No one vouches for an authenticator here ("attestation: none"), so a new passkey is what its owner's
//! browser says that it is. What is proved later is that whoever signs in holds the same key, was there,
//! and was recognised by the authenticator, at a page of ours and at no other.

use serde::{Deserialize, de::IgnoredAny};
use sha2::{Digest as _, Sha256};

use super::{PasskeySite, key::Key};

/// The most bytes of a credential's id.
const ID_BYTES_MAX: usize = 1_023;
/// The most bytes of anything else that is handed over.
const BYTES_MAX: usize = 4_096;

/// What is wrong with what was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Flaw {
    #[error("the browser's account of it cannot be read")]
    ClientData,
    #[error("it was made for something else")]
    Ceremony,
    #[error("it was made at another origin than those of access.passkey_host")]
    Origin,
    #[error("it was made in a frame of another site's page")]
    Framed,
    #[error("the authenticator's data cannot be read")]
    AuthenticatorData,
    #[error("it was made for another host than access.passkey_host")]
    Host,
    #[error("nobody was present")]
    Absent,
    #[error("the authenticator did not check who it was")]
    Unverified,
    #[error("it says that it is copied elsewhere, and that it cannot be")]
    Copies,
    #[error("the key is of no kind that is offered")]
    Key,
    #[error("there is no such passkey")]
    Unknown,
    #[error("the signature is not of this passkey")]
    Signature,
}

/// What a passkey is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ceremony {
    /// To be made.
    Create,
    /// To sign.
    Get,
}

/// The browser's account of what was asked for, and where.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    #[serde(rename = "type")]
    ceremony: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: bool,
    #[serde(default)]
    top_origin: Option<IgnoredAny>,
}

/// The challenge that a browser says it was given, if it was asked for the right thing at a page of ours.
pub(crate) fn challenge_of(
    client_data: &[u8],
    ceremony: Ceremony,
    site: &PasskeySite,
) -> Result<String, Flaw> {
    if client_data.len() > BYTES_MAX {
        return Err(Flaw::ClientData);
    }
    let said: ClientData = serde_json::from_slice(client_data).map_err(|_| Flaw::ClientData)?;
    let wanted = match ceremony {
        Ceremony::Create => "webauthn.create",
        Ceremony::Get => "webauthn.get",
    };
    if said.ceremony != wanted {
        return Err(Flaw::Ceremony);
    }
    if !site.origins.contains(&said.origin) {
        return Err(Flaw::Origin);
    }
    if said.cross_origin || said.top_origin.is_some() {
        return Err(Flaw::Framed);
    }
    Ok(said.challenge)
}

/// What an authenticator says.
#[derive(Debug)]
pub(crate) struct AuthenticatorData<'a> {
    host: &'a [u8],
    flags: u8,
    /// How often it has signed, or 0 if it does not count.
    pub(crate) count: u32,
    /// The passkey that it has just made.
    pub(crate) made: Option<Made<'a>>,
}

/// A passkey that was just made.
#[derive(Debug)]
pub(crate) struct Made<'a> {
    /// Its id.
    pub(crate) id: &'a [u8],
    /// Its key, as it stands there.
    pub(crate) key: &'a [u8],
}

/// The flags.
const PRESENT: u8 = 1;
const VERIFIED: u8 = 1 << 2;
const COPYABLE: u8 = 1 << 3;
const COPIED: u8 = 1 << 4;
const MADE: u8 = 1 << 6;
const EXTENDED: u8 = 1 << 7;

impl<'a> AuthenticatorData<'a> {
    /// Takes it apart. Extensions that no one asked for stand at the end, and are not looked at.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Flaw> {
        const FLAW: Flaw = Flaw::AuthenticatorData;
        if bytes.len() > BYTES_MAX {
            return Err(FLAW);
        }
        let (host, rest) = bytes.split_at_checked(32).ok_or(FLAW)?;
        let (flags, rest) = rest.split_first().ok_or(FLAW)?;
        let (count, rest) = rest.split_first_chunk().ok_or(FLAW)?;
        let (made, rest) = if flags & MADE == 0 {
            (None, rest)
        } else {
            // Its model comes first, which no one vouches for.
            let (_, rest) = rest.split_at_checked(16).ok_or(FLAW)?;
            let (length, rest) = rest.split_first_chunk().ok_or(FLAW)?;
            let length = usize::from(u16::from_be_bytes(*length));
            if !(1..=ID_BYTES_MAX).contains(&length) {
                return Err(FLAW);
            }
            let (id, begin) = rest.split_at_checked(length).ok_or(FLAW)?;
            let (_, rest) = Key::take(begin).ok_or(Flaw::Key)?;
            let key = &begin[..begin.len() - rest.len()];
            (Some(Made { id, key }), rest)
        };
        if rest.is_empty() == (flags & EXTENDED != 0) {
            return Err(FLAW);
        }
        Ok(Self {
            host,
            flags: *flags,
            count: u32::from_be_bytes(*count),
            made,
        })
    }

    /// Whether someone was there whom the authenticator recognised, at this site.
    pub(crate) fn check(&self, site: &PasskeySite) -> Result<(), Flaw> {
        if self.host != Sha256::digest(&site.host).as_slice() {
            return Err(Flaw::Host);
        }
        if self.flags & PRESENT == 0 {
            return Err(Flaw::Absent);
        }
        if self.flags & VERIFIED == 0 {
            return Err(Flaw::Unverified);
        }
        if self.flags & COPIED != 0 && !self.copyable() {
            return Err(Flaw::Copies);
        }
        Ok(())
    }

    /// Whether its owner's devices may share the passkey. It stays what it was when it was made.
    pub(crate) fn copyable(&self) -> bool {
        self.flags & COPYABLE != 0
    }
}

/// Whether a passkey signed: the authenticator's data, and what the browser says beside it.
pub(crate) fn signed(
    key: &[u8],
    authenticator_data: &[u8],
    client_data: &[u8],
    signature: &[u8],
) -> bool {
    let message = [authenticator_data, &Sha256::digest(client_data)].concat();
    match Key::take(key) {
        Some((key, [])) => signature.len() <= BYTES_MAX && key.signed(&message, signature),
        _ => false,
    }
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
