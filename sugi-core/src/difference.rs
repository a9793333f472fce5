//! How KCP's books can differ from the ledger about a payment that is settled.
//!
//! Nothing is owed to a settled payment, so nothing asks about it again by itself. The watch of the
//! engine does, and compares what KCP says with what the ledger says here, without a clock or a socket.

use nhn_kcp::Tno;
use serde::{Deserialize, Serialize};

use crate::{Event, Illegal, Inquired, Live, Payment, Source, State, Status};

/// How KCP's books differ from the ledger about a settled payment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Difference {
    /// Another amount is left of the payment's transaction.
    Remaining {
        /// By the ledger.
        ledger: u64,
        /// By KCP.
        kcp: u64,
    },
    /// The transaction was approved with another amount.
    Amount {
        /// By the ledger.
        ledger: u64,
        /// By KCP.
        kcp: u64,
    },
    /// KCP denies the transaction number that it gave, or says that it is another order's.
    Denied,
    /// A transaction of this payment is alive that the ledger does not know: of one that was not
    /// charged, or a second one.
    Alive {
        /// Its number.
        tno: Tno,
        /// What is left of it.
        kcp: u64,
    },
}

/// What an inquiry says about a settled payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// The same as the ledger.
    Agrees,
    /// Nothing: it failed, or its answer cannot be believed.
    Silent,
    /// Something else than the ledger.
    Differs(Difference),
}

impl Payment {
    /// Whether nothing about it is open: no one works on it before someone asks for something.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let rests = match &self.state {
            State::Approved { pending, .. } => pending.is_none(),
            State::Declined(_) | State::Reversed { .. } | State::Void(_) => true,
            _ => false,
        };
        rests && self.reviews.is_empty()
    }

    /// Compares an inquiry with what the ledger says of a settled payment.
    #[must_use]
    pub fn compare(&self, inquired: &Inquired) -> Comparison {
        let known = self.approval();
        let left = match &self.state {
            State::Approved { remaining, .. } => *remaining,
            _ => 0,
        };
        let (found, kcp) = match &inquired.seen {
            Live::Unclear { .. } => return Comparison::Silent,
            Live::Found {
                approval,
                remaining,
            } => (approval, *remaining),
            Live::Absent | Live::Foreign { .. } => {
                return match (known, &inquired.source) {
                    // KCP gave this number itself.
                    (Some(known), Source::Inquiry { tno }) if *tno == known.tno => {
                        Comparison::Differs(Difference::Denied)
                    }
                    // A look-up that does not find what is known to be there is none.
                    (Some(_), Source::OrderLookup { .. }) => Comparison::Silent,
                    _ => Comparison::Agrees,
                };
            }
        };
        match known {
            Some(known) if known.tno == found.tno => {
                let (ledger, at_kcp) = (known.amount.get(), found.amount.get());
                if ledger != at_kcp {
                    let kcp = at_kcp;
                    Comparison::Differs(Difference::Amount { ledger, kcp })
                } else if left != kcp {
                    let ledger = left;
                    Comparison::Differs(Difference::Remaining { ledger, kcp })
                } else {
                    Comparison::Agrees
                }
            }
            // What was cancelled at KCP charges no one.
            _ if kcp == 0 => Comparison::Agrees,
            _ => {
                let tno = found.tno.clone();
                Comparison::Differs(Difference::Alive { tno, kcp })
            }
        }
    }

    /// Opens or closes the case of a difference. Nothing else follows from it.
    pub(crate) fn case(&mut self, event: &Event) -> Result<(), Illegal> {
        let known = match event {
            Event::Differs(difference) => self.differs.as_ref() == Some(difference),
            _ => self.differs.is_none(),
        };
        let event_name = event.name();
        if known {
            return Err(Illegal::Known { event: event_name });
        }
        let status = self.status();
        if matches!(status, Status::Requested | Status::Approving) {
            let (event, status) = (event_name, status.as_str());
            return Err(Illegal::Order { event, status });
        }
        self.differs = match event {
            Event::Differs(difference) => Some(difference.clone()),
            _ => None,
        };
        Ok(())
    }
}

impl Difference {
    /// Whether the ledger follows the inquiry that shows it. Of the others a person has to say what they
    /// are: KCP contradicts itself.
    #[must_use]
    pub fn is_followed(&self) -> bool {
        match self {
            Self::Remaining { .. } | Self::Alive { .. } => true,
            Self::Amount { .. } | Self::Denied => false,
        }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Remaining { ledger, kcp } => {
                write!(f, "{ledger} is left by the ledger, {kcp} at KCP")
            }
            Self::Amount { ledger, kcp } => {
                write!(f, "{ledger} was approved by the ledger, {kcp} at KCP")
            }
            Self::Denied => f.write_str("KCP does not know the transaction number that it gave"),
            Self::Alive { tno, kcp } => {
                write!(f, "KCP has transaction {tno}, of which {kcp} is left")
            }
        }
    }
}
