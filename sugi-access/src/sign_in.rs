//! Signing in: a name, a password, and a one-time code if there is one.
//!
//! Every way to fail looks alike from outside and hashes as much: no one, someone who may not sign in
//! any more, a wrong password, a wrong code. What differs is told only to someone whose password was
//! right.

use std::sync::{MutexGuard, PoisonError};

use jiff::Timestamp;
use nhn_kcp::normal;
use sugi_core::Actor;
use sugi_store::StoreError;
use zeroize::Zeroizing;

use crate::{
    access::{Access, AccessError, Origin},
    code::Taken,
    operator::Operator,
    password::PASSWORD_CHARS_MAX,
    session::Cookie,
    throttle::Wrong,
    tries::LoginThrottle,
};

/// The most characters of a name that no one has that are remembered.
const NAME_CHARS_MAX: usize = 64;

/// What someone typed in.
pub struct SignIn {
    /// The name.
    pub name: String,
    /// The password.
    pub password: Zeroizing<String>,
    /// The one-time code, or a recovery code; empty if none was given.
    pub code: String,
}

impl SignIn {
    /// Without a code.
    #[must_use]
    pub fn new(name: &str, password: &str) -> Self {
        Self {
            name: name.into(),
            password: Zeroizing::new(password.into()),
            code: String::new(),
        }
    }

    /// The same with a code.
    #[must_use]
    pub fn with_code(mut self, code: &str) -> Self {
        self.code = code.into();
        self
    }
}

/// Why someone was not let in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The name, the password or the code.
    #[error("name, password or code is not right")]
    Wrong,
    /// The password was right, and a code is needed besides.
    #[error("a one-time code is needed")]
    CodeNeeded,
    /// The password was right, and the codes were sealed with another secret, or with one that is not
    /// there any more.
    #[error("one-time codes cannot be read: access.secret is not there, or another than it was")]
    Sealed,
    /// The password was right, and this installation wants the passkey that there is.
    #[error("a passkey is needed; if it is lost, an administrator takes it away")]
    PasskeyNeeded,
    /// A passkey answered what it was not asked, or too late.
    #[error("it took too long; try again")]
    Stale,
    /// A passkey has signed less often than before: somewhere there is a copy of it.
    #[error("this passkey may have been copied; remove it and add another")]
    Copied,
    /// Too many wrong tries of this name, or from this address.
    #[error("too many wrong tries; try again after {0}")]
    Held(Timestamp),
    /// The ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Access {
    /// Lets someone in and begins a session.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn sign_in(&self, ask: SignIn, from: &Origin) -> Result<Cookie, SignInError> {
        let operator = self.show(ask, from).await?;
        // Where one factor is not enough, a password must not be the way around the other, nor let
        // anybody set up codes of their own in its place.
        let alone = self.0.rules.code_required && !operator.has_codes();
        if alone && !operator.passkeys.is_empty() {
            return Err(SignInError::PasskeyNeeded);
        }
        Ok(self.begin_session(&operator, from, false).await?)
    }

    /// Whether someone is who they say they are, without a session: for what asks again.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn show(&self, ask: SignIn, from: &Origin) -> Result<Operator, SignInError> {
        let name = normal::text(ask.name.trim());
        let known = match name.parse::<Actor>() {
            Ok(name) => self.operator(&name).await?,
            Err(_) => None,
        };
        // No one's name is longer.
        let name: String = name.chars().take(NAME_CHARS_MAX).collect();
        // An operator who may not sign in any more does not exist here.
        let known = known.filter(|operator| operator.active);
        let wrong = self.wrong_tries(&name).await?;
        self.not_held(wrong, known.as_ref(), from)?;
        let too_long = ask.password.chars().count() > PASSWORD_CHARS_MAX;
        let password = if too_long {
            Zeroizing::default()
        } else {
            ask.password
        };
        let hash = known.as_ref().map(|operator| operator.password.clone());
        let right = self.is_right(password, hash).await;
        // Tries are counted one after the other: of many that were made at once, as many count as
        // of those that are made in turn, and the rest is held before it is looked at.
        let _turn = self.0.counting.lock().await;
        let wrong = self.wrong_tries(&name).await?;
        let now = self.not_held(wrong, known.as_ref(), from)?;
        let at_home = known
            .as_ref()
            .filter(|one| one.wrong_at(from.address, now).is_some());
        let counted = match known.as_ref().filter(|_| right) {
            Some(known) => self.count(known, &ask.code, from, now).await,
            // Tries of those that were made at once have been counted since.
            None => match at_home {
                Some(known) => self.not_held_at_home(known, from, now).await,
                None => Err(SignInError::Wrong),
            },
        };
        match &counted {
            Ok(_) if at_home.is_none() => self.forget_tries(&name).await?,
            Err(SignInError::Wrong) => {
                match at_home {
                    Some(known) => self.count_wrong_at_home(known, from, now).await?,
                    None => self.wrong_try(&name, now).await?,
                }
                self.wrong_from(from, now);
            }
            _ => {}
        }
        counted
    }

    /// Whether a try is taken now; returns the time at which it is. `wrong` are the tries of its name from
    /// anywhere but the places of its owner.
    fn not_held(
        &self,
        wrong: Wrong,
        known: Option<&Operator>,
        from: &Origin,
    ) -> Result<Timestamp, SignInError> {
        let now = self.address_not_held(from)?;
        let at_home = known.and_then(|known| known.wrong_at(from.address, now));
        match at_home.unwrap_or(wrong).held(now) {
            Some(until) => Err(SignInError::Held(until)),
            None => Ok(now),
        }
    }

    /// Whether an address may try now; returns the time at which it does.
    pub(crate) fn address_not_held(&self, from: &Origin) -> Result<Timestamp, SignInError> {
        let now = self.0.clock.now();
        let held = from
            .address
            .and_then(|at| self.tries().address_held(at, now));
        match held {
            Some(until) => Err(SignInError::Held(until)),
            None => Ok(now),
        }
    }

    /// A wrong try at a place of its name's owner: held, if those before have been counted meanwhile, or wrong.
    async fn not_held_at_home(
        &self,
        known: &Operator,
        from: &Origin,
        now: Timestamp,
    ) -> Result<Operator, SignInError> {
        let fresh = self.operator(&known.name).await?;
        let wrong = fresh.and_then(|fresh| fresh.wrong_at(from.address, now));
        match wrong.and_then(|wrong| wrong.held(now)) {
            Some(until) => Err(SignInError::Held(until)),
            None => Err(SignInError::Wrong),
        }
    }

    async fn count_wrong_at_home(
        &self,
        known: &Operator,
        from: &Origin,
        now: Timestamp,
    ) -> Result<(), SignInError> {
        let wrong = |operator: &mut Operator| {
            operator.wrong_try_at(from.address, now);
            Ok::<_, SignInError>(())
        };
        self.change_operator(&known.name, wrong).await.map(drop)
    }

    /// Counts a wrong try of an address.
    pub(crate) fn wrong_from(&self, from: &Origin, now: Timestamp) {
        if let Some(address) = from.address {
            self.tries().wrong_from(address, now);
        }
    }

    pub(crate) fn tries(&self) -> MutexGuard<'_, LoginThrottle> {
        self.0.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down that a right password was shown. A code is used up in the same write, so that of two that show
    /// the same one at once, one gets in.
    async fn count(
        &self,
        known: &Operator,
        code: &str,
        from: &Origin,
        now: Timestamp,
    ) -> Result<Operator, SignInError> {
        self.change_operator(&known.name, |operator| {
            let wrong = operator.wrong_at(from.address, now);
            if let Some(until) = wrong.and_then(|wrong| wrong.held(now)) {
                return Err(SignInError::Held(until));
            }
            // It may have been changed since it was compared.
            if operator.password != known.password || !operator.active {
                return Err(SignInError::Wrong);
            }
            if operator.has_codes() && code.trim().is_empty() {
                return Err(SignInError::CodeNeeded);
            }
            let secret = self.0.rules.secret.as_ref();
            let taken = match &mut operator.codes {
                Some(codes) => codes.take(&known.name, secret, code, now),
                None => Taken::Right,
            };
            match taken {
                // No one guessed wrong.
                Taken::Sealed => return Err(SignInError::Sealed),
                Taken::Wrong => return Err(SignInError::Wrong),
                Taken::Right => operator.was_at(from.address, now),
            }
            Ok(())
        })
        .await
    }
}

impl From<AccessError> for SignInError {
    /// Gone, or changed by others without end: no one is let in on that.
    fn from(why: AccessError) -> Self {
        match why {
            AccessError::Store(why) => Self::Store(why),
            _ => Self::Wrong,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use sugi_clock::Clock;
    use sugi_store::Store;

    use super::*;
    use crate::{NewOperator, Role, Rules};

    /// Whoever showed the old password and is overtaken by the new one: between the comparison and
    /// the count, and between the count and the session.
    #[tokio::test]
    async fn an_old_password_gets_nobody_in_while_it_is_changed() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let store = Store::open(dir.path()).unwrap();
        let access = Access::new(store, clock, Rules::default());
        let (kim, old): (Actor, _) = ("kim".parse().unwrap(), "correct horse battery");
        let new = NewOperator::new(kim.clone(), [Role::KeyIn], old);
        access.add_operator(new).await.unwrap();
        let from = Origin::default();
        let shown = access.show(SignIn::new("kim", old), &from).await.unwrap();
        let password = Zeroizing::new("another horse battery".to_owned());
        access.set_password(&kim, password).await.unwrap();

        let now = access.clock().now();
        let counted = access.count(&shown, "", &from, now).await;
        assert!(matches!(counted, Err(SignInError::Wrong)));
        let cookie = access.begin_session(&shown, &from, false).await.unwrap();
        assert!(access.session(&cookie).await.unwrap().is_none());
    }
}
