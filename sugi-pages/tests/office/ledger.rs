//! Payments that are put into a ledger as they are, so that a test can have any day it likes.

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use nhn_kcp::{Amount, Buyer, Company, MaskedCard, Money, Order};
use sugi_core::{
    Approval, CancelOrder, Event, Kind, Lost, Mode, Refusal, Request, SendNo, VoidReason,
};
use sugi_store::{CreationClaims, PendingAppend, Store};

/// How a payment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Approved,
    /// So much of it was refunded.
    GivenBack(u64),
    Declined,
    Void,
    InDoubt,
    Approving,
}

/// A payment to be.
#[derive(Debug, Clone)]
pub(crate) struct Sale {
    /// Its number: part of its id, so that a later one sorts behind it.
    pub(crate) n: u32,
    /// When it was asked for.
    pub(crate) at: Timestamp,
    pub(crate) shop: &'static str,
    pub(crate) by: &'static str,
    pub(crate) buyer: String,
    pub(crate) issuer: &'static str,
    pub(crate) money: Money,
    pub(crate) end: End,
}

impl Sale {
    pub(crate) fn new(n: u32, at: &str) -> Self {
        Self {
            n,
            at: at.parse().unwrap(),
            shop: "main",
            by: "kim",
            buyer: "홍길동".into(),
            issuer: "신한카드",
            money: Money::won(1_000).unwrap(),
            end: End::Approved,
        }
    }

    pub(crate) fn id(&self) -> String {
        format!("pay_{:032x}", self.n)
    }

    fn request(&self) -> Request {
        let order_no = format!("S-{}", self.n);
        let mut order = Order::new(order_no.parse().unwrap(), self.money);
        order.buyer = Buyer {
            name: Some(self.buyer.parse().unwrap()),
            mail: None,
            phone: Some("010-0000-0000".parse().unwrap()),
        };
        Request {
            shop: self.shop.parse().unwrap(),
            site_cd: "T0000".parse().unwrap(),
            order_no: order_no.parse().unwrap(),
            order,
            kind: Kind::Authenticated,
            card: MaskedCard::parse("411111******1111").unwrap(),
            by: self.by.parse().unwrap(),
        }
    }

    fn approved(&self) -> Event {
        let tno = format!("2{:013}", self.n).parse().unwrap();
        let mut approval = Approval::bare(tno, self.money.amount);
        approval.app_no = Some("12345678".into());
        approval.issuer = Some(Company {
            code: "CCLG".into(),
            name: self.issuer.into(),
        });
        Event::Approved(Box::new(approval))
    }

    fn refunded(&self, amount: u64) -> [Event; 3] {
        let all = self.money.amount;
        let mode = if amount == all.get() {
            Mode::Full
        } else {
            Mode::Partial {
                amount: Amount::new(amount).unwrap(),
                remaining: all,
                tax: None,
            }
        };
        let order = CancelOrder {
            id: format!("can_{:032x}", self.n).parse().unwrap(),
            amount: Amount::new(amount).unwrap(),
            reason: nhn_kcp::CancelReason::parse("고객 변심").unwrap(),
            by: self.by.parse().unwrap(),
            all: amount == all.get(),
            tax: None,
        };
        let remaining = all.get() - amount;
        [
            Event::CancelAsked(order),
            Event::CancelSent {
                send: SendNo(1),
                mode,
            },
            Event::CancelDone {
                send: Some(SendNo(1)),
                remaining,
            },
        ]
    }

    fn events(&self) -> Vec<Event> {
        let mut events = vec![
            Event::Requested(Box::new(self.request())),
            Event::ApproveSent,
        ];
        match self.end {
            End::Approved => events.push(self.approved()),
            End::GivenBack(amount) => {
                events.push(self.approved());
                events.extend(self.refunded(amount));
            }
            End::Declined => events.push(Event::Declined(Refusal {
                code: "CC61".parse().unwrap(),
                message: "한도 초과".into(),
                trace_no: None,
                issuer: true,
                stands: false,
            })),
            End::Void => events.push(Event::Voided(VoidReason::NotSent {
                why: "no connection".into(),
            })),
            End::InDoubt => events.push(Event::Lost(Lost {
                why: "the answer was lost".into(),
                tno: None,
                contradicts: false,
            })),
            End::Approving => {}
        }
        events
    }
}

/// Writes them all, many at a time.
pub(crate) async fn write(store: &Store, sales: &[Sale]) {
    let writes = sales.iter().map(async |sale| {
        let id = sale.id().parse().unwrap();
        let pending_append = PendingAppend::begin(id, sale.at, &[7; 16], sale.events()).unwrap();
        let creation_claims = CreationClaims::default();
        store
            .create(pending_append, None, creation_claims)
            .await
            .unwrap();
    });
    let mut writes = stream::iter(writes).buffer_unordered(64);
    while writes.next().await.is_some() {}
}
