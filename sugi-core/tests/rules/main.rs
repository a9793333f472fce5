//! Single rules of the core, told as short stories. What follows from them together is walked in
//! `explore`.
#![allow(clippy::unwrap_used, reason = "a test")]

mod late;
mod tax;

use jiff::{SignedDuration, Timestamp};
use nhn_kcp::{Amount, Money, Order, OrderNo, TaxParts, TaxSplit};
use sugi_core::{
    Approval, Boot, CancelOrder, Event, Illegal, Inquired, Kind, Live, Lost, Mode, Payment, Policy,
    Reading, Refusal, Request, Says, SendNo, Source, Status, VoidReason, When,
    todo::{self, Call, ProcessContext, Todo, todo},
};

fn at(second: i64) -> When {
    // 2026-11-23 23:59:50 in Korea: ten seconds before midnight.
    let at = 1_795_445_990 + second;
    When {
        at: Timestamp::from_second(at).unwrap(),
        clock: Some(Reading {
            boot: Boot(1),
            up_us: second * 1_000_000,
            kcp_s: Some(at),
        }),
    }
}

fn request() -> Request {
    let order_no: OrderNo = "A-1".parse().unwrap();
    let at_kcp = sugi_core::order_number::marked(&order_no, [7; 16]).unwrap();
    Request {
        shop: "main".parse().unwrap(),
        site_cd: "T0000".parse().unwrap(),
        order: Order::new(at_kcp, Money::won(1004).unwrap()),
        order_no,
        kind: Kind::Unauthenticated,
        card: nhn_kcp::MaskedCard::parse("411111******1111").unwrap(),
        by: "kim".parse().unwrap(),
    }
}

/// A payment to which all of this happened, a second apart.
fn after(events: impl IntoIterator<Item = Event>) -> Payment {
    let begin = [Event::Requested(Box::new(request())), Event::ApproveSent];
    let journal = begin
        .into_iter()
        .chain(events)
        .zip(0..)
        .map(|(event, second)| (at(second), event));
    Payment::fold(
        "pay_00000000000000000000000000000001".parse().unwrap(),
        journal,
    )
    .unwrap()
}

fn approval(won: u64) -> Box<Approval> {
    Box::new(Approval::bare(
        "26000000000001".parse().unwrap(),
        Amount::new(won).unwrap(),
    ))
}

fn lost() -> Event {
    Event::Lost(Lost {
        why: "timed out".into(),
        tno: None,
        contradicts: false,
    })
}

fn found(won: u64, remaining: u64) -> Event {
    let seen = Live::Found {
        approval: approval(won),
        remaining,
    };
    Event::Inquired(Inquired {
        seen,
        source: inquiry(),
        asked_at: at(2),
    })
}

fn inquiry() -> Source {
    Source::Inquiry {
        tno: "26000000000001".parse().unwrap(),
    }
}

fn policy() -> Policy {
    Policy {
        order_lookup: true,
        ..Policy::default()
    }
}

const WAITING: ProcessContext = ProcessContext {
    alone: true,
    waiting: true,
    watched: SignedDuration::ZERO,
};

#[test]
fn a_late_approval_opens_what_was_closed() {
    for closed in [
        vec![Event::Declined(Refusal {
            code: "CC61".parse().unwrap(),
            message: String::new(),
            trace_no: None,
            issuer: true,
            stands: false,
        })],
        vec![lost(), Event::Voided(VoidReason::Absent)],
    ] {
        let payment = after(closed)
            .evolve(at(9), Event::Approved(approval(1004)))
            .unwrap();
        assert_eq!(payment.status(), Status::InDoubt);
        // Its caller was told that nothing was charged, so it is not kept even where one waits.
        for process_context in [ProcessContext::default(), WAITING] {
            assert_eq!(
                todo(&payment, at(9), process_context, &policy()),
                Todo::Record(Event::ReverseDecided)
            );
        }
    }
}

#[test]
fn what_is_known_already_is_not_written_again() {
    let payment = after([Event::Approved(approval(1004))]);
    let again = payment.evolve(at(9), Event::Approved(approval(1004)));
    assert_eq!(again, Err(Illegal::Known { event: "approved" }));
}

/// What KCP has is not what was asked for. Whether that is undone, a person says.
#[test]
fn another_amount_is_never_reversed_on_our_own_account() {
    for (won, remaining) in [(1005, 1005), (1003, 1003), (1005, 1), (1005, 1004)] {
        let payment = after([lost(), found(won, remaining)]);
        for waiting in [true, false] {
            let process_context = ProcessContext { waiting, ..WAITING };
            let next = todo(&payment, at(9_999_999), process_context, &policy());
            assert_eq!(next, Todo::Rest, "{won} {remaining}");
        }
        let approval = approval(won);
        let seen = Live::Found {
            approval,
            remaining,
        };
        for keep in [true, false] {
            let source = Source::Person {
                who: "kim".parse().unwrap(),
                note: "partner site".into(),
                keep,
                id: None,
            };
            let (seen, asked_at) = (seen.clone(), at(10));
            let said = Event::Inquired(Inquired {
                seen,
                source,
                asked_at,
            });
            let payment = payment.clone().evolve(at(10), said).unwrap();
            let next = todo(&payment, at(10), WAITING, &policy());
            assert_eq!(next, Todo::Record(Event::ReverseDecided), "never kept");
        }
    }
    // Of what someone has refunded there is nothing left to undo.
    let payment = after([lost(), found(1005, 0)]);
    let next = todo(&payment, at(9), WAITING, &policy());
    assert_eq!(next, Todo::Record(Event::ReverseDecided));
}

/// Under the merchant's bare number others may sell: a look-up by it says nothing of this payment.
#[test]
fn a_bare_number_is_never_looked_up() {
    let mut request = request();
    request.order.order_no = request.order_no.clone();
    let events = [
        Event::Requested(Box::new(request)),
        Event::ApproveSent,
        lost(),
    ];
    let journal = (0..).map(at).zip(events);
    let id = "pay_00000000000000000000000000000001".parse().unwrap();
    let payment = Payment::fold(id, journal).unwrap();
    for later in [3, 10, 1_000, 9_999_999] {
        let next = todo(&payment, at(later), WAITING, &policy());
        assert_eq!(next, Todo::Rest, "though the policy has look-ups");
    }
}

#[test]
fn only_the_whole_of_what_was_asked_is_kept() {
    for (events, kept) in [
        (vec![lost(), found(1004, 1004)], true),
        (vec![lost(), found(1004, 504)], false),
        (
            vec![
                Event::Lost(Lost {
                    why: String::new(),
                    tno: None,
                    contradicts: true,
                }),
                found(1004, 1004),
            ],
            false,
        ),
    ] {
        let payment = after(events);
        let expected = if kept {
            Event::Kept
        } else {
            Event::ReverseDecided
        };
        assert_eq!(
            todo(&payment, at(9), WAITING, &policy()),
            Todo::Record(expected)
        );
        let nobody_waits = ProcessContext {
            waiting: false,
            ..WAITING
        };
        assert_eq!(
            todo(&payment, at(9), nobody_waits, &policy()),
            Todo::Record(Event::ReverseDecided)
        );
    }
}

#[test]
fn absence_is_proved_for_both_days_that_the_quiet_period_touches() {
    let mut payment = after([lost()]);
    let quiet_over = at(2).after(policy().uncertainty_window);
    let mut asked = Vec::new();
    let mut now = quiet_over;
    loop {
        match todo(&payment, now, WAITING, &policy()) {
            Todo::Call(call @ Call::LookUp { day, .. }) => {
                asked.push(day.to_string());
                let event = Event::Inquired(Inquired {
                    seen: Live::Absent,
                    source: call.source(),
                    asked_at: now,
                });
                payment = payment.evolve(now, event).unwrap();
            }
            Todo::Wait(until) => now = now.after(until.duration_since(now.at)),
            done => break assert_eq!(done, Todo::Record(Event::Voided(VoidReason::Absent))),
        }
    }
    assert_eq!(asked, ["2026-11-23", "2026-11-24"]);
}

#[test]
fn a_look_before_the_quiet_period_is_over_proves_nothing() {
    let early = at(2).after(policy().uncertainty_window - SignedDuration::from_secs(1));
    let mut payment = after([lost()]);
    for day in ["2026-11-23", "2026-11-24"] {
        let source = Source::OrderLookup {
            day: day.parse().unwrap(),
        };
        let event = Event::Inquired(Inquired {
            seen: Live::Absent,
            source,
            asked_at: early,
        });
        payment = payment.evolve(early, event).unwrap();
    }
    assert!(!matches!(
        todo(&payment, early, WAITING, &policy()),
        Todo::Record(_)
    ));
}

#[test]
fn a_journal_that_cannot_have_happened_is_refused() {
    let begin = |events: Vec<Event>| {
        let journal = events
            .into_iter()
            .zip(0..)
            .map(|(event, second)| (at(second), event));
        Payment::fold(
            "pay_00000000000000000000000000000001".parse().unwrap(),
            journal,
        )
    };
    let requested = || Event::Requested(Box::new(request()));
    assert_eq!(begin(vec![]), Err(Illegal::Beginning));
    assert_eq!(begin(vec![Event::ApproveSent]), Err(Illegal::Beginning));
    for events in [
        vec![requested(), requested()],
        vec![requested(), Event::Approved(approval(1004))],
        vec![requested(), Event::ApproveSent, Event::ApproveSent],
        vec![requested(), Event::ApproveSent, Event::Kept],
        vec![requested(), Event::ApproveSent, lost(), Event::Kept],
        vec![
            requested(),
            Event::ApproveSent,
            Event::Approved(approval(1004)),
            lost(),
        ],
    ] {
        let refused = begin(events.clone());
        assert!(
            matches!(refused, Err(Illegal::Order { .. })),
            "{events:?}: {refused:?}"
        );
    }
}

#[test]
fn every_event_reads_back_as_it_was_written() {
    for event in [
        Event::Requested(Box::new(request())),
        Event::Approved(approval(1004)),
        lost(),
        found(1004, 4),
        Event::Kept,
    ] {
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(
            serde_json::from_str::<Event>(&text).unwrap(),
            event,
            "{text}"
        );
    }
}

/// Tries an event on a payment and leaves it as it is.
trait Try {
    fn evolve_clone(&self, event: Event) -> Result<Payment, Illegal>;
}

impl Try for Payment {
    fn evolve_clone(&self, event: Event) -> Result<Payment, Illegal> {
        self.clone().evolve(at(20), event)
    }
}

#[test]
fn old_journals_read_as_they_did() {
    let asked = r#"{"event":"cancel_asked","id":"can_00000000000000000000000000000001","amount":4,"reason":"x","by":"lee","all":false}"#;
    let sent = r#"{"event":"cancel_sent","send":1,"mode":"partial","amount":4,"remaining":1004}"#;
    let told = r#"{"event":"voided","reason":"attested","by":"kim","note":"x"}"#;
    for text in [asked, sent, told] {
        let event: Event = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&event).unwrap(), text);
    }
    // Even of a sale that was split for tax: what was asked then was asked.
    let asked = serde_json::from_str(asked).unwrap();
    assert!(tax::split_sale().evolve(at(3), asked).is_ok());
}
