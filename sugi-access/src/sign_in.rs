//! Signing in: a name, a password, and a one-time code if there is one.
//!
//! Every way to fail looks alike from outside and takes as long: nobody, a wrong password, a wrong
//! code. What differs is told only to somebody whose password was right.

use std::sync::PoisonError;

use jiff::Timestamp;
use sugi_core::Actor;
use sugi_store::StoreError;
use zeroize::Zeroizing;

use crate::{
    access::{Access, AccessError, Origin},
    operator::Operator,
    password::PASSWORD_CHARS_MAX,
    session::Cookie,
    tries::wait_after,
};

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
        Ok(self.begin_session(&operator, from).await?)
    }

    /// Whether somebody is who they say they are, without a session: for what asks again.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn show(&self, ask: SignIn, from: &Origin) -> Result<Operator, SignInError> {
        let now = self.0.clock.now();
        let name: Option<Actor> = ask.name.trim().parse().ok();
        let known = match &name {
            Some(name) => self.operator(name).await?,
            None => None,
        };
        if let Some(until) = self.held(&ask.name, known.as_ref(), from, now) {
            return Err(SignInError::Held(until));
        }
        let too_long = ask.password.chars().count() > PASSWORD_CHARS_MAX;
        let password = if too_long {
            Zeroizing::default()
        } else {
            ask.password
        };
        let hash = known.as_ref().map(|operator| operator.password.clone());
        let right = self.is_right(password, hash).await;
        let Some(known) = known.filter(|operator| operator.active) else {
            self.wrong(&ask.name, from, now);
            return Err(SignInError::Wrong);
        };
        let counted = self.count(&known.name, right, &ask.code, now).await;
        if matches!(counted, Err(SignInError::Wrong)) {
            self.wrong_address(from, now);
        }
        counted
    }

    fn held(
        &self,
        name: &str,
        known: Option<&Operator>,
        from: &Origin,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let tries = self.0.tries.lock().unwrap_or_else(PoisonError::into_inner);
        let of_name = match known {
            Some(operator) => operator.locked_until(now),
            None => tries.name_held(name, now),
        };
        let address = from.address;
        of_name.max(address.and_then(|address| tries.address_held(address, now)))
    }

    fn wrong(&self, name: &str, from: &Origin, now: Timestamp) {
        let name: String = name.chars().take(64).collect();
        let mut tries = self.0.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries.wrong_name(&name, now);
        drop(tries);
        self.wrong_address(from, now);
    }

    fn wrong_address(&self, from: &Origin, now: Timestamp) {
        if let Some(address) = from.address {
            let mut tries = self.0.tries.lock().unwrap_or_else(PoisonError::into_inner);
            tries.wrong_from(address, now);
        }
    }

    /// Writes down how a try ended. A code is used up in the same write, so that of two that show
    /// the same one at once, one gets in; and whoever guesses in parallel is held in parallel.
    async fn count(
        &self,
        name: &Actor,
        password_right: bool,
        code: &str,
        now: Timestamp,
    ) -> Result<Operator, SignInError> {
        let operator = self
            .change_operator(name, |operator| {
                if let Some(until) = operator.locked_until(now) {
                    return Err(SignInError::Held(until));
                }
                if password_right && operator.has_codes() && code.trim().is_empty() {
                    return Err(SignInError::CodeNeeded);
                }
                let code_right = |operator: &mut Operator| match &mut operator.codes {
                    Some(codes) => codes.take(code, now),
                    None => true,
                };
                if password_right && code_right(operator) {
                    operator.unlock();
                } else {
                    operator.failures = operator.failures.saturating_add(1);
                    operator.locked_until = wait_after(operator.failures, now);
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
