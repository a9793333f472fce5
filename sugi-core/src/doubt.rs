//! A payment in doubt: what is known of it, and what more is learnt.

use std::collections::BTreeMap;

use jiff::{SignedDuration, civil::Date};
use nhn_kcp::Tno;

use crate::mutation::{Mutation, is_on};
use crate::{
    Approval, CancelAttempt, Event, Inquired, Live, Lost, Since, Source, State, VoidReason, When,
};

/// What is known of a payment in doubt.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Doubt {
    /// When the approval's intent was written: it was booked after this, if it was.
    pub sent_at: When,
    /// When our own call had ended, at the latest: a request can live inside KCP for a uncertainty window
    /// from here, and no longer.
    pub lost_at: Since,
    /// What was lost, and what its truncated response still showed.
    pub lost: Lost,
    /// When something was last tried or learnt.
    pub since: When,
    /// How many looks have brought nothing.
    pub inquiries: u32,
    /// Per Korean day: when KCP was last asked for this order and did not know it.
    pub absent: BTreeMap<Date, When>,
    /// When KCP was last asked for the number that the truncated response showed and did not know it.
    pub number_absent: Option<When>,
    /// KCP says that the number which the truncated response showed belongs to another order: it was misread, and
    /// tells nothing of this payment.
    pub number_foreign: bool,
    /// It was closed before, and its caller told so: it is not kept by itself any more.
    pub reopened: bool,
    /// The approval was found alive: what, how much is left, when that was asked, and by whom.
    pub live: Option<(Box<Approval>, u64, When, Source)>,
}

impl Doubt {
    pub(crate) fn new(mut sent_at: When, lost: Lost, at: When) -> Self {
        sent_at.learn(&at);
        Self {
            sent_at,
            lost_at: at.into(),
            lost,
            since: at,
            inquiries: 0,
            absent: BTreeMap::new(),
            number_absent: None,
            number_foreign: false,
            reopened: false,
            live: None,
        }
    }

    pub(crate) fn evolve(mut self: Box<Self>, at: When, event: Event) -> Option<State> {
        self.sent_at.learn(&at);
        self.lost_at.saw(&at);
        match (event, self.live.take()) {
            // A second number: evidence, and no answer to what is known by the first.
            (Event::Approved(approval), Some((known, ..))) if known.tno != approval.tno => {
                return None;
            }
            (Event::Approved(approval), live) => {
                // Its own answer, heard late, tells more than any look did.
                let tno = approval.tno.clone();
                let (left, asked_at, source) = live.map_or(
                    (approval.amount.get(), at, Source::Inquiry { tno }),
                    |(_, left, asked_at, source)| (left, asked_at, source),
                );
                self.live = Some((approval, left, asked_at, source));
            }
            // The one who was in flight, given up by others, tells what was left of the answer.
            (Event::Lost(late), _) if differ(self.lost.tno.as_ref(), late.tno.as_ref()) => {
                return None;
            }
            (Event::Lost(late), live) => {
                self.lost.tno = self.lost.tno.or(late.tno);
                self.lost.contradicts |= late.contradicts;
                self.lost_at = at.into();
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
            // What is alive already is decided about; another number is for an inquiry of its own.
            (
                Event::Inquired(Inquired {
                    seen: Live::Found { approval, .. },
                    ..
                }),
                Some(live),
            ) if live.0.tno != approval.tno => self.live = Some(live),
            (Event::Inquired(looked), live) => self.looked(looked, live, at),
            (Event::Kept, Some((approval, left, ..))) => {
                return Some(State::standing(approval, Some(left)));
            }
            (Event::ReverseDecided, Some((approval, left, asked_at, _))) => {
                let sent_at = self.sent_at;
                return Some(State::Reversing {
                    sent_at,
                    approval,
                    cancel_attempt: Box::new(CancelAttempt::all(left, asked_at, at)),
                });
            }
            _ => return None,
        }
        Some(State::InDoubt(self))
    }

    fn looked(
        &mut self,
        looked: Inquired,
        live: Option<(Box<Approval>, u64, When, Source)>,
        at: When,
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
                self.inquiries = self.inquiries.saturating_add(1);
            }
            (Live::Absent, Source::Inquiry { tno }) if Some(&tno) == self.lost.tno.as_ref() => {
                self.number_absent = Some(looked.asked_at);
                self.inquiries = self.inquiries.saturating_add(1);
            }
            (Live::Foreign { .. }, Source::Inquiry { tno })
                if Some(&tno) == self.lost.tno.as_ref() =>
            {
                self.number_foreign = true;
                self.inquiries = self.inquiries.saturating_add(1);
            }
            (Live::Absent | Live::Foreign { .. } | Live::Unclear { .. }, _) => {
                self.inquiries = self.inquiries.saturating_add(1);
            }
        }
    }

    /// The number that the truncated response showed, unless it is known to be another order's.
    pub(crate) fn number(&self) -> Option<&Tno> {
        let foreign = self.number_foreign && !is_on(Mutation::ForeignNumberCounts);
        self.lost.tno.as_ref().filter(|_| !foreign)
    }

    /// Whether no number speaks for it: there was none, it is another order's, or KCP did not know it when
    /// it was asked after this time had passed.
    pub(crate) fn number_denied(&self, window: SignedDuration) -> bool {
        let late_enough = |asked_at: &When| self.lost_at.is_over(window, asked_at);
        self.number().is_none() || self.number_absent.as_ref().is_some_and(late_enough)
    }
}

fn differ(known: Option<&Tno>, late: Option<&Tno>) -> bool {
    known.zip(late).is_some_and(|(known, late)| known != late)
}
