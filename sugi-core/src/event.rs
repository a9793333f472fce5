//! The words of the journal. One event is one thing that happened; it is written once and never changed.

use std::collections::BTreeMap;

use jiff::civil::Date;
use nhn_kcp::{Amount, CancelReason, Company, Interest, KcpTime, ResultCode, TaxParts, Tno};
use serde::{Deserialize, Serialize};

use crate::{
    Actor, CancelId, Difference, Request, ResolutionId, SendNo, When, cancel_attempt::Mode,
    late::Answer,
};

/// What can happen to a payment.
///
/// The two `…Sent` events are intents: they stand in the journal before the first byte leaves. An
/// approval is sent once at most, so its answers need no number; each send of a cancel has one, and
/// each answer names the send that it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Someone asked for a sale. Nothing was sent yet.
    Requested(Box<Request>),
    /// The approval is about to be sent. At most once in the life of a payment.
    ApproveSent,
    /// KCP approved: 0000, a `tno` and the amount that was asked.
    Approved(Box<Approval>),
    /// KCP said no, in a way that means no money moved.
    Declined(Refusal),
    /// The approval's answer was lost, or says too little to be believed.
    Lost(Lost),
    /// It is proved that no money moved.
    Voided(VoidReason),
    /// Someone looked at KCP's books.
    Inquired(Inquired),
    /// An approval found alive is kept: the sale stands.
    Kept,
    /// An approval found alive is to be undone: no one was told that it stands.
    ReverseDecided,
    /// Someone asked for a cancel.
    CancelAsked(CancelOrder),
    /// A cancel (asked, or the reversal) is about to be sent.
    CancelSent {
        /// The number of this send.
        send: SendNo,
        /// How it is put to KCP.
        #[serde(flatten)]
        mode: Mode,
    },
    /// The cancel took effect.
    CancelDone {
        /// The send that KCP answered so; absent when it follows from an inquiry.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        send: Option<SendNo>,
        /// What is left of the approval, in the currency's smallest unit.
        remaining: u64,
    },
    /// KCP refused the cancel.
    CancelRefused {
        /// The send that it refused.
        send: SendNo,
        /// Its code and words.
        refusal: Refusal,
        /// What it says of KCP's books.
        says: Says,
    },
    /// A refused cancel is over: KCP's books show that it did not and will not happen.
    CancelFailed {
        /// The refusal that ended it, where KCP gave one.
        refusal: Option<Refusal>,
        /// What is left of the approval according to KCP.
        remaining: u64,
    },
    /// KCP's books, asked twice with the uncertainty window between, show more left than the ledger: the
    /// newest cancels did not take effect after all.
    CancelUndone {
        /// What is left of the approval according to KCP.
        remaining: u64,
    },
    /// The cancel's answer was lost.
    CancelLost {
        /// The send that was not answered.
        send: SendNo,
        /// In our words, without anything of the card.
        why: String,
    },
    /// The cancel never left this machine.
    CancelNotSent {
        /// The send that did not happen.
        send: SendNo,
        /// In our words.
        why: String,
    },
    /// An answer arrived that fits nothing which is pending. It ends nothing: it is evidence, and KCP
    /// is asked what its books say.
    LateAnswer(Answer),
    /// The watch over settled payments asked KCP twice, and its books differ from the ledger: a case is
    /// open. An inquiry that the ledger follows stands before it.
    Differs(Difference),
    /// Both agree again: the case is closed.
    AgreesAgain,
}

/// What is known of an approval. Everything but the number and the amount may be missing when it
/// was learnt by looking rather than by the answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Approval {
    /// KCP's transaction number: the key of every later cancel and inquiry.
    pub tno: Tno,
    /// The approved total.
    pub amount: Amount,
    /// The card company's approval number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub app_no: Option<String>,
    /// When the card company approved, Korean time.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub app_time: Option<KcpTime>,
    /// Who issued the card.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub issuer: Option<Company>,
    /// Who settles it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub acquirer: Option<Company>,
    /// Whether KCP takes partial cancels of it; absent when KCP did not say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub partial_cancel: Option<bool>,
    /// Who pays the interest of instalments.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub interest: Option<Interest>,
    /// Whether it is a debit (check) card.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub check_card: Option<bool>,
    /// Whether it is a company's card.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub corporate_card: Option<bool>,
    /// Everything else that KCP said, by its own names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub extra: BTreeMap<String, String>,
}

/// A refusal in KCP's words.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Refusal {
    /// `res_cd`.
    pub code: ResultCode,
    /// `res_msg`.
    pub message: String,
    /// KCP's number of the exchange, which its support asks for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trace_no: Option<String>,
    /// Of a decline: the code is the card company's, and nothing was authorised. A decline of KCP's own is
    /// worth a look at its books once the uncertainty window is over.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub issuer: bool,
    /// Of a cancel: the same again would be refused again, unless KCP's books show another state than ours.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub stands: bool,
}

/// What the refusal of a cancel says of KCP's books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// Nothing: the refusal stands by itself.
    Stands,
    /// They are not what we thought, or KCP does not know itself: look.
    Look,
    /// All of it is cancelled already.
    Gone,
}

/// An approval whose answer cannot be relied on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lost {
    /// What went wrong, in our words, without anything of the card.
    pub why: String,
    /// The transaction number, where the truncated response of the answer still showed one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tno: Option<Tno>,
    /// The answer itself contradicted the request (another amount): never to be kept.
    #[serde(default)]
    pub contradicts: bool,
}

/// Why a payment is void: the ways in which it can be *proved* that no money moved.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum VoidReason {
    /// The card left memory before anything was sent.
    CardGone,
    /// The connection failed before the first byte left.
    NotSent {
        /// What failed, in our words.
        why: String,
    },
    /// A look made after the uncertainty window showed no such approval.
    Absent,
    /// A person vouches for it, after the uncertainty window, with evidence from KCP's own pages.
    Attested {
        /// Who.
        by: Actor,
        /// Where they saw it, and what.
        note: String,
        /// Its name, where a key gave it one: told again, it was told before.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        id: Option<ResolutionId>,
    },
}

/// A look at KCP's books, and who made it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Inquired {
    /// What was seen.
    pub seen: Live,
    /// Who or what prompted the look.
    pub source: Source,
    /// When the question was asked: what it shows is at least as new as this.
    pub asked_at: When,
}

/// What KCP's books show.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "seen", rename_all = "snake_case")]
pub enum Live {
    /// The transaction exists and is this payment's.
    Found {
        /// What is known of it.
        approval: Box<Approval>,
        /// What is left of it, in the currency's smallest unit; 0 means cancelled.
        remaining: u64,
    },
    /// KCP knows no such transaction.
    Absent,
    /// The transaction exists and belongs to another order: the number is not this payment's.
    Foreign {
        /// Why, in our words.
        why: String,
    },
    /// The look itself failed, or its answer cannot be believed.
    Unclear {
        /// Why, in our words.
        why: String,
    },
}

/// Where knowledge came from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Source {
    /// A signed inquiry by transaction number.
    Inquiry {
        /// The number.
        tno: Tno,
    },
    /// A signed inquiry by order number, where the contract answers it.
    OrderLookup {
        /// The Korean day that was asked about.
        day: Date,
    },
    /// A person named a transaction number, and a signed inquiry confirmed it.
    Person {
        /// Who.
        who: Actor,
        /// What they based it on.
        note: String,
        /// They ask for the sale to stand rather than be reversed.
        keep: bool,
        /// Its name, where a key gave it one: told again, it was told before.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        id: Option<ResolutionId>,
    },
    /// A person states how much KCP's partner site shows to be left, because inquiries fail. No inquiry
    /// confirms it yet; one is owed.
    Statement {
        /// Who.
        who: Actor,
        /// Where they looked, and what they saw.
        note: String,
        /// Its name, where a key gave it one: repeated, it is the same statement.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        id: Option<ResolutionId>,
    },
}

/// A cancel as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CancelOrder {
    /// Its name.
    pub id: CancelId,
    /// How much to give back.
    pub amount: Amount,
    /// Why, as told to KCP.
    pub reason: CancelReason,
    /// Who asked.
    pub by: Actor,
    /// They asked for all that was left, no matter what that was.
    #[serde(default)]
    pub all: bool,
    /// How the amount divides for tax: of a sale that was split so, for a part or for the rest.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tax: Option<TaxParts>,
}

impl Inquired {
    /// Whether it tells of this transaction: by what was found, or by what was asked about.
    #[must_use]
    pub fn is_about(&self, tno: &Tno) -> bool {
        match (&self.seen, &self.source) {
            (Live::Found { approval, .. }, _) => approval.tno == *tno,
            (_, Source::Inquiry { tno: asked }) => asked == tno,
            // Nothing was found, and nothing else names a number.
            (_, Source::OrderLookup { .. } | Source::Person { .. } | Source::Statement { .. }) => {
                false
            }
        }
    }
}

impl Event {
    /// The event's name, as the journal spells it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Requested(_) => "requested",
            Self::ApproveSent => "approve_sent",
            Self::Approved(_) => "approved",
            Self::Declined(_) => "declined",
            Self::Lost(_) => "lost",
            Self::Voided(_) => "voided",
            Self::Inquired(_) => "inquired",
            Self::Kept => "kept",
            Self::ReverseDecided => "reverse_decided",
            Self::CancelAsked(_) => "cancel_asked",
            Self::CancelSent { .. } => "cancel_sent",
            Self::CancelDone { .. } => "cancel_done",
            Self::CancelRefused { .. } => "cancel_refused",
            Self::CancelFailed { .. } => "cancel_failed",
            Self::CancelUndone { .. } => "cancel_undone",
            Self::CancelLost { .. } => "cancel_lost",
            Self::CancelNotSent { .. } => "cancel_not_sent",
            Self::LateAnswer(_) => "late_answer",
            Self::Differs(_) => "differs",
            Self::AgreesAgain => "agrees_again",
        }
    }
}
