//! The webhooks of an installation: set up, listed, taken away.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use sugi_access::Secret;
use sugi_clock::Clock;
use sugi_core::WebhookId;
use sugi_store::{Document, DocumentKind, Event, IntegrityViolation, Store, StoreError};
use tokio::sync::Notify;

use crate::{BadAddress, Line, NewWebhook, SigningSecret, Webhook, dispatcher::Tally};

/// How many there can be: every event is looked at for each.
pub const WEBHOOKS_MOST: usize = 32;
/// How long the secret before is signed with as well, so that receivers can change in their own time.
const BOTH: SignedDuration = SignedDuration::from_hours(24);
/// How many secrets before are signed with at a time.
const BEFORE_MOST: usize = 3;
/// What the installation's secret seals here.
const PURPOSE: &str = "webhook";

/// The webhooks, and the line that they are told by. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Webhooks(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    store: Arc<Store>,
    pub(crate) clock: Clock,
    /// What seals their secrets.
    secret: Option<Secret>,
    pub(crate) line: Line,
    pub(crate) tally: Tally,
    /// Told when someone asks for something to be told.
    pub(crate) asked: Notify,
    /// Webhooks that do not read.
    unreadable: AtomicU64,
}

/// Something about a webhook could not be done. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// There is nothing to seal its secret with.
    #[error(
        "a webhook has a secret, which is sealed: name a file in access.secret_file and run `sugi init`"
    )]
    NoSecret,
    /// Its address is none that may be told.
    #[error("url {0}")]
    Address(BadAddress),
    /// There are as many as there can be.
    #[error("there are {WEBHOOKS_MOST} webhooks already; take one away first")]
    TooMany,
    /// The key was used for another one.
    #[error("the key was used for another webhook")]
    KeyReused,
    /// It was set up with this key, and has another secret since.
    #[error(
        "the webhook was set up with this key and has another secret since, which is not shown again"
    )]
    Renewed,
    /// There is none of that name.
    #[error("there is no webhook {0}")]
    Unknown(WebhookId),
    /// Its secret was sealed with another secret than this installation has now.
    #[error(
        "its secret cannot be read: access.secret_file is not what it was; give it a new secret"
    )]
    Sealed,
    /// It has as many secrets that are good as it can have.
    #[error("it had {BEFORE_MOST} other secrets within a day; wait until one of them is over")]
    TooOften,
    /// Others changed it at the same time.
    #[error("it is being changed by somebody else; try again")]
    Busy,
    /// The ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Webhooks {
    /// The webhooks in a ledger, with what seals their secrets; without it none can be set up.
    #[must_use]
    pub fn new(
        store: impl Into<Arc<Store>>,
        clock: Clock,
        secret: Option<Secret>,
        line: Line,
    ) -> Self {
        Self(Arc::new(Inner {
            store: store.into(),
            clock,
            secret,
            line,
            tally: Tally::default(),
            asked: Notify::new(),
            unreadable: AtomicU64::new(0),
        }))
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// All of them that read, by name, which is by age. One that does not is [counted](Self::unreadable), and keeps
    /// none of the others from being told.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn all(&self) -> Result<Vec<Webhook>, StoreError> {
        let found = self.store().documents(DocumentKind::Webhook).await?;
        let all: Vec<_> = found
            .iter()
            .filter_map(|document| read(document).ok())
            .collect();
        let unreadable = u64::try_from(found.len() - all.len()).unwrap_or(u64::MAX);
        let before = self.0.unreadable.swap(unreadable, Ordering::Relaxed);
        if unreadable > before {
            tracing::error!(
                webhooks = unreadable,
                "webhooks do not read and are told nothing; take them away and set them up anew"
            );
        }
        Ok(all)
    }

    /// How many webhooks and events did not read when they were last looked at.
    #[must_use]
    pub fn unreadable(&self) -> (u64, u64) {
        let webhooks = self.0.unreadable.load(Ordering::Relaxed);
        (webhooks, self.store().unreadable_events())
    }

    /// One of them.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn get(&self, id: &WebhookId) -> Result<Option<Webhook>, StoreError> {
        let found = self.store().document(DocumentKind::Webhook, id.as_str());
        found.await?.as_ref().map(read).transpose()
    }

    /// Sets one up. It is told of what is numbered from now on. Its secret comes with it: it is kept sealed
    /// and shown to no one afterwards, save to a caller that asks again with the same key while it has no other. The third is whether
    /// it was there already.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn add(
        &self,
        new: NewWebhook,
    ) -> Result<(Webhook, SigningSecret, bool), WebhookError> {
        let named = new.key.as_ref().map(|(scope, key)| digits_of(scope, key));
        let named = named.and_then(|digits| format!("wh_{digits}").parse().ok());
        let id = named.unwrap_or_else(sugi_clock::new_webhook_id);
        if let Some(there) = self.get(&id).await? {
            return self.again(there, &new);
        }
        if !self.0.line.may_tell(&new.url) {
            return Err(WebhookError::Address(BadAddress::NotPublic));
        }
        if self.all().await?.len() >= WEBHOOKS_MOST {
            return Err(WebhookError::TooMany);
        }
        let secret = SigningSecret::new();
        let webhook = Webhook {
            secret: self.seal(&id, &secret)?,
            before: Vec::new(),
            renewed_by: None,
            url: new.url.clone(),
            public_event: new.public_event.clone(),
            shops: new.shops.clone(),
            by: new.by.clone(),
            created_at: self.now(),
            id,
        };
        let (name, text) = (webhook.id.as_str(), text(&webhook));
        let kind = DocumentKind::Webhook;
        if self.store().add_document(kind, name, "", &text).await? {
            return Ok((webhook, secret, false));
        }
        // Someone asked with the same key in the same moment.
        match self.get(&webhook.id).await? {
            Some(there) => self.again(there, &new),
            None => Err(WebhookError::Busy),
        }
    }

    fn again(
        &self,
        there: Webhook,
        new: &NewWebhook,
    ) -> Result<(Webhook, SigningSecret, bool), WebhookError> {
        if !there.is_as_asked(new) {
            return Err(WebhookError::KeyReused);
        }
        // The secret of now may be one that someone else asked for since, and is theirs to hear.
        if there.renewed_by.is_some() || !there.before.is_empty() {
            return Err(WebhookError::Renewed);
        }
        let secret = self.open(&there, &there.secret)?;
        Ok((there, secret, true))
    }

    /// Gives one a new secret; for a day it signs with both. Asked again with the same key (whose it is, and
    /// the key), it is that secret again. The second is whether it was.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn renew_secret(
        &self,
        id: &WebhookId,
        by: Option<(&str, &str)>,
    ) -> Result<(SigningSecret, bool), WebhookError> {
        let kind = DocumentKind::Webhook;
        let found = self.store().document(kind, id.as_str()).await?;
        let unknown = || WebhookError::Unknown(id.clone());
        let found = found.ok_or_else(unknown)?;
        let mut webhook = read(&found)?;
        let by = by.map(|(scope, key)| digits_of(scope, key));
        if by.is_some() && webhook.renewed_by == by {
            return Ok((self.open(&webhook, &webhook.secret)?, true));
        }
        let secret = SigningSecret::new();
        let sealed = self.seal(id, &secret)?;
        let until = self.now().saturating_add(BOTH).unwrap_or(Timestamp::MAX);
        let now = self.now();
        webhook.before.retain(|(_, until)| *until > now);
        if webhook.before.len() >= BEFORE_MOST {
            return Err(WebhookError::TooOften);
        }
        let old = std::mem::replace(&mut webhook.secret, sealed);
        webhook.before.push((old, until));
        webhook.renewed_by = by;
        let (store, text) = (self.store(), text(&webhook));
        let replaced = store.replace_document(kind, &found, "", &text);
        if replaced.await? {
            Ok((secret, false))
        } else {
            Err(WebhookError::Busy)
        }
    }

    /// Takes one away, and with it all that it was still to be told.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn remove(&self, id: &WebhookId) -> Result<(), StoreError> {
        self.store().remove_webhook(id.as_str()).await
    }

    /// Has one told of an event as soon as can be, no matter what became of that before.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn redeliver(&self, webhook: &Webhook, event: &Event) -> Result<(), StoreError> {
        let (store, now) = (self.store(), self.now());
        let asked = store.deliver_again(webhook.id.as_str(), event.n, now);
        asked.await?;
        self.0.asked.notify_one();
        Ok(())
    }

    /// What a webhook signs with now: its secret, and for a day the one before.
    pub(crate) fn secrets(&self, webhook: &Webhook) -> Result<Vec<SigningSecret>, WebhookError> {
        let mut secrets = vec![self.open(webhook, &webhook.secret)?];
        let now = self.now();
        let good = webhook.before.iter().filter(|(_, until)| *until > now);
        // One that cannot be read any more is of no use to anybody.
        secrets.extend(good.filter_map(|(before, _)| self.open(webhook, before).ok()));
        Ok(secrets)
    }

    fn sealing(&self) -> Result<&Secret, WebhookError> {
        let secret = self.0.secret.as_ref();
        secret.ok_or(WebhookError::NoSecret)
    }

    fn seal(&self, id: &WebhookId, secret: &SigningSecret) -> Result<String, WebhookError> {
        let sealed = self.sealing()?.seal(PURPOSE, id.as_str(), secret.as_str());
        sealed.ok_or(WebhookError::NoSecret)
    }

    fn open(&self, webhook: &Webhook, sealed: &str) -> Result<SigningSecret, WebhookError> {
        let opened = self.sealing()?.open(PURPOSE, webhook.id.as_str(), sealed);
        opened
            .and_then(SigningSecret::kept)
            .ok_or(WebhookError::Sealed)
    }
}

/// 32 hexadecimal digits that whose key it is and the key decide, so that asking twice is asking once.
pub(crate) fn digits_of(scope: &str, key: &str) -> String {
    let mut hash = Sha256::new();
    for part in [scope, key] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut digits = String::with_capacity(32);
    for byte in &hash.finalize()[..16] {
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

fn read(document: &Document) -> Result<Webhook, StoreError> {
    serde_json::from_str(&document.body).map_err(|_| {
        IntegrityViolation {
            place: format!("webhook {}", document.key),
            what: "it is not one that this program writes".into(),
        }
        .into()
    })
}

fn text(webhook: &Webhook) -> String {
    // Texts, lists and a time: nothing that JSON could refuse.
    serde_json::to_string(webhook).unwrap_or_default()
}
