//! Things that want a second person: asked for by one, confirmed by another, then carried out.
//!
//! An approval request is written down before anybody confirms it, and its name is the idempotency key of what
//! it asks for. So it is carried out once, however often someone tries and wherever a process ends.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use nhn_kcp::{Currency, TaxParts};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sugi_core::{Actor, PaymentId, ShopId, Shops};
use sugi_store::{Document, DocumentKind, StoreError};

use crate::{
    access::Access,
    operator::{Operator, Role},
};

/// How long an approval request waits.
const LIFE: SignedDuration = SignedDuration::from_hours(24);
/// How many cancels of one payment are asked for in all.
const CANCELS_MAX: u32 = 200;
/// Whom an approval request belongs to that has waited longer.
const EXPIRED: &str = "expired";

/// What is requested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// Give money back.
    Cancel {
        /// Of which payment.
        payment: PaymentId,
        /// Of which shop.
        shop: ShopId,
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
        /// Of which shop.
        shop: ShopId,
        /// KCP's number for it; none if it is not there.
        tno: Option<String>,
        /// Whether to keep it if it is alive.
        keep: bool,
        /// On what evidence.
        note: String,
    },
    /// State what is left of a payment whose cancel or reversal does not end.
    Remaining {
        /// Which payment.
        payment: PaymentId,
        /// Of which shop.
        shop: ShopId,
        /// How much is left, in the currency's smallest unit.
        amount: u64,
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

/// How an approval request stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ApprovalRequestState {
    /// No one has decided yet.
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

impl ApprovalRequestState {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Confirmed { .. } => "confirmed",
            Self::Refused { .. } => "refused",
            Self::Done { .. } => "done",
        }
    }
}

/// An approval request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRequest {
    /// Its name, and the idempotency key of what it asks for.
    pub id: String,
    /// What is requested.
    pub what: What,
    /// The name of the form that it was asked for with, where a payment has one approval request at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    form: Option<String>,
    /// Who asked.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// How it stands.
    pub state: ApprovalRequestState,
}

/// What became of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// It is written down, now or when the same was asked before; it may have been decided since.
    Written(Box<ApprovalRequest>),
    /// The key asked for something else before.
    Else,
    /// Another cancel of the payment waits, or was confirmed and not carried out.
    Another,
    /// Cancels of the payment were asked for too often.
    TooOften,
}

/// What someone says to an approval request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Confirm,
    /// No.
    Refuse,
}

/// Why a decision was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalRequestError {
    /// There is no such approval request, or it has waited too long.
    #[error(
        "there is no such approval request, or it has waited longer than a day; ask for it again"
    )]
    Gone,
    /// Who asked cannot confirm.
    #[error("who asked for it cannot confirm it; a second person has to")]
    SamePerson,
    /// The role is missing, or the file is of shops that are not theirs.
    #[error("you do not have the role or the shops that this takes")]
    MayNot,
    /// Someone was quicker.
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
            Self::Close { .. } | Self::Remaining { .. } | Self::Export { .. } => Role::Close,
        }
    }

    /// Whether it shows nothing of shops but these.
    #[must_use]
    pub fn is_for(&self, shops: &Shops) -> bool {
        match self {
            Self::Export { shops: of, .. } => of.is_within(shops),
            Self::Cancel { shop, .. } | Self::Close { shop, .. } | Self::Remaining { shop, .. } => {
                shops.contains(shop)
            }
        }
    }

    /// The payment that it is about.
    #[must_use]
    pub fn payment(&self) -> Option<&PaymentId> {
        match self {
            Self::Cancel { payment, .. }
            | Self::Close { payment, .. }
            | Self::Remaining { payment, .. } => Some(payment),
            Self::Export { .. } => None,
        }
    }
}

impl Access {
    /// How much of a payment one person alone may have refunded, all cancels of it together, in the
    /// currency's smallest unit; `None` where that takes no one else. What is large is said in won, so of
    /// dollars it is nothing once it is said at all.
    #[must_use]
    pub fn cancel_alone(&self, currency: Currency) -> Option<u64> {
        let above = self.0.rules.second_person.cancel_above;
        above.map(|above| if currency == Currency::Krw { above } else { 0 })
    }

    /// Writes an approval request down.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn approval_request(
        &self,
        what: What,
        by: &Actor,
    ) -> Result<ApprovalRequest, StoreError> {
        let id = sugi_clock::new_approval_request_id();
        let (approval_request, _) = self.write_approval_request(id, what, by, None).await?;
        Ok(approval_request)
    }

    /// Writes an approval request down under a key of who asks, so that asking twice is one approval request: confirmed both,
    /// two would give back twice. Of one payment only one cancel waits at a time, from any operator.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn approval_request_once(
        &self,
        what: What,
        by: &Actor,
        key: &str,
    ) -> Result<Asked, StoreError> {
        let form = name(&[by.as_str(), key]);
        let before = |before: ApprovalRequest| {
            if before.what == what && before.by == *by {
                Asked::Written(Box::new(before))
            } else {
                Asked::Else
            }
        };
        let What::Cancel { payment, .. } = &what else {
            let id = format!("apr_{form}");
            let (approval_request, written) = self
                .write_approval_request(id, what.clone(), by, None)
                .await?;
            if written {
                return Ok(Asked::Written(Box::new(approval_request)));
            }
            let found = self.approval_request_of(&approval_request.id).await?;
            return Ok(found.map_or(Asked::Else, before));
        };
        // The first, the second, ... of the payment: of two that ask at once one gets the number.
        let mut number = 0_u32;
        while number < CANCELS_MAX {
            let id = format!("apr_{}", name(&[payment.as_str(), &number.to_string()]));
            let mut found = self.approval_request_of(&id).await?;
            if found.is_none() {
                let form = Some(form.clone());
                let (approval_request, written) = self
                    .write_approval_request(id, what.clone(), by, form)
                    .await?;
                if written {
                    return Ok(Asked::Written(Box::new(approval_request)));
                }
                found = self.approval_request_of(&approval_request.id).await?;
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

    async fn write_approval_request(
        &self,
        id: String,
        what: What,
        by: &Actor,
        form: Option<String>,
    ) -> Result<(ApprovalRequest, bool), StoreError> {
        let approval_request = ApprovalRequest {
            id,
            form,
            what,
            by: by.clone(),
            at: self.0.clock.now(),
            state: ApprovalRequestState::Open,
        };
        let (state, body) = (approval_request.state.as_str(), text(&approval_request));
        let store = &self.0.store;
        let written = store
            .add_document(
                DocumentKind::ApprovalRequest,
                &approval_request.id,
                state,
                &body,
            )
            .await?;
        Ok((approval_request, written))
    }

    /// The approval requests that wait for someone, or were confirmed and not carried out; the oldest first.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn open_approval_requests(&self) -> Result<Vec<ApprovalRequest>, StoreError> {
        let store = &self.0.store;
        let mut found = store
            .documents_of(DocumentKind::ApprovalRequest, "open")
            .await?;
        found.extend(
            store
                .documents_of(DocumentKind::ApprovalRequest, "confirmed")
                .await?,
        );
        let now = self.0.clock.now();
        let mut approval_requests = Vec::with_capacity(found.len());
        for document in &found {
            let Some(approval_request) = read(document) else {
                continue;
            };
            if approval_request.stands(now) {
                approval_requests.push(approval_request);
                continue;
            }
            // Out of the way of those that still wait: a question finds only so many.
            store
                .replace_document(
                    DocumentKind::ApprovalRequest,
                    document,
                    EXPIRED,
                    &document.body,
                )
                .await?;
        }
        approval_requests.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
        Ok(approval_requests)
    }

    /// An approval request by its name.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn approval_request_of(
        &self,
        id: &str,
    ) -> Result<Option<ApprovalRequest>, StoreError> {
        let found = self.0.store.document(DocumentKind::ApprovalRequest, id);
        Ok(found.await?.as_ref().and_then(read))
    }

    /// Decides about an approval request. What is confirmed is to be carried out by the caller, with the
    /// approval request's name as idempotency key, and then [`done`](Self::approval_request_done).
    ///
    /// # Errors
    /// [`ApprovalRequestError`]; then nothing was decided.
    pub async fn decide(
        &self,
        id: &str,
        by: &Operator,
        decision: Decision,
    ) -> Result<ApprovalRequest, ApprovalRequestError> {
        let store = &self.0.store;
        let document = store.document(DocumentKind::ApprovalRequest, id).await?;
        let document = document.ok_or(ApprovalRequestError::Gone)?;
        let mut approval_request = read(&document).ok_or(ApprovalRequestError::Gone)?;
        if approval_request.state != ApprovalRequestState::Open {
            return Err(ApprovalRequestError::Decided);
        }
        let now = self.0.clock.now();
        if !approval_request.waits(now) {
            return Err(ApprovalRequestError::Gone);
        }
        let own = approval_request.by == by.name;
        if decision == Decision::Confirm && own {
            return Err(ApprovalRequestError::SamePerson);
        }
        let may = by.may(approval_request.what.role()) && approval_request.what.is_for(&by.shops);
        if !own && !may {
            return Err(ApprovalRequestError::MayNot);
        }
        let (by, at) = (by.name.clone(), now);
        approval_request.state = match decision {
            Decision::Confirm => ApprovalRequestState::Confirmed { by, at },
            Decision::Refuse => ApprovalRequestState::Refused { by, at },
        };
        let (state, body) = (approval_request.state.as_str(), text(&approval_request));
        let written = store
            .replace_document(DocumentKind::ApprovalRequest, &document, state, &body)
            .await?;
        if written {
            Ok(approval_request)
        } else {
            Err(ApprovalRequestError::Decided)
        }
    }

    /// Writes down how a confirmed approval request ended. `false` when it was written down before, or is not to
    /// be carried out: of all who ask this of an approval request, one gets `true`.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn approval_request_done(&self, id: &str, outcome: &str) -> Result<bool, StoreError> {
        let store = &self.0.store;
        let Some(document) = store.document(DocumentKind::ApprovalRequest, id).await? else {
            return Ok(false);
        };
        let Some(mut approval_request) = read(&document) else {
            return Ok(false);
        };
        let ApprovalRequestState::Confirmed { by, .. } = approval_request.state else {
            return Ok(false);
        };
        let (at, outcome) = (self.0.clock.now(), outcome.into());
        approval_request.state = ApprovalRequestState::Done { by, at, outcome };
        let (state, body) = (approval_request.state.as_str(), text(&approval_request));
        store
            .replace_document(DocumentKind::ApprovalRequest, &document, state, &body)
            .await
    }
}

impl ApprovalRequest {
    /// Whether it still waits for a decision.
    #[must_use]
    pub fn waits(&self, now: Timestamp) -> bool {
        self.state == ApprovalRequestState::Open && now.duration_since(self.at) < LIFE
    }

    /// Whether it waits for a decision, or was confirmed and is to be carried out.
    fn stands(&self, now: Timestamp) -> bool {
        match (&self.state, &self.what) {
            (ApprovalRequestState::Open, _) => self.waits(now),
            // What moves money is carried out, however late; a file is no one's for ever.
            (ApprovalRequestState::Confirmed { .. }, What::Export { .. }) => self.is_confirmed(now),
            (ApprovalRequestState::Confirmed { .. }, _) => true,
            _ => false,
        }
    }

    /// Whether it was confirmed, and not so long ago that it may not be used any more.
    #[must_use]
    pub fn is_confirmed(&self, now: Timestamp) -> bool {
        let fresh = |at: Timestamp| now.duration_since(at) < LIFE;
        matches!(self.state, ApprovalRequestState::Confirmed { at, .. } if fresh(at))
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

fn read(document: &Document) -> Option<ApprovalRequest> {
    serde_json::from_str(&document.body)
        .inspect_err(|_| {
            tracing::error!(
                approval_request = document.key,
                "it does not read as an approval request"
            );
        })
        .ok()
}

fn text(approval_request: &ApprovalRequest) -> String {
    // Texts and times: nothing that JSON could refuse.
    serde_json::to_string(approval_request).unwrap_or_default()
}
