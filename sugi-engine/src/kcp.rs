//! The engine's side of a call: from what the core wants to what the client sends, and back.

use jiff::{SignedDuration, Timestamp, civil::Date};
use nhn_kcp::{
    AuthenticatedKeyIn, Cancel, CancelReason, Card, Client, Inquiry, Invalid, KcpTime, Order,
    ServerDate, Tno, UnauthenticatedKeyIn, korean_date,
};
use sugi_core::{Event, Live, Mode, Payment, SendNo, VoidReason, When, decode, todo::Call};

use tracing::Instrument as _;

use crate::{drive::PendingCard, shop::Shop, trace};
use sugi_clock::Clock;

/// What KCP's books say of a reversal.
const REVERSAL: &str = "승인 결과 미확인 자동취소";

/// A call on its way, whose answer tells what time it is at KCP.
struct Line<'a> {
    client: Client,
    date: ServerDate,
    shop: &'a Shop,
    clock: &'a Clock,
    asked_up: SignedDuration,
}

impl<'a> Line<'a> {
    fn to(shop: &'a Shop, clock: &'a Clock) -> Self {
        let (client, date) = shop.client.dated();
        Self {
            client,
            date,
            shop,
            clock,
            asked_up: clock.up(),
        }
    }

    /// The answer is here. Where it carries no `Date`, what it says of its own time serves.
    fn heard(&self, told: Option<KcpTime>) {
        let told = || told.map(KcpTime::to_timestamp);
        if let Some(kcp) = self.date.get().or_else(told) {
            self.shop.kcp_clock.note(self.asked_up, self.clock, kcp);
        }
    }
}

/// Refuses an expired card while nothing has been written yet.
pub(crate) fn check_expiry(card: &Card, now: Timestamp) -> Result<(), Invalid> {
    card.expiry.check(korean_date(now))
}

/// Sends an approval. The card is gone when this returns.
pub(crate) async fn approve(
    payment: &Payment,
    shop: &Shop,
    pending_card: PendingCard,
    clock: &Clock,
) -> Event {
    let order: Order = payment.request.order.clone();
    let today = korean_date(clock.now());
    let span = trace::call("approve", &shop.id);
    let line = Line::to(shop, clock);
    let answer = match pending_card.proof {
        Some(proof) => match AuthenticatedKeyIn::new(order, pending_card.card, proof, today) {
            Ok(request) => line.client.approve(request).instrument(span.clone()).await,
            Err(why) => return not_sent(&why),
        },
        None => match UnauthenticatedKeyIn::new(order, pending_card.card, today) {
            Ok(request) => line.client.approve(request).instrument(span.clone()).await,
            Err(why) => return not_sent(&why),
        },
    };
    line.heard(answer.as_ref().ok().and_then(|told| told.app_time));
    let damaged = match &answer {
        Ok(approval) => Some(&approval.damaged),
        Err(why) => why.refusal().map(|no| &no.damaged),
    };
    say_damaged("approve", shop, damaged);
    let event = decode::approval(answer);
    trace::ended(&span, &event);
    event
}

/// Says which texts of an answer could not be read whole. They decide nothing, so this is all that comes of
/// it; KCP's support wants to know.
fn say_damaged(call: &str, shop: &Shop, damaged: Option<&Vec<String>>) {
    if let Some(fields) = damaged.filter(|fields| !fields.is_empty()) {
        let shop = shop.id.as_str();
        tracing::warn!(
            shop,
            call,
            ?fields,
            "texts of KCP's answer cannot be read whole"
        );
    }
}

/// A card that expired at midnight, between its check and now.
fn not_sent(why: &Invalid) -> Event {
    Event::Voided(VoidReason::NotSent {
        why: why.to_string(),
    })
}

/// A cancel as it is put to KCP.
pub(crate) struct CancelCall {
    /// The number of this send.
    pub(crate) send: SendNo,
    pub(crate) tno: Tno,
    pub(crate) mode: Mode,
    /// None for a reversal.
    pub(crate) reason: Option<CancelReason>,
}

/// Sends a cancel or a reversal.
pub(crate) async fn cancel(
    payment: &Payment,
    call: CancelCall,
    shop: &Shop,
    clock: &Clock,
) -> Event {
    let CancelCall {
        send,
        tno,
        mode,
        reason,
    } = call;
    let reversal = || CancelReason::parse(REVERSAL);
    let cancel = reason
        .map_or_else(reversal, Ok)
        .and_then(|reason| match mode {
            Mode::Full => Ok(Cancel::full(tno.clone(), reason)),
            Mode::Partial {
                amount,
                remaining,
                tax,
            } => {
                let cancel = Cancel::partial(tno.clone(), amount, remaining, reason)?;
                match (tax, payment.tax_left()) {
                    (Some(parts), Some(left)) => cancel.with_tax(parts, left),
                    _ => Ok(cancel),
                }
            }
        });
    match cancel {
        Ok(cancel) => {
            let span = trace::call("cancel", &shop.id);
            let line = Line::to(shop, clock);
            let answer = line.client.cancel(&cancel).instrument(span.clone()).await;
            line.heard(answer.as_ref().ok().and_then(|told| told.cancelled_at));
            let damaged = match &answer {
                Ok(done) => Some(&done.damaged),
                Err(why) => why.refusal().map(|no| &no.damaged),
            };
            say_damaged("cancel", shop, damaged);
            let event = decode::cancel(send, mode, answer);
            trace::ended(&span, &event);
            event
        }
        Err(why) => Event::CancelNotSent {
            send,
            why: why.to_string(),
        },
    }
}

/// Looks at KCP's books.
pub(crate) async fn look(
    call: &Call,
    payment: &Payment,
    shop: &Shop,
    clock: &Clock,
    mut asked_at: When,
) -> Event {
    let (name, inquiry) = match call {
        Call::LookUp { ordr_idxx, day } => ("look up", Inquiry::by_order(*day, ordr_idxx.clone())),
        Call::Inquire { tno } | Call::Cancel { tno, .. } => {
            ("inquire", Inquiry::by_tno(tno.clone()))
        }
    };
    let span = trace::call(name, &shop.id);
    let line = Line::to(shop, clock);
    let answer = line.client.inquire(&inquiry).instrument(span.clone()).await;
    line.heard(None);
    let damaged = match &answer {
        Ok(seen) => Some(&seen.damaged),
        Err(why) => why.refusal().map(|no| &no.damaged),
    };
    say_damaged(name, shop, damaged);
    // What time it was at KCP when it was asked is known now, if the answer says it.
    asked_at.hear(&clock.when(shop.kcp_clock.now(clock)));
    let event = decode::look(payment, call, asked_at, &shop.policy, answer);
    trace::ended(&span, &event);
    event
}

/// Whether a look-up by order number finds a payment that KCP has booked on that day.
pub(crate) async fn finds(payment: &Payment, day: Date, shop: &Shop, clock: &Clock) -> bool {
    let Some(approval) = payment.approval() else {
        return false;
    };
    let inquiry = Inquiry::by_order(day, payment.request.order.order_no.clone());
    let span = trace::call("look up", &shop.id);
    let line = Line::to(shop, clock);
    let answer = line.client.inquire(&inquiry).instrument(span.clone()).await;
    line.heard(None);
    let found = answer.is_ok_and(|found| found.tno == approval.tno);
    span.record("outcome", if found { "found" } else { "absent" });
    found
}

/// Looks at one transaction for a person who named it.
pub(crate) async fn inquire(
    tno: &Tno,
    payment: &Payment,
    shop: &Shop,
    clock: &Clock,
    asked_at: &mut When,
) -> Live {
    let (span, inquiry) = (
        trace::call("inquire", &shop.id),
        Inquiry::by_tno(tno.clone()),
    );
    let line = Line::to(shop, clock);
    let answer = line.client.inquire(&inquiry).instrument(span.clone()).await;
    line.heard(None);
    asked_at.hear(&clock.when(shop.kcp_clock.now(clock)));
    let live = decode::seen(payment, Some(tno), asked_at, &shop.policy, answer);
    span.record("outcome", trace::seen(&live));
    live
}

/// The transaction number in an event that cannot be written yet, for the log: it is no secret,
/// and it is the key to the money.
pub(crate) fn tno_of(event: &Event) -> Option<&str> {
    match event {
        Event::Approved(approval) => Some(approval.tno.as_str()),
        Event::Lost(lost) => lost.tno.as_ref().map(Tno::as_str),
        _ => None,
    }
}
