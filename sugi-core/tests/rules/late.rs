//! Answers that are not those that are waited for, and what a settled payment learns.

use super::{tax::*, *};

pub(super) fn sent(send: u32) -> Event {
    Event::CancelSent {
        send: SendNo(send),
        mode: Mode::Full,
    }
}

pub(super) fn refused(send: u32) -> Event {
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

pub(super) fn done(send: u32) -> Event {
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
