//! Signing in with a passkey: no name, no password, no code.

use jiff::Timestamp;
use sugi_store::{AuditEntry, DocumentKind, StoreError};

use super::{
    Passkey, PasskeyError, decoded, id_of,
    response::{AuthenticatorData, Ceremony, Flaw, challenge_of, signed},
};
use crate::{
    access::{Access, AccessError, Origin},
    operator::Operator,
    session::Cookie,
    sign_in::SignInError,
};

/// What challenges to sign in are given out for. No session is named so.
const PURPOSE: &str = "sign-in";

/// What a browser hands over of a passkey that was shown. Bytes are base64url without padding.
#[derive(Debug, Clone, Default)]
pub struct ShownPasskey {
    /// What its authenticator calls it.
    pub credential: String,
    /// The handle that names the operator.
    pub handle: String,
    /// What the browser says about what was asked for.
    pub client_data: String,
    /// What the authenticator says.
    pub authenticator_data: String,
    /// The signature over both.
    pub signature: String,
}

/// A passkey that signed what it was asked to.
struct Proved {
    id: String,
    key: String,
    count: u32,
}

impl Access {
    /// A challenge for whoever wants to sign in with a passkey.
    ///
    /// # Errors
    /// [`PasskeyError::NotOffered`]; [`AccessError::Busy`] when that address asks too often; or what the
    /// ledger says.
    pub async fn challenge_to_sign_in(&self, from: &Origin) -> Result<String, AccessError> {
        self.passkey_site()?;
        // No one has signed in yet, and each of these is written down.
        let now = self.0.clock.now();
        if let Some(address) = from.address
            && !self.tries().may_ask(address, now)
        {
            return Err(AccessError::Busy);
        }
        Ok(self.challenge(PURPOSE).await?)
    }

    /// The operator that a passkey names, whether it is theirs or not.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn operator_of_handle(&self, handle: &str) -> Result<Option<Operator>, StoreError> {
        // Operators without passkeys have none, which is not to be asked for.
        if decoded(handle).is_none_or(|bytes| bytes.len() != 32) {
            return Ok(None);
        }
        let store = &self.0.store;
        let found = store.documents_of(DocumentKind::Operator, handle).await?;
        found.first().map(crate::operators::read).transpose()
    }

    /// Lets someone in who shows a passkey, and begins a session.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn sign_in_with_passkey(
        &self,
        shown: &ShownPasskey,
        from: &Origin,
    ) -> Result<Cookie, SignInError> {
        let known = self.operator_of_handle(&shown.handle).await?;
        // An operator who may not sign in any more does not exist here.
        let known = known.filter(|operator| operator.active);
        // What holds a name is against guessing, and no one guesses a signature: wrong passwords, which
        // anybody can type in, keep no one out who has a passkey. An address is held all the same.
        self.address_not_held(from)?;
        let proved = match self.prove(known.as_ref(), shown).await? {
            Err(flaw) => {
                let operator = known.as_ref().map_or("-", |known| known.name.as_str());
                tracing::warn!(operator, %flaw, "a passkey is refused");
                None
            }
            Ok(proved) => Some(proved),
        };
        let _turn = self.0.counting.lock().await;
        let now = self.address_not_held(from)?;
        let counted = match &known {
            Some(known) => self.count_passkey(known, proved.as_ref(), from, now).await,
            None => Err(SignInError::Wrong),
        };
        if matches!(counted, Err(SignInError::Wrong | SignInError::Copied)) {
            self.wrong_from(from, now);
        }
        let operator = counted?;
        Ok(self.begin_session(&operator, from, true).await?)
    }

    /// Whether a passkey of someone's was shown, and signed what this installation asked it to sign.
    async fn prove(
        &self,
        known: Option<&Operator>,
        shown: &ShownPasskey,
    ) -> Result<Result<Proved, Flaw>, SignInError> {
        let Ok(site) = self.passkey_site() else {
            return Ok(Err(Flaw::Host));
        };
        let Some(client_data) = decoded(&shown.client_data) else {
            return Ok(Err(Flaw::ClientData));
        };
        let challenge = match challenge_of(&client_data, Ceremony::Get, site) {
            Ok(challenge) => challenge,
            Err(flaw) => return Ok(Err(flaw)),
        };
        if !self.use_up(&challenge, PURPOSE).await? {
            return Err(SignInError::Stale);
        }
        let prove = || {
            let said = decoded(&shown.authenticator_data).ok_or(Flaw::AuthenticatorData)?;
            let signature = decoded(&shown.signature).ok_or(Flaw::Signature)?;
            let read = AuthenticatorData::read(&said)?;
            read.check(site)?;
            let id = id_of(&decoded(&shown.credential).ok_or(Flaw::Unknown)?);
            let passkey = known.and_then(|known| known.passkey(&id));
            let passkey = passkey.ok_or(Flaw::Unknown)?;
            if read.made.is_some() {
                return Err(Flaw::AuthenticatorData);
            }
            if read.copyable() != passkey.copyable {
                return Err(Flaw::Copies);
            }
            let key = decoded(&passkey.key).ok_or(Flaw::Key)?;
            if !signed(&key, &said, &client_data, &signature) {
                return Err(Flaw::Signature);
            }
            Ok(Proved {
                id,
                key: passkey.key.clone(),
                count: read.count,
            })
        };
        Ok(prove())
    }

    /// Writes down how a try ended, with the passkey's count, in one write: of two that show the same
    /// count at once, one gets in.
    async fn count_passkey(
        &self,
        known: &Operator,
        proved: Option<&Proved>,
        from: &Origin,
        now: Timestamp,
    ) -> Result<Operator, SignInError> {
        let proved = proved.ok_or(SignInError::Wrong)?;
        let entered = self
            .change_operator(&known.name, |operator| {
                if !operator.active {
                    return Err(SignInError::Wrong);
                }
                // It may have been taken away since it was compared.
                let mut kept = operator.passkeys.iter_mut();
                let kept = kept.find(|one| one.id == proved.id && one.key == proved.key);
                let kept = kept.ok_or(SignInError::Wrong)?;
                if went_back(kept, proved) {
                    return Err(SignInError::Copied);
                }
                kept.count = proved.count;
                kept.used_at = Some(now);
                operator.was_at(from.address, now);
                Ok(())
            })
            .await;
        if matches!(entered, Err(SignInError::Copied)) {
            // Two devices count each for itself: one of them holds a copy that no one should have.
            let kept = self.operator(&known.name).await?;
            let kept = kept.as_ref().and_then(|kept| kept.passkey(&proved.id));
            let before = kept.map_or(0, |kept| kept.count);
            self.note(AuditEntry {
                at: now,
                actor: format!("operator:{}", known.name),
                action: "passkey".into(),
                subject: proved.id.clone(),
                outcome: format!("refused: count {} after {before}", proved.count),
                origin: from.address(),
            })
            .await;
        }
        entered
    }
}

/// Whether a passkey has signed less often than it had: then there are two of it. Those that do not count
/// say 0 for ever.
fn went_back(kept: &Passkey, proved: &Proved) -> bool {
    (kept.count, proved.count) != (0, 0) && proved.count <= kept.count
}

impl From<PasskeyError> for AccessError {
    fn from(why: PasskeyError) -> Self {
        Self::Passkey(why)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sugi_clock::Clock;
    use sugi_store::Store;

    use super::*;
    use crate::{NewOperator, Rules};

    /// Another node takes the passkey or its owner away after it was proved and before it counts.
    #[tokio::test]
    async fn what_happens_meanwhile_on_another_node_counts() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let store = Store::open(dir.path()).unwrap();
        let access = Access::new(store, clock, Rules::default());
        let (now, from) = (access.clock().now(), Origin::default());
        let new = NewOperator::new(
            "kim".parse().unwrap(),
            BTreeSet::new(),
            "correct horse battery",
        );
        let name = access.add_operator(new).await.unwrap().name;
        let passkey = Passkey {
            id: "a".into(),
            name: "laptop".into(),
            created_at: now,
            used_at: None,
            credential: String::new(),
            key: "key".into(),
            count: 0,
            copyable: false,
        };
        let proved = Proved {
            id: "a".into(),
            key: "key".into(),
            count: 0,
        };
        let change = async |change: fn(&mut Operator, Passkey)| {
            let changed = access.change_operator(&name, |one| {
                change(one, passkey.clone());
                Ok::<_, AccessError>(())
            });
            changed.await.unwrap()
        };
        let known = change(|kim, passkey| kim.passkeys = vec![passkey]).await;
        let count = async || {
            access
                .count_passkey(&known, Some(&proved), &from, now)
                .await
        };
        assert!(count().await.is_ok());
        // What holds the name for passwords stays, and is not in the way.
        for _ in 0..5 {
            access.wrong_try("kim", now).await.unwrap();
        }
        let entered = count().await.unwrap();
        assert!(access.held(&entered).await.unwrap().is_some());
        change(|kim, _| kim.passkeys.clear()).await;
        assert!(matches!(count().await, Err(SignInError::Wrong)));
        // Nor is another of the same name the one that was proved.
        let other = |kim: &mut Operator, mut passkey: Passkey| {
            passkey.key = "other".into();
            kim.passkeys = vec![passkey];
        };
        change(other).await;
        assert!(matches!(count().await, Err(SignInError::Wrong)));
        change(|kim, passkey| (kim.passkeys, kim.active) = (vec![passkey], false)).await;
        assert!(matches!(count().await, Err(SignInError::Wrong)));
    }
}
