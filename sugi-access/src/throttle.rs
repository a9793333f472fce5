//! How often a name may be tried from places that its owner does not sign in from.
//!
//! It is counted by the name's hash and kept in the ledger, for names that someone has and for names that
//! no one has alike: from outside they answer alike, cost alike, and do so after a restart and on every node.
//! Of the hash few bits are kept, so there are only so many counts, no matter what is typed in; two names that share
//! one share their waits.
//!
//! A place that an operator signs in from counts by itself (see [`Place`](crate::place::Place)), so wrong
//! tries from elsewhere keep no one out who is where they always are.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sugi_store::{Document, DocumentKind, StoreError};

use crate::{access::Access, tries::wait_after};

/// How often a count is tried while other nodes change the same one.
const TRIES: usize = 20;
/// Wrong tries that are older than this count no more.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(24);

/// Wrong tries, and when the last one was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Wrong {
    count: u32,
    last: Option<Timestamp>,
}

impl Wrong {
    /// Until when no try is taken.
    pub(crate) fn held(self, now: Timestamp) -> Option<Timestamp> {
        let until = wait_after(self.count, self.last?)?;
        Some(until).filter(|until| *until > now)
    }

    /// One more.
    pub(crate) fn add(&mut self, now: Timestamp) {
        let is_old = |last| now.duration_since(last) >= FORGOTTEN;
        if self.last.is_some_and(is_old) {
            *self = Self::default();
        }
        self.count = self.count.saturating_add(1);
        self.last = Some(now);
    }
}

impl Access {
    /// The wrong tries of a name from elsewhere. It costs the same whoever has the name.
    pub(crate) async fn wrong_tries(&self, name: &str) -> Result<Wrong, StoreError> {
        let store = &self.0.store;
        let kept = store
            .document(DocumentKind::Throttle, &bucket(name))
            .await?;
        Ok(kept.as_ref().map(read).unwrap_or_default())
    }

    /// Counts one more of them.
    pub(crate) async fn wrong_try(&self, name: &str, now: Timestamp) -> Result<(), StoreError> {
        self.change_tries(name, |wrong| wrong.add(now)).await
    }

    /// Forgets them, because the owner of the name was here or someone lets them in.
    pub(crate) async fn forget_tries(&self, name: &str) -> Result<(), StoreError> {
        if self.wrong_tries(name).await? == Wrong::default() {
            return Ok(());
        }
        self.change_tries(name, |wrong| *wrong = Wrong::default())
            .await
    }

    async fn change_tries(
        &self,
        name: &str,
        change: impl Fn(&mut Wrong),
    ) -> Result<(), StoreError> {
        let (store, key) = (&self.0.store, bucket(name));
        for _ in 0..TRIES {
            let kept = store.document(DocumentKind::Throttle, &key).await?;
            let mut wrong = kept.as_ref().map(read).unwrap_or_default();
            change(&mut wrong);
            // Numbers and a time: nothing that JSON could refuse.
            let body = serde_json::to_string(&wrong).unwrap_or_default();
            let kind = DocumentKind::Throttle;
            let written = if let Some(kept) = &kept {
                store.replace_document(kind, kept, "", &body).await?
            } else {
                store.add_document(kind, &key, "", &body).await?
            };
            if written {
                return Ok(());
            }
        }
        Err(StoreError::Busy)
    }
}

/// Sixteen bits of a name's hash: at most 65,536 rows, and none tells what was typed in.
fn bucket(name: &str) -> String {
    let hash = Sha256::new()
        .chain_update("sugi sign-in\0")
        .chain_update(name);
    let hash = hash.finalize();
    format!("{:02x}{:02x}", hash[0], hash[1])
}

fn read(document: &Document) -> Wrong {
    // One that does not read counts from nothing: it must keep no one out for ever.
    serde_json::from_str(&document.body).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn old_tries_are_forgotten() {
        let mut wrong = Wrong::default();
        assert_eq!(wrong.held(at(0)), None);
        for n in 0..5 {
            assert_eq!(wrong.held(at(n)), None);
            wrong.add(at(n));
        }
        assert_eq!(wrong.held(at(5)), Some(at(64)));
        assert_eq!(wrong.held(at(64)), None);
        wrong.add(at(24 * 3_600 + 4));
        assert_eq!(wrong.held(at(24 * 3_600 + 4)), None);
    }

    #[test]
    fn there_are_only_so_many_counts() {
        assert_eq!(bucket("kim").len(), 4);
        assert_ne!(bucket("kim"), bucket("lee"));
    }
}
