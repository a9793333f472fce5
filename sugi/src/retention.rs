//! How long buyers are kept, and who sees to it while the service runs.

use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date};
use serde::{Deserialize, Serialize};
use sugi_access::Access;
use sugi_engine::{Calendar, Engine};

use crate::{cli::Failure, day};

/// How long to wait before it is tried again when the ledger did not let it.
const AGAIN: SignedDuration = SignedDuration::from_hours(1);
/// When in a day in Korea it is done: when hardly anybody buys.
const HOUR: i8 = 4;

/// `[retention]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetentionConfig {
    /// After how many days the ledger forgets who bought; never, if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) buyer_days: Option<u32>,
}

impl RetentionConfig {
    /// Says which rule a value breaks.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self.buyer_days {
            Some(0) => Err(
                "retention.buyer_days must be 1 or more; leave it out and buyers are kept".into(),
            ),
            _ => Ok(()),
        }
    }
}

/// The day before which nothing is as young as so many days.
pub(crate) fn before(now: Timestamp, days: u32) -> Result<Date, Failure> {
    let day = day::today(now).checked_sub(i64::from(days).days());
    day.map_err(|_| Failure::new(format!("{days} days ago there was no calendar")).code(2))
}

/// Takes buyers away that were kept for so many days: at the start, and then every night.
pub(crate) async fn run(
    access: &Access,
    engine: &Engine,
    days: u32,
    stop: impl Future<Output = ()>,
) {
    let nights = async {
        loop {
            let next = night(access, engine, days).await;
            access.clock().sleep_until(next).await;
        }
    };
    tokio::select! {
        () = nights => {}
        () = stop => {}
    }
}

/// Does it once, and says when it is to be done again.
async fn night(access: &Access, engine: &Engine, days: u32) -> Timestamp {
    let now = access.clock().now();
    let Ok(before) = before(now, days) else {
        return Timestamp::MAX;
    };
    // What is taken away does not come back, so a day is believed only while nothing contradicts it.
    if engine.calendar() == Calendar::Wrong {
        tracing::error!("no buyer is taken away while this machine's clock differs from KCP's");
        return now.saturating_add(AGAIN).unwrap_or(Timestamp::MAX);
    }
    match access.erase_more_buyers(before, "sugi").await {
        Ok(taken) => {
            if taken > 0 {
                tracing::info!(
                    payments = taken,
                    "buyers that were kept for long enough are gone"
                );
            }
            day::next(now, HOUR)
        }
        Err(why) => {
            tracing::error!(%why, "buyers that were kept for long enough could not be taken away");
            now.saturating_add(AGAIN).unwrap_or(Timestamp::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use nhn_kcp::{MaskedCard, Money, Order};
    use sugi_access::Rules;
    use sugi_clock::Clock;
    use sugi_core::{Event, Kind, PaymentId, Refusal, Request};
    use sugi_engine::Engine;
    use sugi_store::{AuditEntry, AuditFilter, CreationClaims, PendingAppend, Store};

    use super::*;

    /// Writes a payment that was declined, made now.
    async fn declined(engine: &Engine, access: &Access, n: u32) -> PaymentId {
        let id: PaymentId = format!("pay_{n:032x}").parse().unwrap();
        let order_no: nhn_kcp::OrderNo = format!("A-{n}").parse().unwrap();
        let mut order = Order::new(order_no.clone(), Money::won(1004).unwrap());
        order.buyer.name = Some("홍길동".parse().unwrap());
        let request = Request {
            shop: "main".parse().unwrap(),
            site_cd: "T0000".parse().unwrap(),
            order_no,
            order,
            kind: Kind::Unauthenticated,
            card: MaskedCard::parse("411111******1111").unwrap(),
            by: "kim".parse().unwrap(),
        };
        let refusal = Refusal {
            code: "CC61".parse().unwrap(),
            message: "한도 초과".into(),
            trace_no: None,
            issuer: true,
            stands: false,
        };
        let events = vec![Event::Requested(Box::new(request)), Event::ApproveSent];
        let now = access.clock().now();
        let pending_append = PendingAppend::begin(id.clone(), now, &[0; 16], events).unwrap();
        let creation_claims = CreationClaims::default();
        let store = engine.store();
        let payment_snapshot = store
            .create(pending_append, None, creation_claims)
            .await
            .unwrap();
        let end = PendingAppend::of(payment_snapshot, now, Event::Declined(refusal)).unwrap();
        store.append(end, None).await.unwrap().unwrap();
        id
    }

    async fn has_buyer(engine: &Engine, id: &PaymentId) -> bool {
        let payment_snapshot = engine.store().load(id).await.unwrap().unwrap();
        payment_snapshot.payment.request.order.buyer.name.is_some()
    }

    #[tokio::test]
    async fn night_after_night_the_oldest_buyers_go_and_the_audit_tells_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual("2026-11-26T00:00:00Z".parse().unwrap());
        let engine = Engine::new(Store::open(dir.path()).unwrap(), [], clock.clone());
        let access = Access::new(engine.store().clone(), clock.clone(), Rules::default());
        let first = declined(&engine, &access, 1).await;
        clock.advance(SignedDuration::from_hours(24));
        let second = declined(&engine, &access, 2).await;

        for kept in [[true, true], [true, true], [false, true]] {
            let next = night(&access, &engine, 2).await;
            assert_eq!(
                [
                    has_buyer(&engine, &first).await,
                    has_buyer(&engine, &second).await
                ],
                kept
            );
            clock.advance(next.duration_since(clock.now()));
        }
        engine.store().verify().await.unwrap();
        // One that broke off years ago is taken up where it was begun, not where the next night is.
        let third = declined(&engine, &access, 3).await;
        let of_all = Store::buyers_before(date(2027, 12, 1));
        access
            .write_down(AuditEntry {
                at: clock.now(),
                actor: "sugi".into(),
                action: "purge".into(),
                subject: of_all,
                outcome: "begun".into(),
                origin: "-".into(),
            })
            .await
            .unwrap();
        clock.advance(SignedDuration::from_hours(500 * 24));
        night(&access, &engine, 2).await;
        assert!(!has_buyer(&engine, &third).await, "it was never finished");
        engine.store().verify().await.unwrap();
        let all = AuditFilter::default();
        let told = engine.store().audit_entries(&all).await.unwrap();
        let told: Vec<_> = told
            .iter()
            .rev()
            .map(|row| format!("{} {}", row.audit_entry.subject, row.audit_entry.outcome))
            .collect();
        assert_eq!(
            told,
            [
                "buyers before 2026-11-27 begun",
                "buyers before 2026-11-27 1 payments",
                "buyers before 2027-12-01 begun",
                "buyers before 2028-04-11 begun",
                "buyers before 2028-04-11 2 payments"
            ]
        );
    }

    #[test]
    fn five_years_ago_is_a_day() {
        let now: Timestamp = "2026-11-26T14:59:59Z".parse().unwrap();
        assert_eq!(before(now, 1_825).unwrap(), "2021-11-27".parse().unwrap());
    }
}
