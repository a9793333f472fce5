//! What people set up: operators, sessions, wishes, challenges, webhooks. Each is one text that is replaced whole.
//!
//! Races are decided as in the journal, by a number: a change names the version that it read, and
//! of two that read the same one, the second is told so.

use crate::{error::StoreError, sql::access, store::Store, value::Cells};

/// A kind of document: a table of its own in all but name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An operator, by name; its owner is the handle that their passkeys know them by.
    Operator,
    /// A session, by the hash of its cookie; its owner is the operator.
    Session,
    /// Something that waits for a second person; its owner is the state that it is in.
    Wish,
    /// A day whose audit anchor was mailed, by its date; of several nodes one does it.
    Anchor,
    /// Something for a passkey to sign, good once; its owner is what it was given out for.
    Challenge,
    /// Wrong tries to sign in with a name, by some bits of its hash.
    Throttle,
    /// Where a merchant's own program wants to be told of events.
    Webhook,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Session => "session",
            Self::Wish => "wish",
            Self::Anchor => "anchor",
            Self::Challenge => "challenge",
            Self::Throttle => "throttle",
            Self::Webhook => "webhook",
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
        let written = self.engine.run(access::ADD_DOCUMENT, values).await?;
        Ok(!written.is_empty())
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
        let written = self.engine.run(access::REPLACE_DOCUMENT, values).await?;
        Ok(!written.is_empty())
    }

    /// Takes a document away, whatever version it is; `false` when there is none of that name.
    ///
    /// # Errors
    /// What the database says; only after [`StoreError::Unknown`] may it be gone.
    pub async fn remove_document(&self, kind: Kind, key: &str) -> Result<bool, StoreError> {
        let values = vec![kind.as_str().into(), key.to_owned().into()];
        let gone = self.engine.run(access::REMOVE_DOCUMENT, values).await?;
        Ok(!gone.is_empty())
    }
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
