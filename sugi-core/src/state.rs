//! Where a payment stands, and what an event does to it.

use serde::{Deserialize, Serialize};

use crate::mutation::{Mutation, is_on};
use crate::{
    Approval, CancelAttempt, CancelOrder, Event, Illegal, Inquired, Live, Lost, Refusal, Source,
    Step, VoidReason, When,
    doubt::Doubt,
    standing::{Cancelled, Standing},
};

/// Where a payment stands. Each state carries what is known in it and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum State {
    /// Asked for; nothing sent.
    Requested,
    /// The approval's intent is written down; it may be on the wire.
    Approving {
        /// Since when.
        sent_at: When,
    },
    /// The sale stands, whole or in part, or all of it was refunded.
    Approved {
        /// What KCP said.
        approval: Box<Approval>,
        /// What is left of it, in the currency's smallest unit.
        remaining: u64,
        /// The cancels that took effect, in their order.
        cancels: Vec<Cancelled>,
        /// The cancel that has not ended, if there is one.
        pending: Option<Box<(CancelOrder, CancelAttempt)>>,
        /// How the last asked cancel failed, if it did.
        refused: Option<Box<(CancelOrder, Option<Refusal>)>>,
    },
    /// KCP said no.
    Declined(Refusal),
    /// Money may have moved and no one knows.
    InDoubt(Box<Doubt>),
    /// Alive at KCP, not to stand: being undone.
    Reversing {
        /// When the sale's approval was sent.
        sent_at: When,
        /// What is being undone.
        approval: Box<Approval>,
        /// How far that is.
        cancel_attempt: Box<CancelAttempt>,
    },
    /// It was approved and undone; nothing is left of it.
    Reversed {
        /// What was undone.
        approval: Box<Approval>,
    },
    /// It is proved that no money moved.
    Void(VoidReason),
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

/// When a payment was asked for, when its last event happened, and when the one that is taken now did.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) asked: When,
    pub(crate) last: When,
    pub(crate) at: When,
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

    #[allow(
        clippy::too_many_lines,
        reason = "one table: what each event does to each state"
    )]
    pub(crate) fn evolve(
        self,
        Times { asked, last, at }: Times,
        event: Event,
    ) -> Result<Self, Illegal> {
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

            // What a person states without an inquiry counts for a cancel that is held up, and for
            // nothing else.
            (state, Event::Inquired(looked))
                if matches!(looked.source, Source::Statement { .. }) && !state.is_held_up() =>
            {
                return Err(illegal);
            }

            (Self::InDoubt(doubt), event) => doubt.evolve(at, event).ok_or(illegal)?,

            // A late answer is still knowledge. Whatever we had concluded, money that is found
            // alive puts the payment back in doubt, and from there it is kept or undone.
            (Self::Void(_) | Self::Declined(_), Event::Approved(approval)) => {
                let left = approval.amount.get();
                let tno = approval.tno.clone();
                Self::reopened(asked, at, (approval, left, at, Source::Inquiry { tno }))
            }
            // So does a number that is left of the answer: KCP is asked whose it is.
            (Self::Void(_) | Self::Declined(_), Event::Lost(lost)) if lost.tno.is_some() => {
                let doubt = Doubt::new(asked, lost, at);
                Self::InDoubt(Box::new(Doubt {
                    reopened: true,
                    ..doubt
                }))
            }
            (
                Self::Void(_) | Self::Declined(_),
                Event::Inquired(Inquired {
                    seen:
                        Live::Found {
                            approval,
                            remaining,
                        },
                    source,
                    asked_at,
                }),
            ) => Self::reopened(asked, at, (approval, remaining, asked_at, source)),
            // A final state was looked at again and holds.
            (state @ (Self::Void(_) | Self::Declined(_)), Event::Inquired(_)) => state,
            // Nothing was to be left, and something is: it is reversed again. A look that was asked
            // before the reversal ended shows what was left before it.
            (Self::Reversed { approval: known }, Event::Inquired(looked)) => match looked.seen {
                Live::Found {
                    approval,
                    remaining,
                } if remaining > 0 && looked.asked_at.is_since(&last) => {
                    let live = (approval, remaining, looked.asked_at, looked.source);
                    Self::reopened(asked, at, live)
                }
                _ => Self::Reversed { approval: known },
            },
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

            // A look at another transaction tells nothing of this one.
            (
                state @ (Self::Approved { .. } | Self::Reversing { .. }),
                Event::Inquired(ref looked),
            ) if state
                .approval()
                .is_some_and(|known| !looked.is_about(&known.tno)) =>
            {
                state
            }

            (
                Self::Reversing {
                    sent_at,
                    approval,
                    mut cancel_attempt,
                },
                event,
            ) => match event {
                Event::CancelDone { remaining: 0, .. } => Self::Reversed { approval },
                Event::CancelLost { .. } if is_on(Mutation::LostReversalIsDone) => {
                    Self::Reversed { approval }
                }
                // KCP, asked since, does not know the number that it gave us: back to looking for the
                // right one. What may have been cancelled meanwhile must never be kept.
                Event::Inquired(Inquired {
                    seen: Live::Absent,
                    asked_at,
                    ..
                }) if cancel_attempt.step == Step::Unsure
                    && asked_at.is_since(&cancel_attempt.since) =>
                {
                    let why = "KCP does not know the number that it gave".into();
                    let lost = Lost {
                        why,
                        tno: Some(approval.tno),
                        contradicts: true,
                    };
                    Self::InDoubt(Box::new(Doubt::new(sent_at, lost, at)))
                }
                event => {
                    cancel_attempt.evolve(at, event).ok_or(illegal)?;
                    Self::Reversing {
                        sent_at,
                        approval,
                        cancel_attempt,
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

    /// Whether a cancel or a reversal of it has not ended, and cannot by itself for the time being.
    fn is_held_up(&self) -> bool {
        self.cancel_attempt().is_some_and(CancelAttempt::is_held_up)
    }

    /// The cancel or the reversal that has not ended.
    pub(crate) fn cancel_attempt(&self) -> Option<&CancelAttempt> {
        match self {
            Self::Approved {
                pending: Some(pending),
                ..
            } => Some(&pending.1),
            Self::Reversing { cancel_attempt, .. } => Some(cancel_attempt),
            _ => None,
        }
    }

    /// What is known of the approval, once it is known to be this payment's.
    pub(crate) fn approval(&self) -> Option<&Approval> {
        match self {
            Self::Approved { approval, .. }
            | Self::Reversing { approval, .. }
            | Self::Reversed { approval } => Some(approval),
            Self::InDoubt(doubt) => doubt.live.as_ref().map(|(approval, ..)| &**approval),
            Self::Requested | Self::Approving { .. } | Self::Declined(_) | Self::Void(_) => None,
        }
    }

    pub(crate) fn standing(approval: Box<Approval>, remaining: Option<u64>) -> Self {
        let remaining = remaining.unwrap_or(approval.amount.get());
        Self::Approved {
            approval,
            remaining,
            cancels: Vec::new(),
            pending: None,
            refused: None,
        }
    }

    fn reopened(asked: When, at: When, live: (Box<Approval>, u64, When, Source)) -> Self {
        let approval = &live.0;
        let lost = Lost {
            why: "found alive after it was closed".into(),
            tno: Some(approval.tno.clone()),
            contradicts: false,
        };
        let doubt = Doubt::new(asked, lost, at);
        Self::InDoubt(Box::new(Doubt {
            live: Some(live),
            reopened: true,
            ..doubt
        }))
    }
}
