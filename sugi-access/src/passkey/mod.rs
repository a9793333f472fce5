//! Passkeys (WebAuthn): a key that never leaves its owner's device, and is used only when the device has
//! recognised them. So one of them is two factors at once, and is good at no page but ours.
//!
//! What is kept is public: ids, keys, counts and names.

mod challenge;
mod enter;
mod key;
mod response;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use nhn_kcp::pan::{self, Rule};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sugi_core::Actor;

use self::response::{AuthenticatorData, Ceremony, Flaw, challenge_of};
pub use self::{enter::ShownPasskey, key::PASSKEY_ALGORITHMS};
use crate::{
    access::{Access, AccessError},
    operator::Operator,
    session::Session,
};

/// The most passkeys of one operator.
pub const PASSKEYS_MAX: usize = 10;
/// The most characters of a passkey's name.
pub const PASSKEY_NAME_CHARS_MAX: usize = 64;
/// How long a challenge waits, and so how long someone may take.
pub const PASSKEY_TIMEOUT: jiff::SignedDuration = challenge::LIFE;

/// Where an installation's passkeys are good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeySite {
    /// The host (WebAuthn's RP ID). Passkeys that were made for one host are of no use at another.
    pub host: String,
    /// Where its pages are: `https://host`, and the port if it is another than usual.
    pub origins: Vec<String>,
}

/// A passkey as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Passkey {
    /// Its name in addresses: a digest of what its authenticator calls it.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// Since when it is here.
    pub created_at: Timestamp,
    /// When it was used last.
    #[serde(default)]
    pub used_at: Option<Timestamp>,
    /// What its authenticator calls it.
    pub(crate) credential: String,
    /// Its public key, as the authenticator wrote it.
    key: String,
    /// How often it had signed when it was used last; 0 if it does not count.
    count: u32,
    /// Whether its owner's devices may share it.
    copyable: bool,
}

/// What a browser has to know to make a passkey.
#[derive(Debug)]
pub struct PasskeyOffer {
    /// What is to be signed.
    pub challenge: String,
    /// The handle that names the operator to the authenticator.
    pub handle: String,
    /// What the operator's authenticators call the passkeys that are there: none of them gets a second.
    pub known: Vec<String>,
}

/// A passkey that a browser has made. Bytes are base64url without padding.
#[derive(Debug, Clone, Default)]
pub struct NewPasskey {
    /// What its owner calls it.
    pub name: String,
    /// What the browser says about what was asked for.
    pub client_data: String,
    /// What the authenticator says.
    pub authenticator_data: String,
}

/// Why a passkey was not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyError {
    /// There are none at this installation.
    #[error("this installation has no passkeys; set access.passkey_host")]
    NotOffered,
    /// The name.
    #[error("a passkey's name has 1 to 64 characters, none of which is a control character")]
    Name,
    /// There are as many as there may be.
    #[error("an operator has at most 10 passkeys; remove one first")]
    TooMany,
    /// Its challenge was used before, has waited too long, or was someone else's.
    #[error("it was begun too long ago, or in another session; begin again")]
    Stale,
    /// It is no passkey of this installation's.
    #[error("this passkey was not made for these pages, or by no authenticator that is taken")]
    Refused,
}

impl Access {
    /// Begins to make a passkey, for someone who has just shown once more who they are.
    ///
    /// # Errors
    /// [`PasskeyError`], or what the ledger says.
    pub async fn begin_passkey(&self, session: &Session) -> Result<PasskeyOffer, AccessError> {
        self.passkey_site()?;
        let fresh = encoded(&sugi_clock::random_bytes::<32>());
        let operator = self
            .change_operator(&session.operator.name, |operator| {
                room(operator)?;
                operator.handle.get_or_insert_with(|| fresh.clone());
                Ok::<_, AccessError>(())
            })
            .await?;
        let known = operator.passkeys.iter();
        Ok(PasskeyOffer {
            challenge: self.challenge(&session.id).await?,
            known: known.map(|one| one.credential.clone()).collect(),
            handle: operator.handle.unwrap_or_default(),
        })
    }

    /// Adds a passkey that a browser has made in this session.
    ///
    /// # Errors
    /// [`PasskeyError`], or what the ledger says; then none was added.
    pub async fn add_passkey(&self, session: &Session, new: NewPasskey) -> Result<(), AccessError> {
        let site = self.passkey_site()?;
        let name = new.name.trim();
        let fits = (1..=PASSKEY_NAME_CHARS_MAX).contains(&name.chars().count())
            && !pan::holds(name, Rule::Text);
        if !fits || name.chars().any(char::is_control) {
            return Err(PasskeyError::Name.into());
        }
        let refused = |flaw: Flaw| {
            tracing::warn!(operator = %session.operator.name, %flaw, "a new passkey is refused");
            PasskeyError::Refused
        };
        let client_data = decoded(&new.client_data).ok_or(PasskeyError::Refused)?;
        let said = decoded(&new.authenticator_data).ok_or(PasskeyError::Refused)?;
        let challenge = challenge_of(&client_data, Ceremony::Create, site).map_err(refused)?;
        if !self.use_up(&challenge, &session.id).await? {
            return Err(PasskeyError::Stale.into());
        }
        let said = AuthenticatorData::read(&said).map_err(refused)?;
        said.check(site).map_err(refused)?;
        let made = said.made.as_ref().ok_or(Flaw::AuthenticatorData);
        let made = made.map_err(refused)?;
        let passkey = Passkey {
            id: id_of(made.id),
            name: name.into(),
            created_at: self.0.clock.now(),
            used_at: None,
            credential: encoded(made.id),
            key: encoded(made.key),
            count: said.count,
            copyable: said.copyable(),
        };
        self.change_operator(&session.operator.name, |operator| {
            room(operator)?;
            if operator.passkeys.iter().any(|one| one.id == passkey.id) {
                return Err(PasskeyError::Refused.into());
            }
            operator.passkeys.push(passkey.clone());
            Ok::<_, AccessError>(())
        })
        .await?;
        Ok(())
    }

    /// Takes a passkey away; `false` if the operator has none of that name.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn remove_passkey(&self, operator: &Actor, id: &str) -> Result<bool, AccessError> {
        let before = self.operator(operator).await?;
        if !before.is_some_and(|one| one.passkeys.iter().any(|one| one.id == id)) {
            return Ok(false);
        }
        self.change_operator(operator, |operator| {
            operator.passkeys.retain(|one| one.id != id);
            Ok::<_, AccessError>(())
        })
        .await?;
        Ok(true)
    }

    fn passkey_site(&self) -> Result<&PasskeySite, PasskeyError> {
        self.0
            .rules
            .passkeys
            .as_ref()
            .ok_or(PasskeyError::NotOffered)
    }
}

/// Whether there is room for one more.
fn room(operator: &Operator) -> Result<(), PasskeyError> {
    if operator.passkeys.len() < PASSKEYS_MAX {
        Ok(())
    } else {
        Err(PasskeyError::TooMany)
    }
}

/// What an address calls a passkey.
fn id_of(credential: &[u8]) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(credential);
    let mut id = String::with_capacity(32);
    for byte in digest.iter().take(16) {
        let _ = write!(id, "{byte:02x}");
    }
    id
}

fn encoded(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}
