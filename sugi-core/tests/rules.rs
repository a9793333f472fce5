//! Single rules of the core, told as short stories. What follows from them together is walked in
//! `explore`.
#![allow(clippy::unwrap_used, reason = "a test")]

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
    // Of what somebody has refunded there is nothing left to undo.
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

/// A sale of 1,004 won, split for tax: 800 supply, 80 VAT, 124 tax-free.
fn split_sale() -> Payment {
    let mut request = request();
    request.order.tax = Some(TaxSplit::Mixed(parts(800, 80, 124)));
    let journal = [
        Event::Requested(Box::new(request)),
        Event::ApproveSent,
        Event::Approved(approval(1004)),
    ];
    Payment::fold(
        "pay_00000000000000000000000000000001".parse().unwrap(),
        journal.map(|event| (at(0), event)),
    )
    .unwrap()
}

fn parts(supply: u64, vat: u64, free: u64) -> TaxParts {
    TaxParts { supply, vat, free }
}

fn cancel(amount: u64, tax: Option<TaxParts>) -> Event {
    Event::CancelAsked(CancelOrder {
        id: "can_00000000000000000000000000000001".parse().unwrap(),
        amount: Amount::new(amount).unwrap(),
        reason: "고객 변심".parse().unwrap(),
        by: "lee".parse().unwrap(),
        all: false,
        tax,
    })
}

#[test]
fn tax_parts_are_sent_as_asked_and_then_are_not_left() {
    let asked = split_sale().evolve(at(3), cancel(320, Some(parts(200, 20, 100))));
    let asked = asked.unwrap();
    let Todo::Call(Call::Cancel { send, mode, .. }) = todo(&asked, at(3), WAITING, &policy())
    else {
        panic!("{asked:?}");
    };
    let Mode::Partial { tax, .. } = mode else {
        panic!("{mode:?}");
    };
    assert_eq!(tax, Some(parts(200, 20, 100)));
    let done = asked
        .evolve(at(3), Event::CancelSent { send, mode })
        .and_then(|sent| sent.evolve(at(4), sugi_core::decode::cancelled(send, mode)))
        .unwrap();
    assert_eq!(done.tax_left(), Some(parts(600, 60, 24)));
}

#[test]
fn tax_parts_that_cannot_be_are_refused() {
    let sale = split_sale();
    for wrong in [(101, parts(80, 8, 12)), (125, parts(0, 0, 125))] {
        let refused = sale.clone().evolve(at(3), cancel(wrong.0, Some(wrong.1)));
        assert!(
            matches!(refused, Err(Illegal::TaxParts(_))),
            "{wrong:?}: {refused:?}"
        );
    }
    let unsplit = after([Event::Approved(approval(1004))]);
    assert_eq!(unsplit.tax_left(), None);
    let refused = unsplit.evolve(at(3), cancel(100, Some(parts(80, 8, 12))));
    assert_eq!(refused, Err(Illegal::NotSplit));
}

#[test]
fn what_is_left_of_each_part_is_not_known_once_somebody_gave_back_past_us() {
    let sale = split_sale().evolve(at(3), found(1004, 104)).unwrap();
    // 104 won are left, and nobody here knows of which kind.
    assert_eq!(sale.tax_left(), Some(parts(104, 80, 104)));
}

fn sent(send: u32) -> Event {
    Event::CancelSent {
        send: SendNo(send),
        mode: Mode::Full,
    }
}

fn refused(send: u32) -> Event {
    Event::CancelRefused {
        send: SendNo(send),
        refusal: Refusal {
            code: "8012".parse().unwrap(),
            message: String::new(),
            trace_no: None,
            issuer: false,
            stands: true,
        },
        says: Says::Stands,
    }
}

fn done(send: u32) -> Event {
    Event::CancelDone {
        send: Some(SendNo(send)),
        remaining: 0,
    }
}

#[test]
fn an_answer_to_another_send_ends_nothing_and_opens_an_inquiry() {
    // The first cancel ended with its refusal, and the second is on the wire.
    let second = after([
        Event::Approved(approval(1004)),
        cancel(1004, None),
        sent(1),
        refused(1),
        cancel(1004, None),
        sent(2),
    ]);
    assert_eq!(
        second.evolve_clone(refused(1)),
        Err(Illegal::Known {
            event: "cancel_refused"
        })
    );
    let fits_nothing = done(1);
    assert!(matches!(
        second.evolve_clone(fits_nothing.clone()),
        Err(Illegal::Order { .. })
    ));
    let late = second
        .evolve(at(9), fits_nothing.as_late().unwrap())
        .unwrap();
    assert_eq!(
        (late.status(), late.cancelled_amount()),
        (Status::Approved, 0)
    );
    assert_eq!(late.late.len(), 1);
    assert_eq!(late.reviews.len(), 1, "KCP is asked about it");
    // The second ends with its own answer, and the inquiry is still owed.
    let ended = late.evolve(at(10), refused(2)).unwrap();
    assert_eq!(
        todo(&ended, at(10), ProcessContext::default(), &policy()),
        Todo::Call(Call::Inquire {
            tno: "26000000000001".parse().unwrap()
        })
    );
    // It shows that the first took effect, and whose that money is.
    let seen = Event::Inquired(Inquired {
        seen: Live::Found {
            approval: approval(1004),
            remaining: 0,
        },
        source: inquiry(),
        asked_at: at(11),
    });
    let corrected = ended.evolve(at(12), seen).unwrap();
    assert_eq!(corrected.cancelled_amount(), 1004);
    assert_eq!(
        todo(&corrected, at(12), ProcessContext::default(), &policy()),
        Todo::Rest
    );
}

#[test]
fn a_second_number_of_one_payment_is_evidence_and_asked_about_until_it_is_gone() {
    let first = after([Event::Approved(approval(1004))]);
    let tno: nhn_kcp::Tno = "26000000000002".parse().unwrap();
    let second = Event::Approved(Box::new(Approval::bare(
        tno.clone(),
        Amount::new(1004).unwrap(),
    )));
    assert!(matches!(
        first.evolve_clone(second.clone()),
        Err(Illegal::Order { .. })
    ));
    let mut payment = first.evolve(at(9), second.as_late().unwrap()).unwrap();
    let mut now = at(9);
    for left in [1004, 1004, 0] {
        let inquire = Todo::Call(Call::Inquire { tno: tno.clone() });
        if let Todo::Wait(until) = todo(&payment, now, ProcessContext::default(), &policy()) {
            now = now.after(until.duration_since(now.at));
        }
        assert_eq!(
            todo(&payment, now, ProcessContext::default(), &policy()),
            inquire
        );
        let seen = Event::Inquired(Inquired {
            seen: Live::Found {
                approval: Box::new(Approval::bare(tno.clone(), Amount::new(1004).unwrap())),
                remaining: left,
            },
            source: Source::Inquiry { tno: tno.clone() },
            asked_at: now,
        });
        payment = payment.evolve(now, seen).unwrap();
        assert_eq!(payment.cancelled_amount(), 0, "ours stands");
    }
    assert_eq!(
        todo(&payment, now, ProcessContext::default(), &policy()),
        Todo::Rest
    );
}

#[test]
fn a_doubt_whose_number_is_another_orders_can_be_closed() {
    let lost = Event::Lost(Lost {
        why: "cut".into(),
        tno: Some("26000000000009".parse().unwrap()),
        contradicts: false,
    });
    let by_person = Policy::default();
    let quiet_over = at(2).after(by_person.uncertainty_window);
    let doubt = after([lost]);
    let refused =
        todo::may_attest_absence(&doubt, quiet_over, ProcessContext::default(), &by_person);
    assert_eq!(refused, Err(None), "KCP gave a number");
    let foreign = Event::Inquired(Inquired {
        seen: Live::Foreign {
            why: "another order".into(),
        },
        source: Source::Inquiry {
            tno: "26000000000009".parse().unwrap(),
        },
        asked_at: at(3),
    });
    let doubt = doubt.evolve(at(3), foreign).unwrap();
    assert_eq!(
        todo(&doubt, quiet_over, WAITING, &by_person),
        Todo::Rest,
        "the number is not asked about any more"
    );
    assert_eq!(
        todo::may_attest_absence(&doubt, quiet_over, ProcessContext::default(), &by_person),
        Ok(())
    );
}

#[test]
fn a_final_state_takes_further_looks_and_reopens_for_what_they_show() {
    let reversed = after([
        lost(),
        found(1004, 1004),
        Event::ReverseDecided,
        sent(1),
        done(1),
    ]);
    assert_eq!(reversed.status(), Status::Reversed);
    let look = |left, asked_at| {
        Event::Inquired(Inquired {
            seen: Live::Found {
                approval: approval(1004),
                remaining: left,
            },
            source: inquiry(),
            asked_at,
        })
    };
    let holds = reversed.evolve_clone(look(0, at(20))).unwrap();
    assert_eq!(holds.status(), Status::Reversed);
    let stale = reversed.evolve_clone(look(1004, at(4))).unwrap();
    assert_eq!(
        stale.status(),
        Status::Reversed,
        "asked before it was reversed"
    );
    let alive = reversed.evolve_clone(look(1004, at(20))).unwrap();
    assert_eq!(
        todo(&alive, at(20), WAITING, &policy()),
        Todo::Record(Event::ReverseDecided)
    );
}

#[test]
fn that_more_is_left_than_was_thought_takes_a_window_that_a_clock_has_measured() {
    let cancelled = after([
        Event::Approved(approval(1004)),
        cancel(1004, None),
        sent(1),
        done(1),
    ]);
    let look = |asked_at| {
        Event::Inquired(Inquired {
            seen: Live::Found {
                approval: approval(1004),
                remaining: 1004,
            },
            source: inquiry(),
            asked_at,
        })
    };
    let uncertainty_window = policy().uncertainty_window;
    let ask = |payment: &Payment, now| todo(payment, now, ProcessContext::default(), &policy());
    let inquire = Todo::Call(Call::Inquire {
        tno: "26000000000001".parse().unwrap(),
    });
    let more = cancelled.evolve(at(20), look(at(20))).unwrap();
    assert_eq!(more.cancelled_amount(), 1004, "not yet");
    // The calendar is set past the window, and a second has passed.
    let set = When {
        at: at(21).after(uncertainty_window * 2).at,
        ..at(21)
    };
    assert!(matches!(ask(&more, set), Todo::Wait(_)));
    let early = more.clone().evolve(set, look(set)).unwrap();
    assert!(matches!(ask(&early, set), Todo::Wait(_)));
    let over = at(20).after(uncertainty_window);
    assert_eq!(ask(&more, over), inquire);
    let undone = Todo::Record(Event::CancelUndone { remaining: 1004 });
    let again = more.clone().evolve(over, look(over)).unwrap();
    assert_eq!(ask(&again, over), undone);
    // A machine that was started anew cannot tell how long ago it was: it asks, and counts from there.
    let anew = |second: i64| When {
        at: at(1_000 + second).at,
        clock: Some(Reading {
            boot: Boot(2),
            up_us: second * 1_000_000,
            kcp_s: None,
        }),
    };
    assert_eq!(ask(&more, anew(1)), inquire);
    let counts = more.evolve(anew(1), look(anew(1))).unwrap();
    assert!(matches!(ask(&counts, anew(2)), Todo::Wait(_)));
    let over = anew(1).after(uncertainty_window);
    assert_eq!(ask(&counts, over), inquire);
    let again = counts.evolve(over, look(over)).unwrap();
    assert_eq!(ask(&again, over), undone);
    let undone = again
        .evolve(over, Event::CancelUndone { remaining: 1004 })
        .unwrap();
    assert_eq!(
        (undone.status(), undone.cancelled_amount()),
        (Status::Approved, 0)
    );
    assert_eq!(ask(&undone, over), Todo::Rest);
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
    assert!(split_sale().evolve(at(3), asked).is_ok());
}
