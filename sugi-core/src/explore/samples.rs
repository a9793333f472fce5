//! The one payment that all worlds are about.

use jiff::{SignedDuration, Timestamp};
use nhn_kcp::{Amount, CancelReason, TaxParts, TaxSplit, Tno};
use sugi_core::{Approval, Boot, CancelOrder, Event, Policy, Reading, Refusal, When};

use super::world::{CALL_LIFE, START, TOTAL};

/// A moment by a calendar that is right, by a machine that runs on, and by KCP.
pub(super) fn at(second: i64) -> When {
    read(second, 0, 0)
}

/// A moment by a calendar that is so far ahead, by a machine that was started then, and by KCP.
pub(super) fn read(second: i64, ahead: i64, booted: i64) -> When {
    When {
        at: Timestamp::from_second(START + second + ahead).unwrap(),
        clock: Some(Reading {
            boot: Boot(booted.unsigned_abs()),
            up_us: (second - booted) * 1_000_000,
            kcp_s: Some(START + second),
        }),
    }
}

pub(super) fn policy(order_lookup: bool) -> Policy {
    Policy {
        call_life: SignedDuration::from_secs(CALL_LIFE),
        uncertainty_window: SignedDuration::from_secs(4),
        order_lookup,
        keep_if_waiting: true,
        clock_tolerance: SignedDuration::from_secs(300),
        backoff: [0, 1, 2].map(SignedDuration::from_secs).into(),
    }
}

pub(super) fn tno() -> Tno {
    "26000000000001".parse().unwrap()
}

/// A number that KCP never gave.
pub(super) fn misread() -> Tno {
    "26000000000009".parse().unwrap()
}

pub(super) fn approval() -> Approval {
    Approval::bare(tno(), Amount::new(TOTAL).unwrap())
}

pub(super) fn approved() -> Event {
    Event::Approved(Box::new(approval()))
}

pub(super) fn refusal(code: &str) -> Refusal {
    Refusal {
        code: code.parse().unwrap(),
        message: String::new(),
        trace_no: None,
        issuer: true,
        stands: false,
    }
}

pub(super) fn cancel_order(n: u8, amount: u64, tax: Option<TaxParts>) -> CancelOrder {
    CancelOrder {
        id: format!("can_{n:032x}").parse().unwrap(),
        amount: Amount::new(amount).unwrap(),
        reason: CancelReason::parse("고객 변심").unwrap(),
        by: "lee".parse().unwrap(),
        // Of a whole sale all is asked for, no matter what that is; otherwise a part.
        all: amount == TOTAL,
        tax,
    }
}

/// Of a sale that is split for tax, one won is of each kind.
pub(super) const EACH: TaxParts = TaxParts {
    supply: 1,
    vat: 1,
    free: 1,
};

/// Every way to take something of these parts.
pub(super) fn ways_to_take(of: TaxParts) -> impl Iterator<Item = TaxParts> {
    let one_of = |most: u64| 0..=most;
    one_of(of.supply)
        .flat_map(move |supply| one_of(of.vat).map(move |vat| (supply, vat)))
        .flat_map(move |(supply, vat)| one_of(of.free).map(move |free| (supply, vat, free)))
        .map(|(supply, vat, free)| TaxParts { supply, vat, free })
        .filter(|taken| taken.total() != Some(0))
}

pub(super) fn request(mixed_tax: bool) -> sugi_core::Request {
    let order_no: nhn_kcp::OrderNo = "A-1".parse().unwrap();
    let at_kcp = sugi_core::order_number::marked(&order_no, [7; 16]).unwrap();
    let order = nhn_kcp::Order {
        tax: mixed_tax.then_some(TaxSplit::Mixed(EACH)),
        ..nhn_kcp::Order::new(at_kcp, nhn_kcp::Money::won(TOTAL).unwrap())
    };
    sugi_core::Request {
        shop: "main".parse().unwrap(),
        site_cd: "T0000".parse().unwrap(),
        order,
        order_no,
        kind: sugi_core::Kind::Unauthenticated,
        card: nhn_kcp::MaskedCard::parse("411111******1111").unwrap(),
        by: "kim".parse().unwrap(),
    }
}
