//! A payment's journal in plain words.

use jiff::Timestamp;
use nhn_kcp::{Amount, Currency, Money, TaxParts};
use serde::Serialize;
use sugi_core::{Answer, Difference, Event, Live, Mode, Source, VoidReason};
use sugi_store::Entry;
use utoipa::ToSchema;

/// One thing that happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Happening)]
pub(crate) struct Happening {
    /// Its number in the payment, from 1.
    #[schema(minimum = 1)]
    seq: u32,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The event's name.
    #[schema(example = "approved")]
    event: &'static str,
    /// What happened, in a sentence.
    text: String,
}

impl Happening {
    pub(crate) fn of(entry: &Entry, currency: Currency) -> Self {
        Self {
            seq: entry.seq,
            at: entry.at,
            event: entry.event.name(),
            text: describe(&entry.event, currency),
        }
    }
}

/// What happened to a payment in this currency, in a sentence.
#[allow(clippy::too_many_lines, reason = "one sentence per event")]
pub(crate) fn describe(event: &Event, currency: Currency) -> String {
    let money = |units| match Amount::new(units) {
        Ok(amount) => Money { amount, currency }.to_string(),
        Err(_) => format!("0 {currency}"),
    };
    match event {
        Event::Requested(request) => {
            format!(
                "{} asked for {} of card {}.",
                request.by, request.order.money, request.card
            )
        }
        Event::ApproveSent => "The approval is being sent to KCP.".into(),
        Event::Approved(approval) => match &approval.app_no {
            Some(app_no) => format!(
                "KCP approved: tno {}, approval number {app_no}.",
                approval.tno
            ),
            None => format!("KCP approved: tno {}.", approval.tno),
        },
        Event::Declined(refusal) => format!("KCP declined: {} {}", refusal.code, refusal.message),
        Event::Lost(lost) => match &lost.tno {
            Some(tno) => format!(
                "The answer cannot be relied on: {}. It shows tno {tno}.",
                lost.why
            ),
            None => format!("The answer was lost: {}. Money may have moved.", lost.why),
        },
        Event::Voided(reason) => match reason {
            VoidReason::CardGone => "Nothing was sent: the card was not in memory any more.".into(),
            VoidReason::NotSent { why } => format!("Nothing was sent: {why}."),
            VoidReason::Absent => {
                "KCP's books, asked after the uncertainty window, do not have it: nothing was charged."
                    .into()
            }
            VoidReason::Attested { by, note, .. } => {
                format!("{by} vouches that KCP does not have it: {note}")
            }
        },
        Event::Inquired(looked) => {
            let seen = match &looked.seen {
                Live::Found {
                    approval,
                    remaining,
                } => {
                    format!(
                        "found it, tno {}, with {} left of {}",
                        approval.tno,
                        money(*remaining),
                        money(approval.amount.get())
                    )
                }
                Live::Absent => "did not find it".into(),
                Live::Foreign { why } => format!("showed another order's ({why})"),
                Live::Unclear { why } => format!("showed nothing that counts ({why})"),
            };
            match &looked.source {
                Source::Inquiry { .. } => format!("A look at KCP's books by tno {seen}."),
                Source::OrderLookup { day } => {
                    format!("A look at KCP's books of {day} by order number {seen}.")
                }
                Source::Statement { who, note, .. } => {
                    format!(
                        "{who} looked at KCP's partner site ({note}) and {seen}. KCP is still to be asked."
                    )
                }
                Source::Person { who, note, .. } => {
                    format!("{who} named a tno ({note}); a look at KCP's books {seen}.")
                }
            }
        }
        Event::Kept => "The sale stands.".into(),
        Event::ReverseDecided => "It is to be reversed: nobody was told that it stands.".into(),
        Event::CancelAsked(order) => {
            let parts = order
                .tax
                .map_or_else(String::new, |tax| format!(" ({})", parts(tax, currency)));
            format!(
                "{} asked to cancel {}{parts}: {}",
                order.by,
                money(order.amount.get()),
                order.reason
            )
        }
        Event::CancelSent {
            mode: Mode::Full, ..
        } => "The cancel of all of it is being sent to KCP.".into(),
        Event::CancelSent {
            mode: Mode::Partial {
                amount, remaining, ..
            },
            ..
        } => {
            let (amount, remaining) = (money(amount.get()), money(remaining.get()));
            format!("The cancel of {amount} out of {remaining} is being sent to KCP.")
        }
        Event::CancelDone { remaining, .. } => {
            format!("The cancel took effect; {} is left.", money(*remaining))
        }
        Event::CancelRefused { refusal, .. } => format!(
            "KCP refused the cancel: {} {}",
            refusal.code, refusal.message
        ),
        Event::CancelFailed { remaining, .. } => {
            let remaining = money(*remaining);
            format!("The cancel did not take effect; KCP's books show {remaining} left.")
        }
        Event::CancelUndone { remaining } => format!(
            "KCP's books, asked twice, show {} left, more than the ledger said: cancels that were taken for done were not.",
            money(*remaining)
        ),
        Event::CancelLost { why, .. } => format!("The cancel's answer was lost: {why}."),
        Event::CancelNotSent { why, .. } => format!("The cancel was not sent: {why}."),
        Event::LateAnswer(answer) => format!(
            "A late answer arrived that fits nothing pending: {} KCP is asked what its books show.",
            late(answer, &money)
        ),
        Event::Differs(difference) => {
            format!(
                "Asked again after it was settled, KCP's books differ: {}.",
                differs(difference, &money)
            )
        }
        Event::AgreesAgain => "KCP's books and the ledger agree again.".into(),
    }
}

/// How KCP's books differ, in a clause.
pub(crate) fn differs(difference: &Difference, money: &dyn Fn(u64) -> String) -> String {
    match difference {
        Difference::Remaining { ledger, kcp } => {
            format!(
                "{} is left by the ledger, {} at KCP",
                money(*ledger),
                money(*kcp)
            )
        }
        Difference::Amount { ledger, kcp } => {
            format!(
                "{} was approved by the ledger, {} at KCP",
                money(*ledger),
                money(*kcp)
            )
        }
        Difference::Denied => "KCP does not know the tno that it gave".into(),
        Difference::Alive { tno, kcp } => {
            format!("tno {tno} is alive at KCP, {} left of it", money(*kcp))
        }
    }
}

/// What a late answer said, in a sentence.
fn late(answer: &Answer, money: &dyn Fn(u64) -> String) -> String {
    match answer {
        Answer::Approved(approval) => format!("KCP approved, tno {}.", approval.tno),
        Answer::Declined(refusal) => format!("KCP declined: {} {}.", refusal.code, refusal.message),
        Answer::Lost(lost) => match &lost.tno {
            Some(tno) => format!("a damaged answer shows tno {tno}."),
            None => format!("a damaged answer ({}).", lost.why),
        },
        Answer::NotSent { why } => format!("the approval was not sent ({why})."),
        Answer::CancelDone { send, remaining } => {
            format!(
                "send {send} of a cancel took effect, {} left.",
                money(*remaining)
            )
        }
        Answer::CancelRefused { send, refusal } => format!(
            "send {send} of a cancel was refused: {} {}.",
            refusal.code, refusal.message
        ),
    }
}

/// Tax parts as people read them, in the currency of what they add up to.
fn parts(parts: TaxParts, currency: Currency) -> String {
    let part = |units: u64| match currency {
        Currency::Krw => units.to_string(),
        Currency::Usd => format!("{}.{:02}", units / 100, units % 100),
    };
    let TaxParts { supply, vat, free } = parts;
    let [supply, vat, free] = [supply, vat, free].map(part);
    format!("{supply} supply, {vat} VAT, {free} tax-free")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_told_in_its_currency() {
        let left = |remaining, currency| {
            describe(
                &Event::CancelDone {
                    send: None,
                    remaining,
                },
                currency,
            )
        };
        assert_eq!(
            left(123_456, Currency::Usd),
            "The cancel took effect; 1,234.56 USD is left."
        );
        assert_eq!(
            left(0, Currency::Krw),
            "The cancel took effect; 0 KRW is left."
        );
    }
}
