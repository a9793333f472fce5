//! Challenges: chance that a passkey signs, so that no signature is good twice.
//!
//! They are kept in the ledger, where whichever node is asked finds them; taking one away is what uses it
//! up, and of all who try that, one does.

use jiff::{SignedDuration, Timestamp};
use sugi_store::{DocumentKind, StoreError};

use super::encoded;
use crate::access::Access;

/// How long a challenge waits.
pub(super) const LIFE: SignedDuration = SignedDuration::from_mins(5);
/// The most that wait. Whoever finds the pages can ask for one, so a flood makes the oldest be forgotten.
const MOST: usize = 500;
/// Characters of a challenge.
const CHARS: usize = 43;

impl Access {
    /// A new challenge for some purpose.
    pub(super) async fn challenge(&self, purpose: &str) -> Result<String, StoreError> {
        let store = &self.0.store;
        let now = self.0.clock.now();
        let all = store.documents(DocumentKind::Challenge).await?;
        // Those for one purpose push out none that are for another: whoever may ask without being signed
        // in is in no one's way who is.
        let mut all: Vec<(bool, Option<Timestamp>, &str)> = all
            .iter()
            .map(|one| {
                (
                    one.owner != purpose,
                    one.body.parse().ok(),
                    one.key.as_str(),
                )
            })
            .collect();
        // The oldest first; what does not read as a time, before them.
        all.sort_unstable();
        let alike = all.iter().filter(|(other, ..)| !other).count();
        let over = (alike + 1).saturating_sub(MOST);
        for (n, (_, given, key)) in all.into_iter().enumerate() {
            if n < over || !given.is_some_and(|given| lives(given, now)) {
                store.remove_document(DocumentKind::Challenge, key).await?;
            }
        }
        let challenge = encoded(&sugi_clock::random_bytes::<32>());
        store
            .add_document(
                DocumentKind::Challenge,
                &challenge,
                purpose,
                &now.to_string(),
            )
            .await?;
        Ok(challenge)
    }

    /// Uses a challenge up; `false` if it was not given out for this purpose, was used before, or has
    /// waited too long.
    pub(super) async fn use_up(&self, challenge: &str, purpose: &str) -> Result<bool, StoreError> {
        let store = &self.0.store;
        // What no one gave out is not even looked for.
        if challenge.len() != CHARS {
            return Ok(false);
        }
        let kept = store.document(DocumentKind::Challenge, challenge).await?;
        let Some(kept) = kept.filter(|kept| kept.owner == purpose) else {
            return Ok(false);
        };
        let given: Option<Timestamp> = kept.body.parse().ok();
        let first = store
            .remove_document(DocumentKind::Challenge, challenge)
            .await?;
        Ok(first && given.is_some_and(|given| lives(given, self.0.clock.now())))
    }
}

fn lives(given: Timestamp, now: Timestamp) -> bool {
    now.duration_since(given) < LIFE
}
