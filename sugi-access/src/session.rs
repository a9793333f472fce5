//! Sessions: a cookie of pure chance, of which only the hash is kept.

use std::fmt::{self, Write as _};

use jiff::{SignedDuration, Timestamp};
use nhn_kcp::pan::{self, Rule};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sugi_core::Actor;
use sugi_store::{Document, DocumentKind, StoreError};
use zeroize::Zeroizing;

use crate::{
    access::{Access, Origin},
    operator::Operator,
};

/// How exactly it is kept when a session was used last: not every look is a write.
const SEEN_STEP: SignedDuration = SignedDuration::from_secs(30);
/// The most sessions of one operator; the oldest ends for the next.
const SESSIONS_MAX: usize = 20;

/// What the browser shows to be known again.
#[derive(Clone)]
pub struct Cookie(Zeroizing<String>);

impl Cookie {
    /// A cookie as the browser sent it; anything may stand in it.
    #[must_use]
    pub fn sent(text: &str) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Its text, for the browser alone.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn hash(&self) -> String {
        Sha256::digest(self.0.as_bytes()).iter().fold(
            String::with_capacity(64),
            |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            },
        )
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookie")
    }
}

/// A session that lives.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its name: not the cookie, and of no use as one.
    pub id: String,
    /// Whose it is, as they are now.
    pub operator: Operator,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was used last, to half a minute.
    pub seen_at: Timestamp,
    /// From where.
    pub address: String,
    /// With what.
    pub agent: String,
    /// Whether it was begun with a passkey, which is two factors at once.
    pub with_passkey: bool,
}

/// As it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    created_at: Timestamp,
    seen_at: Timestamp,
    /// When the operator's sessions had been ended last when this one began. It is no matter of
    /// clocks: who showed an old password while it was changed begins a session that is over.
    #[serde(default)]
    under: Option<Timestamp>,
    address: String,
    agent: String,
    #[serde(default)]
    with_passkey: bool,
}

impl Access {
    /// Begins a session for someone who has just shown who they are. A session that was there
    /// before is never taken over: who planted a cookie gains nothing.
    pub(crate) async fn begin_session(
        &self,
        operator: &Operator,
        from: &Origin,
        with_passkey: bool,
    ) -> Result<Cookie, StoreError> {
        let store = &self.0.store;
        let now = self.0.clock.now();
        if let Some(address) = from.address {
            self.tries().right_from(address, now);
        }
        let mut mine = self.kept_sessions(&operator.name).await?;
        mine.sort_by_key(|(_, kept)| kept.seen_at);
        let most = SESSIONS_MAX - 1;
        let over = mine.len().saturating_sub(most);
        for (n, (document, kept)) in mine.iter().enumerate() {
            if n < over || !self.lives(operator, kept, now) {
                store
                    .remove_document(DocumentKind::Session, &document.key)
                    .await?;
            }
        }
        let cookie = Cookie(Zeroizing::new(sugi_clock::new_secret()));
        let kept = Kept {
            created_at: now,
            seen_at: now,
            under: operator.sessions_from,
            address: from.address(),
            agent: agent(&from.agent),
            with_passkey,
        };
        let owner = operator.name.as_str();
        store
            .add_document(DocumentKind::Session, &cookie.hash(), owner, &text(&kept))
            .await?;
        Ok(cookie)
    }

    /// The session of a cookie, if it lives; used again from now on.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn session(&self, cookie: &Cookie) -> Result<Option<Session>, StoreError> {
        self.look_at_session(cookie, true).await
    }

    /// The session of a cookie, if it lives, without using it: for what a page asks by itself while
    /// no one sits in front of it.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn session_unused(&self, cookie: &Cookie) -> Result<Option<Session>, StoreError> {
        self.look_at_session(cookie, false).await
    }

    async fn look_at_session(
        &self,
        cookie: &Cookie,
        used: bool,
    ) -> Result<Option<Session>, StoreError> {
        let store = &self.0.store;
        let id = cookie.hash();
        let Some(document) = store.document(DocumentKind::Session, &id).await? else {
            return Ok(None);
        };
        let now = self.0.clock.now();
        let (Some(mut kept), Some(operator)) =
            (read(&document), self.named(&document.owner).await?)
        else {
            return Ok(None);
        };
        if !self.lives(&operator, &kept, now) {
            store.remove_document(DocumentKind::Session, &id).await?;
            return Ok(None);
        }
        if used && now.duration_since(kept.seen_at) >= SEEN_STEP {
            kept.seen_at = now;
            // Another request of the same browser may have written it down at the same moment.
            store
                .replace_document(
                    DocumentKind::Session,
                    &document,
                    &document.owner,
                    &text(&kept),
                )
                .await?;
        }
        Ok(Some(of(id, operator, kept)))
    }

    /// The sessions of an operator that live, the newest first.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn sessions(&self, operator: &Operator) -> Result<Vec<Session>, StoreError> {
        let now = self.0.clock.now();
        let mut mine: Vec<Session> = self
            .kept_sessions(&operator.name)
            .await?
            .into_iter()
            .filter(|(_, kept)| self.lives(operator, kept, now))
            .map(|(document, kept)| of(document.key, operator.clone(), kept))
            .collect();
        mine.sort_by_key(|session| std::cmp::Reverse(session.created_at));
        Ok(mine)
    }

    /// Ends a session of an operator; `false` if there is none of that name.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn end_session(&self, operator: &Actor, id: &str) -> Result<bool, StoreError> {
        let store = &self.0.store;
        let kept = store.document(DocumentKind::Session, id).await?;
        match kept.filter(|kept| kept.owner == operator.as_str()) {
            Some(_) => store.remove_document(DocumentKind::Session, id).await,
            None => Ok(false),
        }
    }

    async fn kept_sessions(&self, name: &Actor) -> Result<Vec<(Document, Kept)>, StoreError> {
        let store = &self.0.store;
        let found = store
            .documents_of(DocumentKind::Session, name.as_str())
            .await?;
        let both = |document: Document| read(&document).map(|kept| (document, kept));
        Ok(found.into_iter().filter_map(both).collect())
    }

    fn lives(&self, operator: &Operator, kept: &Kept, now: Timestamp) -> bool {
        let rules = &self.0.rules;
        operator.active
            && operator.sessions_from == kept.under
            && now.duration_since(kept.seen_at) < rules.idle
            && now.duration_since(kept.created_at) < rules.longest
    }
}

/// What a browser says that it is, as it is kept: anything may stand in it, a card number as well.
fn agent(given: &str) -> String {
    let given = given.replace(char::is_control, "\u{fffd}");
    let safe = pan::hidden(&given, Rule::Text);
    safe.chars().take(200).collect()
}

fn of(id: String, operator: Operator, kept: Kept) -> Session {
    Session {
        id,
        operator,
        created_at: kept.created_at,
        seen_at: kept.seen_at,
        address: kept.address,
        agent: kept.agent,
        with_passkey: kept.with_passkey,
    }
}

fn read(document: &Document) -> Option<Kept> {
    serde_json::from_str(&document.body).ok()
}

fn text(kept: &Kept) -> String {
    // Times and texts: nothing that JSON could refuse.
    serde_json::to_string(kept).unwrap_or_default()
}
