//! A webhook as it is kept: where it is told, of what, and what it is signed with.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sugi_core::{Actor, PublicEvent, Shops, WebhookId};
use sugi_store::Event;

use crate::Address;

/// A place where a merchant's own program is told of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Its name.
    pub id: WebhookId,

    /// Where it is told.
    pub url: Address,
    /// Of which news; empty means all.
    #[serde(with = "words")]
    pub public_event: BTreeSet<PublicEvent>,
    /// Of payments of which shops.
    pub shops: Shops,
    /// Who set it up.
    pub by: Actor,
    /// When.
    pub created_at: Timestamp,
    /// Its secret, sealed.
    pub(crate) secret: String,
    /// The secrets before, sealed, and until when each is signed with as well.
    pub(crate) before: Vec<(String, Timestamp)>,
    /// Which key asked for its secret, if it is not the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) renewed_by: Option<String>,
}

/// A webhook that is to be set up.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    /// Whose idempotency key asks for it, and the key: asked twice, it is set up once.
    pub key: Option<(String, String)>,
    /// Where it is to be told.
    pub url: Address,
    /// Of which news; empty means all.
    pub public_event: BTreeSet<PublicEvent>,
    /// Of payments of which shops.
    pub shops: Shops,
    /// Who sets it up.
    pub by: Actor,
}

impl NewWebhook {
    /// One that is told of everything.
    #[must_use]
    pub fn to(url: Address, by: Actor) -> Self {
        Self {
            key: None,
            url,
            public_event: BTreeSet::new(),
            shops: Shops::All,
            by,
        }
    }
}

impl Webhook {
    /// Whether it is told of an event.
    #[must_use]
    pub fn wants(&self, event: &Event) -> bool {
        (self.public_event.is_empty() || self.public_event.contains(&event.public_event))
            && self.shops.contains(&event.shop)
    }

    /// Whether it tells of no shop but these. Only who may use all of those may see it.
    #[must_use]
    pub fn is_within(&self, shops: &Shops) -> bool {
        self.shops.is_within(shops)
    }

    /// Whether it is the one that was asked for.
    pub(crate) fn is_as_asked(&self, new: &NewWebhook) -> bool {
        (&self.url, &self.public_event, &self.shops) == (&new.url, &new.public_event, &new.shops)
    }
}

/// News by its words, so that a text that was kept reads for ever.
mod words {
    use serde::{Deserializer, Serializer, de::Error as _};

    use super::{BTreeSet, Deserialize as _, PublicEvent, Serialize as _};

    pub(super) fn serialize<S: Serializer>(
        public_event: &BTreeSet<PublicEvent>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let words: Vec<_> = public_event
            .iter()
            .map(|public_event| public_event.as_str())
            .collect();
        words.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeSet<PublicEvent>, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        let public_event = words.iter().map(|word| word.parse());
        let public_event: Result<_, ()> = public_event.collect();
        public_event.map_err(|()| D::Error::custom("not news"))
    }
}
