//! What a payment is: the fold of its journal.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::{
    Actor, Approval, CancelId, CancelOrder, Event, Live, Looked, Lost, PaymentId, Refusal, Request,
    Source, Step, Undo, VoidReason,
};

/// A payment as its journal tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its name.
    pub id: PaymentId,
    /// What was asked for.
    pub request: Arc<Request>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its last event happened.
    pub updated_at: Timestamp,
    /// How many events it has had; the next one gets this number.
    pub seq: u32,
    /// Where it stands.
    pub state: State,
}

/// Where a payment stands. Each state carries what is known in it and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum State {
    /// Asked for; nothing sent.
    Requested,
    /// The approval's intent is written down; it may be on the wire.
    Approving {
        /// Since when.
        sent_at: Timestamp,
    },
    /// The sale stands, whole or in part, or all of it was given back.
    Approved {
        /// What KCP said.
        approval: Box<Approval>,
        /// What is left of it, in the currency's smallest unit.
        remaining: u64,
        /// The cancels that took effect, in their order.
        cancels: Vec<Cancelled>,
        /// The cancel that has not ended, if there is one.
        pending: Option<Box<(CancelOrder, Undo)>>,
        /// How the last asked cancel failed, if it did.
        refused: Option<Box<(CancelOrder, Option<Refusal>)>>,
    },
    /// KCP said no.
    Declined(Refusal),
    /// Money may have moved and nobody knows.
    InDoubt(Box<Doubt>),
    /// Alive at KCP, not to stand: being undone.
    Reversing {
        /// When the sale's approval was sent.
        sent_at: Timestamp,
        /// What is being undone.
        approval: Box<Approval>,
        /// How far that is.
        undo: Box<Undo>,
    },
    /// It was approved and undone; nothing is left of it.
    Reversed {
        /// What was undone.
        approval: Box<Approval>,
    },
    /// It is proved that no money moved.
    Void(VoidReason),
}

/// What is known of a payment in doubt.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Doubt {
    /// When the approval's intent was written: it was booked after this, if it was.
    pub sent_at: Timestamp,
    /// When our own call had ended, at the latest: a request can live inside KCP for a quiet period
    /// from here, and no longer.
    pub lost_at: Timestamp,
    /// What was lost, and what its wreck still showed.
    pub lost: Lost,
    /// When something was last tried or learnt.
    pub since: Timestamp,
    /// How many looks have brought nothing.
    pub looks: u8,
    /// Per Korean day: when KCP was last asked for this order and did not know it.
    pub absent: BTreeMap<Date, Timestamp>,
    /// When KCP was last asked for the number that the wreck showed and did not know it.
    pub number_absent: Option<Timestamp>,
    /// The approval was found alive: what, how much is left, when that was asked, and by whom.
    pub live: Option<(Box<Approval>, u64, Timestamp, Source)>,
}

/// A cancel that took effect.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cancelled {
    /// Its name; absent for money that somebody gave back past sugi.
    pub id: Option<CancelId>,
    /// How much.
    pub amount: u64,
    /// When we knew.
    pub at: Timestamp,
    /// Who asked; absent for money that somebody gave back past sugi.
    pub by: Option<Actor>,
}

/// The state in one word, as the API and the pages say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each is the state of the same name")]
pub enum Status {
    Requested,
    Approving,
    Approved,
    Declined,
    InDoubt,
    Reversing,
    Reversed,
    PartiallyCancelled,
    Cancelled,
    Void,
}

impl Status {
    /// Every status, in the order of a payment's life.
    pub const ALL: [Self; 10] = [
        Self::Requested,
        Self::Approving,
        Self::Approved,
        Self::Declined,
        Self::InDoubt,
        Self::Reversing,
        Self::Reversed,
        Self::PartiallyCancelled,
        Self::Cancelled,
        Self::Void,
    ];

    /// The word itself.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approving => "approving",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::InDoubt => "in_doubt",
            Self::Reversing => "reversing",
            Self::Reversed => "reversed",
            Self::PartiallyCancelled => "partially_cancelled",
            Self::Cancelled => "cancelled",
            Self::Void => "void",
        }
    }
}

impl std::str::FromStr for Status {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(())
    }
}

/// An event that cannot have happened to this payment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// The journal contradicts itself, or somebody else was quicker.
    #[error("{event} cannot happen to a payment that is {status}")]
    Order {
        /// The event.
        event: &'static str,
        /// Where the payment stands.
        status: &'static str,
    },
    /// The payment knows this already: nothing to write down.
    #[error("{event} is known already")]
    Known {
        /// The event.
        event: &'static str,
    },
    /// A cancel of more than what is left.
    #[error("a cancel of {asked} exceeds the {remaining} that is left")]
    TooMuch {
        /// What was asked for.
        asked: u64,
        /// What is left.
        remaining: u64,
    },
    /// One cancel at a time.
    #[error("a cancel of this payment has not ended yet")]
    CancelPending,
    /// A journal begins with `requested`, and only there.
    #[error("a journal begins with `requested`, and has it once")]
    Beginning,
}

impl Payment {
    /// Begins a payment with its first event.
    ///
    /// # Errors
    /// [`Illegal::Beginning`] unless that event is [`Event::Requested`].
    pub fn begin(id: PaymentId, at: Timestamp, event: Event) -> Result<Self, Illegal> {
        let Event::Requested(request) = event else {
            return Err(Illegal::Beginning);
        };
        Ok(Self {
            id,
            request: request.into(),
            created_at: at,
            updated_at: at,
            seq: 1,
            state: State::Requested,
        })
    }

    /// Folds a whole journal.
    ///
    /// # Errors
    /// The first event that cannot have happened, or an empty journal.
    pub fn fold(
        id: PaymentId,
        journal: impl IntoIterator<Item = (Timestamp, Event)>,
    ) -> Result<Self, Illegal> {
        let mut journal = journal.into_iter();
        let (at, first) = journal.next().ok_or(Illegal::Beginning)?;
        journal.try_fold(Self::begin(id, at, first)?, |payment, (at, event)| {
            payment.evolve(at, event)
        })
    }

    /// The payment after one more event.
    ///
    /// # Errors
    /// When it cannot have happened; see [`Illegal`].
    pub fn evolve(mut self, at: Timestamp, event: Event) -> Result<Self, Illegal> {
        self.state = self.state.evolve(self.created_at, at, event)?;
        self.updated_at = at;
        self.seq += 1;
        Ok(self)
    }

    /// Where it stands, in one word.
    #[must_use]
    pub fn status(&self) -> Status {
        self.state.status()
    }

    /// KCP's transaction number, once it is known to be this payment's.
    #[must_use]
    pub fn approval(&self) -> Option<&Approval> {
        match &self.state {
            State::Approved { approval, .. }
            | State::Reversing { approval, .. }
            | State::Reversed { approval } => Some(approval),
            State::InDoubt(doubt) => doubt.live.as_ref().map(|(approval, ..)| &**approval),
            State::Requested | State::Approving { .. } | State::Declined(_) | State::Void(_) => {
                None
            }
        }
    }

    /// How much of it was given back, in the currency's smallest unit.
    #[must_use]
    pub fn cancelled_amount(&self) -> u64 {
        match &self.state {
            State::Approved {
                approval,
                remaining,
                ..
            } => approval.amount.get() - remaining,
            State::Reversed { approval } => approval.amount.get(),
            _ => 0,
        }
    }
}

impl State {
    /// The state in one word.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::Requested => Status::Requested,
            Self::Approving { .. } => Status::Approving,
            Self::Approved { remaining: 0, .. } => Status::Cancelled,
            Self::Approved {
                approval,
                remaining,
                ..
            } if *remaining < approval.amount.get() => Status::PartiallyCancelled,
            Self::Approved { .. } => Status::Approved,
            Self::Declined(_) => Status::Declined,
            Self::InDoubt(_) => Status::InDoubt,
            Self::Reversing { .. } => Status::Reversing,
            Self::Reversed { .. } => Status::Reversed,
            Self::Void(_) => Status::Void,
        }
    }

    fn evolve(self, created_at: Timestamp, at: Timestamp, event: Event) -> Result<Self, Illegal> {
        let illegal = Illegal::Order {
            event: event.name(),
            status: self.status().as_str(),
        };
        Ok(match (self, event) {
            (Self::Requested, Event::ApproveSent) => Self::Approving { sent_at: at },

            (Self::Approving { .. }, Event::Approved(approval)) => Self::standing(approval, None),
            (Self::Approving { .. }, Event::Declined(refusal)) => Self::Declined(refusal),
            (Self::Requested, Event::Voided(reason @ VoidReason::CardGone))
            | (Self::Approving { .. }, Event::Voided(reason @ VoidReason::NotSent { .. })) => {
                Self::Void(reason)
            }
            (Self::Approving { sent_at }, Event::Lost(lost)) => {
                Self::InDoubt(Box::new(Doubt::new(sent_at, lost, at)))
            }

            (Self::InDoubt(doubt), event) => doubt.evolve(at, event).ok_or(illegal)?,

            // A late answer is still knowledge. Whatever we had concluded, money that is found
            // alive puts the payment back in doubt, and from there it is kept or undone.
            (Self::Void(_) | Self::Declined(_), Event::Approved(approval)) => {
                let left = approval.amount.get();
                Self::reopened(created_at, at, (approval, left, at, Source::Inquiry))
            }
            (
                Self::Void(_) | Self::Declined(_),
                Event::Looked(Looked {
                    seen:
                        Live::Found {
                            approval,
                            remaining,
                        },
                    source,
                    asked_at,
                }),
            ) => Self::reopened(created_at, at, (approval, remaining, asked_at, source)),
            (
                Self::Approved {
                    approval: known, ..
                }
                | Self::Reversing {
                    approval: known, ..
                }
                | Self::Reversed { approval: known },
                Event::Approved(late),
            ) if known.tno == late.tno => return Err(Illegal::Known { event: "approved" }),

            (
                Self::Reversing {
                    sent_at,
                    approval,
                    mut undo,
                },
                event,
            ) => match event {
                Event::CancelDone { remaining: 0 } => Self::Reversed { approval },
                // KCP, asked since, does not know the number that it gave us: back to looking for the
                // right one. What may have been cancelled meanwhile must never be kept.
                Event::Looked(Looked {
                    seen: Live::Absent,
                    asked_at,
                    ..
                }) if undo.step == Step::Unsure && asked_at >= undo.since => {
                    let why = "KCP does not know the number that it gave".into();
                    let lost = Lost {
                        why,
                        tno: Some(approval.tno),
                        contradicts: true,
                    };
                    Self::InDoubt(Box::new(Doubt::new(sent_at, lost, at)))
                }
                event => {
                    undo.evolve(at, event).ok_or(illegal)?;
                    Self::Reversing {
                        sent_at,
                        approval,
                        undo,
                    }
                }
            },
            (
                Self::Approved {
                    approval,
                    remaining,
                    cancels,
                    pending,
                    refused,
                },
                event,
            ) => Self::cancel(
                Standing {
                    approval,
                    remaining,
                    cancels,
                    pending,
                    refused,
                },
                at,
                event,
                illegal,
            )?,
            _ => return Err(illegal),
        })
    }

    fn standing(approval: Box<Approval>, remaining: Option<u64>) -> Self {
        let remaining = remaining.unwrap_or(approval.amount.get());
        Self::Approved {
            approval,
            remaining,
            cancels: Vec::new(),
            pending: None,
            refused: None,
        }
    }

    fn reopened(
        created_at: Timestamp,
        at: Timestamp,
        live: (Box<Approval>, u64, Timestamp, Source),
    ) -> Self {
        let approval = &live.0;
        let lost = Lost {
            why: "found alive after it was closed".into(),
            tno: Some(approval.tno.clone()),
            contradicts: false,
        };
        let doubt = Doubt::new(created_at, lost, at);
        Self::InDoubt(Box::new(Doubt {
            live: Some(live),
            ..doubt
        }))
    }

    fn cancel(
        mut sale: Standing,
        at: Timestamp,
        event: Event,
        illegal: Illegal,
    ) -> Result<Self, Illegal> {
        match (event, sale.pending.take()) {
            (Event::CancelAsked(order), None) => {
                let asked = order.amount.get();
                if asked > sale.remaining {
                    return Err(Illegal::TooMuch {
                        asked,
                        remaining: sale.remaining,
                    });
                }
                let undo = Undo::part(order.amount, sale.remaining, at);
                sale.refused = None;
                sale.pending = Some(Box::new((order, undo)));
            }
            (Event::CancelAsked(_), Some(_)) => return Err(Illegal::CancelPending),
            // Somebody gave money back past us, and a look shows it.
            (
                Event::Looked(Looked {
                    seen: Live::Found { remaining, .. },
                    ..
                }),
                None,
            ) if remaining < sale.remaining => {
                sale.given_back(None, sale.remaining - remaining, at);
            }
            (Event::CancelDone { remaining }, Some(pending)) if remaining < sale.remaining => {
                let order = pending.0;
                let past_us = (sale.remaining - remaining).saturating_sub(order.amount.get());
                sale.given_back(None, past_us, at);
                sale.given_back(Some((order.id, order.by)), sale.remaining - remaining, at);
            }
            (Event::CancelFailed { refusal, remaining }, Some(pending))
                if remaining <= sale.remaining =>
            {
                sale.given_back(None, sale.remaining - remaining, at);
                sale.refused = Some(Box::new((pending.0, refusal)));
            }
            (Event::CancelRefused { refusal, look }, Some(mut pending))
                if pending.1.step == Step::Sent =>
            {
                if pending.1.refused(refusal.clone(), look, at) {
                    sale.refused = Some(Box::new((pending.0, Some(refusal))));
                } else {
                    sale.pending = Some(pending);
                }
            }
            (event, Some(mut pending)) => {
                pending.1.evolve(at, event).ok_or(illegal)?;
                sale.pending = Some(pending);
            }
            (_, None) => return Err(illegal),
        }
        let Standing {
            approval,
            remaining,
            cancels,
            pending,
            refused,
        } = sale;
        Ok(Self::Approved {
            approval,
            remaining,
            cancels,
            pending,
            refused,
        })
    }
}

/// The fields of [`State::Approved`] while they change.
struct Standing {
    approval: Box<Approval>,
    remaining: u64,
    cancels: Vec<Cancelled>,
    pending: Option<Box<(CancelOrder, Undo)>>,
    refused: Option<Box<(CancelOrder, Option<Refusal>)>>,
}

impl Standing {
    fn given_back(&mut self, whose: Option<(CancelId, Actor)>, amount: u64, at: Timestamp) {
        if amount > 0 {
            let (id, by) = whose.unzip();
            self.remaining -= amount;
            self.cancels.push(Cancelled { id, amount, at, by });
        }
    }
}

impl Doubt {
    fn new(sent_at: Timestamp, lost: Lost, at: Timestamp) -> Self {
        Self {
            sent_at,
            lost_at: at,
            lost,
            since: at,
            looks: 0,
            absent: BTreeMap::new(),
            number_absent: None,
            live: None,
        }
    }

    fn evolve(mut self: Box<Self>, at: Timestamp, event: Event) -> Option<State> {
        match (event, self.live.take()) {
            (Event::Approved(approval), live) => {
                // Its own answer, heard late, tells more than any look did.
                let (left, asked_at, source) = live.map_or(
                    (approval.amount.get(), at, Source::Inquiry),
                    |(_, left, asked_at, source)| (left, asked_at, source),
                );
                self.live = Some((approval, left, asked_at, source));
            }
            // The one who was on the line, given up by others, tells what was left of the answer.
            (Event::Lost(late), live) => {
                self.lost.tno = self.lost.tno.or(late.tno);
                self.lost.contradicts |= late.contradicts;
                self.lost_at = at;
                self.live = live;
            }
            (Event::Declined(refusal), None) => return Some(State::Declined(refusal)),
            // A signed look outranks a refusal.
            (Event::Declined(_), live) => self.live = live,
            (
                Event::Voided(
                    reason @ (VoidReason::Absent
                    | VoidReason::Attested { .. }
                    | VoidReason::NotSent { .. }),
                ),
                None,
            ) => {
                return Some(State::Void(reason));
            }
            (Event::Looked(looked), live) => self.looked(looked, live, at),
            (Event::Kept, Some((approval, left, ..))) => {
                return Some(State::standing(approval, Some(left)));
            }
            (Event::ReverseDecided, Some((approval, left, asked_at, _))) => {
                let sent_at = self.sent_at;
                return Some(State::Reversing {
                    sent_at,
                    approval,
                    undo: Box::new(Undo::all(left, asked_at, at)),
                });
            }
            _ => return None,
        }
        Some(State::InDoubt(self))
    }

    fn looked(
        &mut self,
        looked: Looked,
        live: Option<(Box<Approval>, u64, Timestamp, Source)>,
        at: Timestamp,
    ) {
        self.since = at;
        self.live = live;
        match (looked.seen, looked.source) {
            (
                Live::Found {
                    approval,
                    remaining,
                },
                source,
            ) => {
                self.live = Some((approval, remaining, looked.asked_at, source));
            }
            (Live::Absent, Source::OrderLookup { day }) => {
                self.absent.insert(day, looked.asked_at);
                self.looks = self.looks.saturating_add(1);
            }
            (Live::Absent, Source::Inquiry) => {
                self.number_absent = Some(looked.asked_at);
                self.looks = self.looks.saturating_add(1);
            }
            (Live::Absent | Live::Unclear { .. }, _) => self.looks = self.looks.saturating_add(1),
        }
    }
}

impl Undo {
    fn evolve(&mut self, at: Timestamp, event: Event) -> Option<()> {
        match (self.step, event) {
            (Step::Due | Step::Unsure, Event::CancelSent(mode)) => self.sent(mode, at),
            (Step::Sent, Event::CancelLost { .. }) => self.lost(at),
            (Step::Sent, Event::CancelNotSent { .. }) => self.not_sent(at),
            (Step::Sent, Event::CancelRefused { refusal, look }) => {
                self.refused(refusal, look, at);
            }
            (
                _,
                Event::Looked(Looked {
                    seen: Live::Found { remaining, .. },
                    asked_at,
                    ..
                }),
            ) => {
                self.looked(Some((asked_at, remaining)), at);
            }
            (_, Event::Looked(_)) => self.looked(None, at),
            _ => return None,
        }
        Some(())
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
            Self::Looked(_) => "looked",
            Self::Kept => "kept",
            Self::ReverseDecided => "reverse_decided",
            Self::CancelAsked(_) => "cancel_asked",
            Self::CancelSent(_) => "cancel_sent",
            Self::CancelDone { .. } => "cancel_done",
            Self::CancelRefused { .. } => "cancel_refused",
            Self::CancelFailed { .. } => "cancel_failed",
            Self::CancelLost { .. } => "cancel_lost",
            Self::CancelNotSent { .. } => "cancel_not_sent",
        }
    }
}
