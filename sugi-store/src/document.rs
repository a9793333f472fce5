//! What people set up: operators, sessions, approval requests, challenges, webhooks. Each is one text that is replaced whole.
//!
//! Races are decided as in the journal, by a number: a change names the version that it read, and
//! of two that read the same one, the second is told so.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::{
    chain::Hash,
    error::{IntegrityViolation, StoreError},
    sql::access,
    store::Store,
    value::{Cells, Value},
};

/// A kind of document: a table of its own in all but name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An operator, by name; its owner is the handle that their passkeys know them by.
    Operator,
    /// A session, by the hash of its cookie; its owner is the operator.
    Session,
    /// Something that waits for a second person; its owner is the state that it is in.
    ApprovalRequest,
    /// A day whose audit checkpoint was mailed, by its date; of several nodes one does it.
    AuditCheckpoint,
    /// Something for a passkey to sign, good once; its owner is what it was given out for.
    Challenge,
    /// Wrong tries to sign in with a name, by some bits of its hash.
    Throttle,
    /// Where a merchant's own program wants to be told of events.
    Webhook,
    /// How far the watch over settled payments is, and which node is at it.
    Watch,
    /// A settled payment of which KCP's books differ from the ledger, by its name; its owner is the shop.
    Finding,
}

/// How often a change is tried while others change other documents.
const TRIES: usize = 100;

impl Kind {
    /// Whether each change of such a document is a row of the chain of changes: of those that say who may
    /// do what. The others come and go by themselves.
    pub(crate) fn is_chained(self) -> bool {
        match self {
            Self::Operator | Self::ApprovalRequest | Self::Webhook => true,
            Self::Session | Self::AuditCheckpoint | Self::Challenge | Self::Throttle
            // What was found stands in the payment's journal as well.
            | Self::Watch | Self::Finding => false,
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let all = [
            Self::Operator,
            Self::Session,
            Self::ApprovalRequest,
            Self::AuditCheckpoint,
            Self::Challenge,
            Self::Throttle,
            Self::Webhook,
            Self::Watch,
            Self::Finding,
        ];
        all.into_iter().find(|kind| kind.as_str() == text)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Session => "session",
            Self::ApprovalRequest => "approval_request",
            Self::AuditCheckpoint => "checkpoint",
            Self::Challenge => "challenge",
            Self::Throttle => "throttle",
            Self::Webhook => "webhook",
            Self::Watch => "watch",
            Self::Finding => "finding",
        }
    }
}

/// A document as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its name in its kind.
    pub key: String,
    /// Whom it belongs to.
    pub owner: String,
    /// Which version of it this is, from 1.
    pub version: i64,
    /// The text.
    pub body: String,
}

/// The most documents that one question finds.
pub const DOCUMENTS_MOST: u32 = 1_000;

impl Store {
    /// A document by its name.
    ///
    /// # Errors
    /// What the database says.
    pub async fn document(&self, kind: Kind, key: &str) -> Result<Option<Document>, StoreError> {
        let values = vec![kind.as_str().into(), key.to_owned().into()];
        let found = self.engine.rows(access::DOCUMENT, values).await?;
        found.first().map(Document::read).transpose()
    }

    /// The documents of a kind, by name. At most [`DOCUMENTS_MOST`].
    ///
    /// # Errors
    /// What the database says.
    pub async fn documents(&self, kind: Kind) -> Result<Vec<Document>, StoreError> {
        let values = vec![kind.as_str().into(), DOCUMENTS_MOST.into()];
        let found = self.engine.rows(access::DOCUMENTS, values).await?;
        found.iter().map(Document::read).collect()
    }

    /// The documents of a kind that belong to one owner, by name. At most [`DOCUMENTS_MOST`].
    ///
    /// # Errors
    /// What the database says.
    pub async fn documents_of(&self, kind: Kind, owner: &str) -> Result<Vec<Document>, StoreError> {
        let values = vec![
            kind.as_str().into(),
            owner.to_owned().into(),
            DOCUMENTS_MOST.into(),
        ];
        let found = self.engine.rows(access::DOCUMENTS_OF, values).await?;
        found.iter().map(Document::read).collect()
    }

    /// Writes a new document; `false` when there is one of that name, and then nothing was written.
    ///
    /// # Errors
    /// What the database says; only after [`StoreError::Unknown`] may something have been written.
    pub async fn add_document(
        &self,
        kind: Kind,
        key: &str,
        owner: &str,
        body: &str,
    ) -> Result<bool, StoreError> {
        let values = vec![
            kind.as_str().into(),
            key.to_owned().into(),
            owner.to_owned().into(),
            body.to_owned().into(),
        ];
        if !kind.is_chained() {
            let written = self.engine.run(access::ADD_DOCUMENT, values).await?;
            return Ok(!written.is_empty());
        }
        if kind == Kind::Webhook {
            // One of this name that was taken away while events were numbered may have left some of its deliveries.
            self.engine
                .run(access::DELETE_STRAYS, vec![key.to_owned().into()])
                .await?;
        }
        let added = (access::ADD_DOCUMENT.to_owned(), values);
        let after = (1, owner, body);
        self.change(kind, key, Some(after), vec![added]).await
    }

    /// Replaces a document; `false` when it is not the version that was read any more, and then
    /// nothing was written.
    ///
    /// # Errors
    /// What the database says; only after [`StoreError::Unknown`] may something have been written.
    pub async fn replace_document(
        &self,
        kind: Kind,
        read: &Document,
        owner: &str,
        body: &str,
    ) -> Result<bool, StoreError> {
        let values = vec![
            owner.to_owned().into(),
            body.to_owned().into(),
            kind.as_str().into(),
            read.key.clone().into(),
            read.version.into(),
        ];
        if !kind.is_chained() {
            let written = self.engine.run(access::REPLACE_DOCUMENT, values).await?;
            return Ok(!written.is_empty());
        }
        let replaced = (access::REPLACE_DOCUMENT.to_owned(), values);
        let after = (read.version + 1, owner, body);
        self.change(kind, &read.key, Some(after), vec![replaced])
            .await
    }

    /// Takes a document away, no matter what version it is; `false` when there is none of that name.
    ///
    /// # Errors
    /// What the database says; only after [`StoreError::Unknown`] may it be gone.
    pub async fn remove_document(&self, kind: Kind, key: &str) -> Result<bool, StoreError> {
        let values = vec![kind.as_str().into(), key.to_owned().into()];
        if !kind.is_chained() {
            let gone = self.engine.run(access::REMOVE_DOCUMENT, values).await?;
            return Ok(!gone.is_empty());
        }
        let removed = (access::REMOVE_DOCUMENT.to_owned(), values);
        self.change(kind, key, None, vec![removed]).await
    }

    /// Changes a document of a kind that is chained by the first of some statements, and writes that down in
    /// the same transaction; whether it was changed. `after` is its version, owner and text, if it is still there then.
    pub(crate) async fn change(
        &self,
        kind: Kind,
        key: &str,
        after: Option<(i64, &str, &str)>,
        statements: Vec<(String, Vec<Value<'static>>)>,
    ) -> Result<bool, StoreError> {
        for _ in 0..TRIES {
            let last = self.last_change().await?;
            let mut all = statements.clone();
            // A document that goes is there before, one that comes is there afterwards.
            let at = if after.is_some() { all.len() } else { 0 };
            all.insert(at, row(last, kind, key, after));
            let main = usize::from(after.is_none());
            match self.engine.run_all(all).await {
                Ok(found) => return Ok(found.get(main).is_some_and(|rows| !rows.is_empty())),
                Err(why @ StoreError::Unknown { .. }) => return Err(why),
                // A number that is taken undoes the whole transaction: others changed another document.
                Err(why) if self.last_change().await?.0 == last.0 => return Err(why),
                Err(_) => {}
            }
        }
        Err(StoreError::Busy)
    }

    /// Where the chain of changes stands.
    pub(crate) async fn last_change(&self) -> Result<(i64, Hash), StoreError> {
        let found = self.engine.rows(access::LAST_CHANGE, Vec::new()).await?;
        let Some(row) = found.first() else {
            return Ok((0, Hash::START));
        };
        let n = row.int(0)?;
        let hash = Hash::from_hex(&row.text(1)?).ok_or_else(|| IntegrityViolation {
            place: format!("document_change row {n}"),
            what: "its hash is no hash".into(),
        })?;
        Ok((n, hash))
    }
}

/// The statement that writes a change down behind the last one.
fn row(
    (n, hash): (i64, Hash),
    kind: Kind,
    key: &str,
    after: Option<(i64, &str, &str)>,
) -> (String, Vec<Value<'static>>) {
    let n = n + 1;
    let text = |text: &str| Value::from(text.to_owned());
    let named = [text(kind.as_str()), text(key)];
    let Some((version, owner, body)) = after else {
        let hash = hash.next_change(n, 0, [kind.as_str(), key, ""]).to_hex();
        let mut values = vec![n.into()];
        values.extend(named.clone());
        values.push(hash.into());
        values.extend(named);
        return (access::GOING.into(), values);
    };
    let document = Document {
        key: key.into(),
        owner: owner.into(),
        version,
        body: body.into(),
    };
    let digest = digest(kind, &document);
    let hash = hash.next_change(n, version, [kind.as_str(), key, &digest]);
    let mut values = vec![n.into()];
    values.extend(named.clone());
    values.extend([version.into(), digest.into(), hash.to_hex().into()]);
    values.extend(named);
    values.extend([version.into(), text(owner), text(body)]);
    (access::CHANGED.into(), values)
}

/// What a document is known by among its changes.
pub(crate) fn digest(kind: Kind, document: &Document) -> String {
    let mut hash = Sha256::new();
    hash.update(document.version.to_be_bytes());
    for text in [
        kind.as_str(),
        &document.key,
        &document.owner,
        &document.body,
    ] {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hash.finalize()
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

impl Document {
    fn read(row: &Cells) -> Result<Self, StoreError> {
        Ok(Self {
            key: row.text(0)?,
            owner: row.text(1)?,
            version: row.int(2)?,
            body: row.text(3)?,
        })
    }
}
