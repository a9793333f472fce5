//! Passwords: what they must be, and how they are kept.

use std::sync::{Arc, atomic::Ordering};

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::access::Access;

/// The fewest characters of a password.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// The most: hashing must not be made a weapon.
pub const PASSWORD_CHARS_MAX: usize = 128;
/// The fewest different characters.
const DIFFERENT_MIN: usize = 5;
/// Passwords of at least twelve characters that are tried first, in small emails.
const COMMON: &str = include_str!("common-passwords.txt");

/// What no one's password hashes to: checked when there is no one of the name, so that a wrong name
/// takes as long as a wrong password.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IG5vYm9keQ$5NQRZ5ICyVWmDqkl2FBdD/Nl8K6YVrb1vKXoYYzbF3I";

/// A password's Argon2id hash. It is shown to no one: guessing at it needs no service.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Hashed(String);

impl std::fmt::Debug for Hashed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hashed")
    }
}

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too few or too many characters.
    #[error("a password has 12 to 128 characters")]
    Length,
    /// Few different characters, or the operator's own name.
    #[error(
        "this password is too easy to guess; use several words that do not belong together, and not your name"
    )]
    Guessable,
    /// It is on the list.
    #[error("this password is one of those that are tried first; choose another")]
    Common,
}

/// Whether a password may be used by someone of this name.
pub(crate) fn check(password: &str, name: &str) -> Result<(), PasswordError> {
    let count = password.chars().count();
    if !(PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX).contains(&count) {
        return Err(PasswordError::Length);
    }
    let small = Zeroizing::new(password.to_lowercase());
    let mut different: Vec<char> = small.chars().collect();
    different.sort_unstable();
    different.dedup();
    let without_name = small.replace(&name.to_lowercase(), "");
    if different.len() < DIFFERENT_MIN || without_name.chars().count() < PASSWORD_CHARS_MIN / 2 {
        return Err(PasswordError::Guessable);
    }
    if COMMON.lines().any(|common| common == small.as_str()) {
        return Err(PasswordError::Common);
    }
    Ok(())
}

impl Access {
    /// The hash of a password.
    pub(crate) async fn hash(&self, password: Zeroizing<String>) -> Hashed {
        self.heavy(move || {
            let salt: [u8; 16] = sugi_clock::random_bytes();
            let hash: Result<argon2::password_hash::phc::PasswordHash, _> =
                Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
            // It fails for lengths that `check` has ruled out; an empty hash lets no one in.
            Hashed(hash.map(|hash| hash.to_string()).unwrap_or_default())
        })
        .await
        .unwrap_or(Hashed(String::new()))
    }

    /// Whether a password is the one that was hashed. Takes as long when there is none.
    pub(crate) async fn is_right(&self, password: Zeroizing<String>, hash: Option<Hashed>) -> bool {
        self.heavy(move || {
            let known = hash.is_some();
            let hash = hash.map_or_else(|| NOBODY.into(), |Hashed(hash)| hash);
            let password = password.as_bytes();
            Argon2::default()
                .verify_password(password, hash.as_str())
                .is_ok()
                && known
        })
        .await
        .unwrap_or(false)
    }

    /// Hashes, which takes a core for a while, not too much of it at once. A caller that hangs up cannot stop a hash
    /// that has begun, so the permit belongs to the work and not to the caller who waits for it.
    async fn heavy<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let hashing = Arc::clone(&self.0.hashing);
        let permit = hashing.acquire_owned().await.ok()?;
        self.0.hashed.fetch_add(1, Ordering::Relaxed);
        let bounded = move || {
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(bounded).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use sugi_clock::Clock;
    use sugi_store::Store;

    use super::*;
    use crate::Rules;

    /// Callers that hang up leave their hashes running: those count until they end.
    #[tokio::test]
    async fn hanging_up_begins_no_more_hashes_than_may_be_at_work() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(jiff::Timestamp::UNIX_EPOCH);
        let store = Store::open(dir.path()).unwrap();
        let access = Access::new(store, clock, Rules::default());
        let mut gates = Vec::new();
        for _ in 0..50 {
            let (gate, closed) = mpsc::channel::<()>();
            gates.push(gate);
            // Polled once, then dropped, as the handler of a closed connection is.
            tokio::select! {
                biased;
                _ = access.heavy(move || closed.recv().is_ok()) => panic!("the gate is closed"),
                () = std::future::ready(()) => {}
            }
        }
        assert_eq!(access.passwords_hashed(), 2);
        drop(gates);
        assert_eq!(access.heavy(|| true).await, Some(true));
        assert_eq!(access.passwords_hashed(), 3);
    }

    #[test]
    fn what_is_easy_to_guess_is_refused() {
        for (password, why) in [
            ("short", PasswordError::Length),
            (&"long".repeat(40), PasswordError::Length),
            ("ababababababab", PasswordError::Guessable),
            ("kimkimkimkim1", PasswordError::Guessable),
            ("Password1234", PasswordError::Common),
            ("1q2w3e4r5t6y", PasswordError::Common),
        ] {
            assert_eq!(check(password, "kim"), Err(why), "{password}");
        }
        assert_eq!(check("correct horse battery", "kim"), Ok(()));
        assert_eq!(check("가나다라마바사아자차카타", "김"), Ok(()));
    }

    /// A hash that did not read would be found wrong at once, and a wrong name would be heard.
    #[test]
    fn nobodys_hash_costs_what_everybodys_does() {
        let cost = |hash: &str| hash.rsplitn(3, '$').nth(2).unwrap().to_owned();
        let hash: argon2::password_hash::phc::PasswordHash = Argon2::default()
            .hash_password_with_salt(b"correct horse battery", b"salt and pepper.")
            .unwrap();
        assert_eq!(cost(NOBODY), cost(&hash.to_string()));
        let why = Argon2::default().verify_password(b"x", NOBODY).unwrap_err();
        assert_eq!(why, argon2::password_hash::Error::PasswordInvalid);
    }

    #[test]
    fn the_list_holds_what_the_rules_let_through() {
        for line in COMMON.lines() {
            assert!(line.chars().count() >= PASSWORD_CHARS_MIN, "{line}");
            assert_eq!(line, line.to_lowercase());
        }
    }
}
