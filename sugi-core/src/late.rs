//! Correlation: which send an answer answers, and what becomes of an answer that fits nothing pending.
//!
//! Two nodes may work on one payment, and an answer may arrive long after its send was given up. So
//! each send of a cancel has a number, each answer names it, and an answer to another send than the
//! pending one is never an end. It stands in the journal as evidence and opens an inquiry, and what
//! the inquiry shows corrects the ledger.

use nhn_kcp::Tno;
use serde::{Deserialize, Serialize};

use crate::mutation::{Mutation, is_on};
use crate::{
    Approval, CancelId, Event, Illegal, Inquired, Live, Lost, Payment, Refusal, Since, Source,
    State, VoidReason, When,
};

/// The number of a send of a cancel, from 1, over all cancels of a payment.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct SendNo(pub u32);

impl std::fmt::Display for SendNo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A send of a cancel. Its number is its place among all sends of the payment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Send {
    /// The cancel that was sent; absent for a reversal.
    pub cancel: Option<CancelId>,
    /// The transaction that it cancels.
    pub tno: Tno,
    /// What was heard of it.
    pub heard: Option<AnswerSoFar>,
}

/// What was heard of a send, as far as it decides whether an answer is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnswerSoFar {
    /// It took effect.
    Done,
    /// KCP refused it.
    Refused,
    /// Nothing: it was given up, or it never left.
    Nothing,
}

/// An answer that fits nothing which is pending.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// KCP approved, under another number than the known one.
    Approved(Box<Approval>),
    /// KCP declined a sale that is known to be approved, or settled otherwise.
    Declined(Refusal),
    /// The approval's answer is damaged, and what is left of it contradicts what is known.
    Lost(Lost),
    /// The approval never left this machine, and yet a transaction of it was found.
    NotSent {
        /// In our words.
        why: String,
    },
    /// A cancel took effect.
    CancelDone {
        /// By which send.
        send: SendNo,
        /// What is left after it.
        remaining: u64,
    },
    /// KCP refused a cancel.
    CancelRefused {
        /// Which send of it.
        send: SendNo,
        /// Its code and words.
        refusal: Refusal,
    },
}

impl Answer {
    /// The transaction that it is about, where it names one itself.
    #[must_use]
    pub fn tno(&self) -> Option<&Tno> {
        match self {
            Self::Approved(approval) => Some(&approval.tno),
            Self::Lost(lost) => lost.tno.as_ref(),
            _ => None,
        }
    }

    /// The send of a cancel that it answers.
    #[must_use]
    pub fn send(&self) -> Option<SendNo> {
        match self {
            Self::CancelDone { send, .. } | Self::CancelRefused { send, .. } => Some(*send),
            _ => None,
        }
    }
}

impl Event {
    /// What is written down of something heard that fits nothing which is pending. `None` for what
    /// says nothing about KCP's books: a look has its own place everywhere, and that an answer never
    /// came is known by then.
    #[must_use]
    pub fn as_late(self) -> Option<Self> {
        if is_on(Mutation::LateAnswerDropped) {
            return None;
        }
        Some(Self::LateAnswer(match self {
            Self::Approved(approval) => Answer::Approved(approval),
            Self::Declined(refusal) => Answer::Declined(refusal),
            Self::Lost(lost) if lost.tno.is_some() || lost.contradicts => Answer::Lost(lost),
            Self::Voided(VoidReason::NotSent { why }) => Answer::NotSent { why },
            Self::CancelDone {
                send: Some(send),
                remaining,
            } => Answer::CancelDone { send, remaining },
            Self::CancelRefused { send, refusal, .. } => Answer::CancelRefused { send, refusal },
            _ => return None,
        }))
    }

    /// The send of a cancel that this answers.
    #[must_use]
    pub fn answers(&self) -> Option<SendNo> {
        match self {
            Self::CancelDone { send, .. } => *send,
            Self::CancelRefused { send, .. }
            | Self::CancelLost { send, .. }
            | Self::CancelNotSent { send, .. } => Some(*send),
            _ => None,
        }
    }

    pub(crate) fn heard(&self) -> Option<AnswerSoFar> {
        match self {
            Self::CancelDone { send: Some(_), .. } => Some(AnswerSoFar::Done),
            Self::CancelRefused { .. } => Some(AnswerSoFar::Refused),
            Self::CancelLost { .. } | Self::CancelNotSent { .. } => Some(AnswerSoFar::Nothing),
            _ => None,
        }
    }
}

/// An inquiry that is owed because an answer fitted nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Review {
    /// About which transaction.
    pub tno: Tno,
    /// When it was opened, or last tried.
    pub since: When,
    /// How often it was tried.
    pub tries: u32,
    /// What is left of a transaction that is not the known one of this payment, when an inquiry found
    /// it alive: a second charge, which a person has to settle at KCP.
    pub alive: Option<u64>,
    /// More is left of this payment's own transaction than the ledger says: when an inquiry first
    /// showed it, when the newest did, and how much.
    pub more: Option<(Since, When, u64)>,
}

impl Review {
    pub(crate) fn new(tno: Tno, at: When) -> Self {
        Self {
            tno,
            since: at,
            tries: 0,
            alive: None,
            more: None,
        }
    }

    /// Takes an inquiry about its transaction, which is this payment's own or another. `None` once it
    /// has told what was asked.
    ///
    /// `ledger`: what is left according to the ledger, of a sale that stands and has no cancel pending.
    pub(crate) fn looked(
        mut self,
        looked: &Inquired,
        own: bool,
        ledger: Option<u64>,
        at: When,
    ) -> Option<Self> {
        if !looked.is_about(&self.tno)
            || !looked.asked_at.is_since(&self.since)
            || matches!(looked.source, Source::Statement { .. })
        {
            return Some(self);
        }
        (self.since, self.tries) = (at, self.tries.saturating_add(1));
        match &looked.seen {
            Live::Found { remaining, .. } if *remaining > 0 && !own => {
                self.alive = Some(*remaining);
                Some(self)
            }
            // The ledger follows an inquiry that shows less left. One that shows more may be older than
            // what it is compared with, so it is asked again after the uncertainty window.
            Live::Found { remaining, .. } if ledger.is_some_and(|ledger| *remaining > ledger) => {
                let first = self.more.take().map(|(first, ..)| first);
                let first = first.unwrap_or_else(|| looked.asked_at.into());
                self.more = Some((first, looked.asked_at, *remaining));
                Some(self)
            }
            // KCP gave the known number itself: that it denies it now tells nothing of what is left.
            Live::Absent if own => Some(self),
            Live::Found { .. } | Live::Absent | Live::Foreign { .. } => None,
            Live::Unclear { .. } => Some(self),
        }
    }
}

impl Payment {
    /// A later moment was written down: a process that has not counted yet counts from there.
    pub(crate) fn reviews_saw(&mut self, later: &When) {
        for review in &mut self.reviews {
            if let Some((first, ..)) = &mut review.more {
                first.saw(later);
            }
        }
    }

    /// The number of the newest send of a cancel; 0 before the first.
    #[must_use]
    pub fn newest_send(&self) -> SendNo {
        SendNo(u32::try_from(self.sends.len()).unwrap_or(u32::MAX))
    }

    /// The number of the next one.
    #[must_use]
    pub fn next_send(&self) -> SendNo {
        SendNo(self.newest_send().0.saturating_add(1))
    }

    /// The send with this number.
    #[must_use]
    pub fn send(&self, number: SendNo) -> Option<&Send> {
        let place = usize::try_from(number.0.checked_sub(1)?).ok()?;
        self.sends.get(place)
    }

    /// Holds sends and answers to their numbers, and remembers what was heard of each.
    pub(crate) fn correlate(&mut self, event: &Event) -> Result<(), Illegal> {
        let wrong = Illegal::Order {
            event: event.name(),
            status: self.status().as_str(),
        };
        if let Event::CancelSent { send, .. } = event {
            let cancel = self.pending().ok_or(wrong.clone())?;
            let tno = &self.approval().ok_or(wrong.clone())?.tno;
            if *send != self.next_send() {
                return Err(wrong);
            }
            let (cancel, tno) = (cancel.cloned(), tno.clone());
            self.sends.push(Send {
                cancel,
                tno,
                heard: None,
            });
            return Ok(());
        }
        let (Some(number), Some(heard)) = (event.answers(), event.heard()) else {
            return Ok(());
        };
        let send = self.send(number).ok_or(wrong.clone())?;
        if send.heard == Some(heard) || (heard == AnswerSoFar::Nothing && send.heard.is_some()) {
            return Err(Illegal::Known {
                event: event.name(),
            });
        }
        let newest = self.newest_send() == number;
        let pending = self.pending() == Some(send.cancel.as_ref())
            && self.approval().is_some_and(|known| known.tno == send.tno);
        if !(newest && pending || is_on(Mutation::AnswerToAnySendEnds)) {
            return Err(wrong);
        }
        self.remember(number, heard);
        Ok(())
    }

    /// The cancel that has not ended: one that a person asked for, or the reversal, which has no name.
    #[allow(
        clippy::option_option,
        reason = "a reversal is pending, and has no name"
    )]
    fn pending(&self) -> Option<Option<&CancelId>> {
        match &self.state {
            State::Approved {
                pending: Some(pending),
                ..
            } => Some(Some(&pending.0.id)),
            State::Reversing { .. } => Some(None),
            _ => None,
        }
    }

    fn remember(&mut self, number: SendNo, heard: AnswerSoFar) {
        let place = number
            .0
            .checked_sub(1)
            .and_then(|n| usize::try_from(n).ok());
        if let Some(send) = place.and_then(|place| self.sends.get_mut(place)) {
            send.heard = Some(heard);
        }
    }

    /// Takes an answer that fits nothing pending: it ends nothing, and KCP is asked about its
    /// transaction.
    pub(crate) fn take_late(&mut self, answer: Answer, at: When) -> Result<(), Illegal> {
        if self.late.contains(&answer) {
            return Err(Illegal::Known {
                event: "late_answer",
            });
        }
        let sent = answer.send().and_then(|number| self.send(number));
        let known = self.approval().map(|approval| &approval.tno);
        let tno = answer
            .tno()
            .or(sent.map(|send| &send.tno))
            .or(known)
            .cloned();
        match &answer {
            Answer::CancelDone { send, .. } => self.remember(*send, AnswerSoFar::Done),
            Answer::CancelRefused { send, .. } => self.remember(*send, AnswerSoFar::Refused),
            _ => {}
        }
        self.late.push(answer);
        if let Some(tno) = tno {
            self.review(tno, at);
        }
        Ok(())
    }

    fn review(&mut self, tno: Tno, at: When) {
        self.reviews.retain(|review| review.tno != tno);
        self.reviews.push(Review::new(tno, at));
    }

    /// Takes what a look tells beyond the state: it answers an inquiry that is owed, or shows a second
    /// transaction of this payment.
    pub(crate) fn looked(&mut self, looked: &Inquired, at: When) {
        let known = self.approval().map(|approval| approval.tno.clone());
        if let Live::Found {
            approval,
            remaining,
        } = &looked.seen
            && *remaining > 0
            && known.as_ref().is_some_and(|known| *known != approval.tno)
            && !self.reviews.iter().any(|review| review.tno == approval.tno)
        {
            self.review(approval.tno.clone(), looked.asked_at);
        }
        let left = match &self.state {
            State::Approved { remaining, .. } => Some(*remaining),
            _ => None,
        };
        let ledger = left.filter(|_| self.pending().is_none());
        // More is left than the ledger says, or a person says what is: an inquiry is owed.
        if let (
            Live::Found {
                approval,
                remaining,
            },
            Some(known),
        ) = (&looked.seen, &known)
            && approval.tno == *known
            && (left.is_some_and(|left| *remaining > left)
                || (matches!(looked.source, Source::Statement { .. })
                    && !is_on(Mutation::StatementNotChecked)))
            && !self.reviews.iter().any(|review| review.tno == *known)
        {
            self.review(known.clone(), looked.asked_at);
        }
        let reviews = std::mem::take(&mut self.reviews);
        let open = |review: Review| {
            let own = known.as_ref() == Some(&review.tno);
            review.looked(looked, own, ledger.filter(|_| own), at)
        };
        self.reviews = reviews.into_iter().filter_map(open).collect();
        self.attribute();
    }

    /// What was taken for money that someone gave back past sugi is the newest cancel that failed, if
    /// an answer has said since that it took effect.
    fn attribute(&mut self) {
        let State::Approved {
            cancels, refused, ..
        } = &mut self.state
        else {
            return;
        };
        let Some((order, _)) = refused.as_deref() else {
            return;
        };
        let done = |send: &Send| {
            send.cancel.as_ref() == Some(&order.id) && send.heard == Some(AnswerSoFar::Done)
        };
        let Some(last) = cancels.last_mut() else {
            return;
        };
        if last.id.is_none() && last.amount == order.amount.get() && self.sends.iter().any(done) {
            last.id = Some(order.id.clone());
            last.by = Some(order.by.clone());
            last.tax = order.tax;
            *refused = None;
        }
    }
}
