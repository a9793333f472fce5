//! Signing in: a name, a password, and a one-time code if there is one.
//!
//! Every way to fail looks alike from outside and hashes as much: nobody, somebody who may not sign in
//! any more, a wrong password, a wrong code. What differs is told only to somebody whose password was
//! right.

use std::sync::{MutexGuard, PoisonError};

use jiff::Timestamp;
use sugi_core::Actor;
use sugi_store::StoreError;
use zeroize::Zeroizing;

use crate::{
    access::{Access, AccessError, Origin},
    code::Taken,
    operator::Operator,
    password::PASSWORD_CHARS_MAX,
    session::Cookie,
    tries::Tries,
};

/// The most characters of a name that nobody has that are remembered.
const NAME_CHARS_MAX: usize = 64;

/// What somebody typed in.
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

/// Why somebody was not let in.
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
    /// Lets somebody in and begins a session.
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

    /// Whether somebody is who they say they are, without a session: for what asks again.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn show(&self, ask: SignIn, from: &Origin) -> Result<Operator, SignInError> {
        let name = ask.name.trim();
        let known = match name.parse::<Actor>() {
            Ok(name) => self.operator(&name).await?,
            Err(_) => None,
        };
        // Nobody's name is longer.
        let name: String = name.chars().take(NAME_CHARS_MAX).collect();
        // Whoever may not sign in any more is nobody here.
        let known = known.filter(|operator| operator.active);
        self.not_held(Some(&name), known.as_ref(), from)?;
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
        let now = self.not_held(Some(&name), known.as_ref(), from)?;
        let counted = match &known {
            Some(known) => self.count(known, right, &ask.code, now).await,
            None => Err(SignInError::Wrong),
        };
        if matches!(counted, Err(SignInError::Wrong)) {
            if known.is_none() {
                self.tries().wrong_name(&name, now);
            }
            self.wrong_from(from, now);
        }
        counted
    }

    /// Whether a try is taken now; returns the time at which it is.
    pub(crate) fn not_held(
        &self,
        name: Option<&str>,
        known: Option<&Operator>,
        from: &Origin,
    ) -> Result<Timestamp, SignInError> {
        let (now, tries) = (self.0.clock.now(), self.tries());
        let of_name = match known {
            Some(operator) => operator.locked_until(now),
            None => name.and_then(|name| tries.name_held(name, now)),
        };
        let of_address = from.address;
        let of_address = of_address.and_then(|address| tries.address_held(address, now));
        match of_name.max(of_address) {
            Some(until) => Err(SignInError::Held(until)),
            None => Ok(now),
        }
    }

    /// Counts a wrong try of an address.
    pub(crate) fn wrong_from(&self, from: &Origin, now: Timestamp) {
        if let Some(address) = from.address {
            self.tries().wrong_from(address, now);
        }
    }

    pub(crate) fn tries(&self) -> MutexGuard<'_, Tries> {
        self.0.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down how a try ended. A code is used up in the same write, so that of two that show
    /// the same one at once, one gets in.
    async fn count(
        &self,
        known: &Operator,
        password_right: bool,
        code: &str,
        now: Timestamp,
    ) -> Result<Operator, SignInError> {
        let operator = self
            .change_operator(&known.name, |operator| {
                if let Some(until) = operator.locked_until(now) {
                    return Err(SignInError::Held(until));
                }
                // It may have been changed since it was compared.
                let password_right = password_right && operator.password == known.password;
                if password_right && operator.has_codes() && code.trim().is_empty() {
                    return Err(SignInError::CodeNeeded);
                }
                let taken = match &mut operator.codes {
                    Some(codes) if password_right => {
                        let secret = self.0.rules.secret.as_ref();
                        codes.take(&known.name, secret, code, now)
                    }
                    _ => Taken::Right,
                };
                match taken {
                    // Nobody guessed wrong.
                    Taken::Sealed => return Err(SignInError::Sealed),
                    Taken::Right if password_right => operator.unlock(),
                    Taken::Right | Taken::Wrong => operator.wrong_try(now),
                }
                Ok(())
            })
            .await?;
        if operator.failures == 0 && operator.active {
            Ok(operator)
        } else {
            Err(SignInError::Wrong)
        }
    }
}

impl From<AccessError> for SignInError {
    /// Gone, or changed by others without end: nobody is let in on that.
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
    use sugi_engine::{Engine, clock::Clock};
    use sugi_store::Store;

    use super::*;
    use crate::{NewOperator, Role, Rules};

    /// Whoever showed the old password and is overtaken by the new one: between the comparison and
    /// the count, and between the count and the session.
    #[tokio::test]
    async fn an_old_password_gets_nobody_in_while_it_is_changed() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let engine = Engine::new(Store::open(dir.path()).unwrap(), [], clock.clone());
        let access = Access::new(engine, clock, Rules::default());
        let (kim, old): (Actor, _) = ("kim".parse().unwrap(), "correct horse battery");
        let new = NewOperator::new(kim.clone(), [Role::KeyIn], old);
        access.add_operator(new).await.unwrap();
        let from = Origin::default();
        let shown = access.show(SignIn::new("kim", old), &from).await.unwrap();
        let password = Zeroizing::new("another horse battery".to_owned());
        access.set_password(&kim, password).await.unwrap();

        let now = access.clock().now();
        let counted = access.count(&shown, true, "", now).await;
        assert!(matches!(counted, Err(SignInError::Wrong)));
        let cookie = access.begin_session(&shown, &from, false).await.unwrap();
        assert!(access.session(&cookie).await.unwrap().is_none());
    }
}
