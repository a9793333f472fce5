//! Things that want a second person: asked for by one, confirmed by another, then carried out.
//!
//! A wish is written down before anybody confirms it, and its name is the idempotency key of what
//! it asks for. So it is carried out once, however often somebody tries and wherever a process ends.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use nhn_kcp::{Currency, TaxParts};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sugi_core::{Actor, PaymentId, Shops};
use sugi_engine::clock;
use sugi_store::{Document, DocumentKind, StoreError};

use crate::{
    access::Access,
    operator::{Operator, Role},
};

/// How long a wish waits.
const LIFE: SignedDuration = SignedDuration::from_hours(24);
/// How many cancels of one payment are asked for in all.
const CANCELS_MAX: u32 = 200;
/// Whom a wish belongs to that has waited longer.
const EXPIRED: &str = "expired";

/// What is wished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// Give money back.
    Cancel {
        /// Of which payment.
        payment: PaymentId,
        /// How much; all that is left if not said.
        amount: Option<u64>,
        /// Of all that is left: how much that was when it was asked for. Who confirms it confirms this
        /// amount, and no more is cancelled.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<u64>,
        /// How that divides for tax, of a sale that was split so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tax: Option<TaxParts>,
        /// Why, as told to KCP.
        reason: String,
    },
    /// Close a payment in doubt by hand.
    Close {
        /// Which payment.
        payment: PaymentId,
        /// KCP's number for it; none if it is not there.
        tno: Option<String>,
        /// Whether to keep it if it is alive.
        keep: bool,
        /// On what evidence.
        note: String,
    },
    /// Take a list out as a file.
    Export {
        /// Of what: the report's address and its filters.
        query: String,
        /// Of which shops: those of who asks, when they ask.
        shops: Shops,
    },
}

/// How a wish stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum WishState {
    /// Nobody has decided yet.
    Open,
    /// Another person confirmed it: to be carried out.
    Confirmed {
        /// Who.
        by: Actor,
        /// When.
        at: Timestamp,
    },
    /// Another person refused it, or who asked took it back.
    Refused {
        /// Who.
        by: Actor,
        /// When.
        at: Timestamp,
    },
    /// It was carried out, or turned out not to be possible.
    Done {
        /// Who had confirmed it.
        by: Actor,
        /// When it was done.
        at: Timestamp,
        /// How it ended, in a word.
        outcome: String,
    },
}

impl WishState {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Confirmed { .. } => "confirmed",
            Self::Refused { .. } => "refused",
            Self::Done { .. } => "done",
        }
    }
}

/// A wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// Its name, and the idempotency key of what it asks for.
    pub id: String,
    /// What is wished.
    pub what: What,
    /// The name of the form that it was asked for with, where a payment has one wish at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    form: Option<String>,
    /// Who asked.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// How it stands.
    pub state: WishState,
}

/// What became of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// It is written down, now or when the same was asked before; it may have been decided since.
    Written(Box<Wish>),
    /// The key asked for something else before.
    Else,
    /// Another cancel of the payment waits, or was confirmed and not carried out.
    Another,
    /// Cancels of the payment were asked for too often.
    TooOften,
}

/// What somebody says to a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Confirm,
    /// No.
    Refuse,
}

/// Why a decision was not taken.
#[derive(Debug, thiserror::Error)]
pub enum WishError {
    /// There is no such wish, or it has waited too long.
    #[error("there is no such wish, or it has waited longer than a day; ask for it again")]
    Gone,
    /// Who asked cannot confirm.
    #[error("who asked for it cannot confirm it; a second person has to")]
    SamePerson,
    /// The role is missing, or the file is of shops that are not theirs.
    #[error("you do not have the role or the shops that this takes")]
    MayNot,
    /// Somebody was quicker.
    #[error("it was decided already")]
    Decided,
    /// The ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl What {
    /// The role that asking for it and confirming it takes.
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            Self::Cancel { .. } => Role::Cancel,
            Self::Close { .. } | Self::Export { .. } => Role::Close,
        }
    }

    /// Whether it shows nothing of shops but these. Of a payment its own shop says so.
    #[must_use]
    pub fn is_for(&self, shops: &Shops) -> bool {
        match self {
            Self::Export { shops: of, .. } => of.is_within(shops),
            Self::Cancel { .. } | Self::Close { .. } => true,
        }
    }

    /// The payment that it is about.
    #[must_use]
    pub fn payment(&self) -> Option<&PaymentId> {
        match self {
            Self::Cancel { payment, .. } | Self::Close { payment, .. } => Some(payment),
            Self::Export { .. } => None,
        }
    }
}

impl Access {
    /// How much of a payment one person alone may have given back, all cancels of it together, in the
    /// currency's smallest unit; `None` where that takes nobody else. What is large is said in won, so of
    /// dollars it is nothing once it is said at all.
    #[must_use]
    pub fn cancel_alone(&self, currency: Currency) -> Option<u64> {
        let above = self.0.rules.second_person.cancel_above;
        above.map(|above| if currency == Currency::Krw { above } else { 0 })
    }

    /// Writes a wish down.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn wish(&self, what: What, by: &Actor) -> Result<Wish, StoreError> {
        let id = clock::new_wish_id();
        let (wish, _) = self.write_wish(id, what, by, None).await?;
        Ok(wish)
    }

    /// Writes a wish down under a key of who asks, so that asking twice is one wish: confirmed both,
    /// two would give back twice. Of one payment only one cancel waits at a time, whoever asks.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn wish_once(&self, what: What, by: &Actor, key: &str) -> Result<Asked, StoreError> {
        let form = name(&[by.as_str(), key]);
        let before = |before: Wish| {
            if before.what == what && before.by == *by {
                Asked::Written(Box::new(before))
            } else {
                Asked::Else
            }
        };
        let What::Cancel { payment, .. } = &what else {
            let id = format!("wish_{form}");
            let (wish, written) = self.write_wish(id, what.clone(), by, None).await?;
            if written {
                return Ok(Asked::Written(Box::new(wish)));
            }
            let found = self.wish_of(&wish.id).await?;
            return Ok(found.map_or(Asked::Else, before));
        };
        // The first, the second, ... of the payment: of two that ask at once one gets the number.
        let mut number = 0_u32;
        while number < CANCELS_MAX {
            let id = format!("wish_{}", name(&[payment.as_str(), &number.to_string()]));
            let mut found = self.wish_of(&id).await?;
            if found.is_none() {
                let form = Some(form.clone());
                let (wish, written) = self.write_wish(id, what.clone(), by, form).await?;
                if written {
                    return Ok(Asked::Written(Box::new(wish)));
                }
                found = self.wish_of(&wish.id).await?;
            }
            number += 1;
            let Some(found) = found else { continue };
            if found.form.as_ref() == Some(&form) {
                return Ok(before(found));
            }
            if found.stands(self.0.clock.now()) {
                return Ok(Asked::Another);
            }
        }
        Ok(Asked::TooOften)
    }

    async fn write_wish(
        &self,
        id: String,
        what: What,
        by: &Actor,
        form: Option<String>,
    ) -> Result<(Wish, bool), StoreError> {
        let wish = Wish {
            id,
            form,
            what,
            by: by.clone(),
            at: self.0.clock.now(),
            state: WishState::Open,
        };
        let (state, body) = (wish.state.as_str(), text(&wish));
        let store = self.0.engine.store();
        let written = store
            .add_document(DocumentKind::Wish, &wish.id, state, &body)
            .await?;
        Ok((wish, written))
    }

    /// The wishes that wait for somebody, or were confirmed and not carried out; the oldest first.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn open_wishes(&self) -> Result<Vec<Wish>, StoreError> {
        let store = self.0.engine.store();
        let mut found = store.documents_of(DocumentKind::Wish, "open").await?;
        found.extend(store.documents_of(DocumentKind::Wish, "confirmed").await?);
        let now = self.0.clock.now();
        let mut wishes = Vec::with_capacity(found.len());
        for document in &found {
            let Some(wish) = read(document) else { continue };
            if wish.stands(now) {
                wishes.push(wish);
                continue;
            }
            // Out of the way of those that still wait: a question finds only so many.
            store
                .replace_document(DocumentKind::Wish, document, EXPIRED, &document.body)
                .await?;
        }
        wishes.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
        Ok(wishes)
    }

    /// A wish by its name.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn wish_of(&self, id: &str) -> Result<Option<Wish>, StoreError> {
        let found = self.0.engine.store().document(DocumentKind::Wish, id);
        Ok(found.await?.as_ref().and_then(read))
    }

    /// Decides about a wish. What is confirmed is to be carried out by whoever asked this, with the
    /// wish's name as idempotency key, and then [`done`](Self::wish_done).
    ///
    /// # Errors
    /// [`WishError`]; then nothing was decided.
    pub async fn decide(
        &self,
        id: &str,
        by: &Operator,
        decision: Decision,
    ) -> Result<Wish, WishError> {
        let store = self.0.engine.store();
        let document = store.document(DocumentKind::Wish, id).await?;
        let document = document.ok_or(WishError::Gone)?;
        let mut wish = read(&document).ok_or(WishError::Gone)?;
        if wish.state != WishState::Open {
            return Err(WishError::Decided);
        }
        let now = self.0.clock.now();
        if !wish.waits(now) {
            return Err(WishError::Gone);
        }
        let own = wish.by == by.name;
        if decision == Decision::Confirm && own {
            return Err(WishError::SamePerson);
        }
        let may = by.may(wish.what.role()) && wish.what.is_for(&by.shops);
        if !own && !may {
            return Err(WishError::MayNot);
        }
        let (by, at) = (by.name.clone(), now);
        wish.state = match decision {
            Decision::Confirm => WishState::Confirmed { by, at },
            Decision::Refuse => WishState::Refused { by, at },
        };
        let (state, body) = (wish.state.as_str(), text(&wish));
        let written = store
            .replace_document(DocumentKind::Wish, &document, state, &body)
            .await?;
        if written {
            Ok(wish)
        } else {
            Err(WishError::Decided)
        }
    }

    /// Writes down how a confirmed wish ended. `false` when it was written down before, or is not to
    /// be carried out: of all who ask this of a wish, one gets `true`.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn wish_done(&self, id: &str, outcome: &str) -> Result<bool, StoreError> {
        let store = self.0.engine.store();
        let Some(document) = store.document(DocumentKind::Wish, id).await? else {
            return Ok(false);
        };
        let Some(mut wish) = read(&document) else {
            return Ok(false);
        };
        let WishState::Confirmed { by, .. } = wish.state else {
            return Ok(false);
        };
        let (at, outcome) = (self.0.clock.now(), outcome.into());
        wish.state = WishState::Done { by, at, outcome };
        let (state, body) = (wish.state.as_str(), text(&wish));
        store
            .replace_document(DocumentKind::Wish, &document, state, &body)
            .await
    }
}

impl Wish {
    /// Whether it still waits for a decision.
    #[must_use]
    pub fn waits(&self, now: Timestamp) -> bool {
        self.state == WishState::Open && now.duration_since(self.at) < LIFE
    }

    /// Whether it waits for a decision, or was confirmed and is to be carried out.
    fn stands(&self, now: Timestamp) -> bool {
        match (&self.state, &self.what) {
            (WishState::Open, _) => self.waits(now),
            // What moves money is carried out, however late; a file is nobody's for ever.
            (WishState::Confirmed { .. }, What::Export { .. }) => self.is_confirmed(now),
            (WishState::Confirmed { .. }, _) => true,
            _ => false,
        }
    }

    /// Whether it was confirmed, and not so long ago that it may not be used any more.
    #[must_use]
    pub fn is_confirmed(&self, now: Timestamp) -> bool {
        let fresh = |at: Timestamp| now.duration_since(at) < LIFE;
        matches!(self.state, WishState::Confirmed { at, .. } if fresh(at))
    }
}

/// A name that the same parts always give.
fn name(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
        hash.update([0]);
    }
    let mut name = String::with_capacity(32);
    for byte in hash.finalize().iter().take(16) {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

fn read(document: &Document) -> Option<Wish> {
    serde_json::from_str(&document.body)
        .inspect_err(|_| tracing::error!(wish = document.key, "it does not read as a wish"))
        .ok()
}

fn text(wish: &Wish) -> String {
    // Texts and times: nothing that JSON could refuse.
    serde_json::to_string(wish).unwrap_or_default()
}
