//! Clocks that are wrong, that are set, and machines that sleep: no definite word rests on them.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use kcp_sandbox::FaultKind;
use sugi_clock::Clock;
use sugi_core::{
    Event, Live, Payment, PaymentId, Source, State, Status, VoidReason, todo::ClockDoubt,
};
use sugi_engine::{PayError, Resolution};

use crate::{QUIET, TestApp, held_with_its_books, sale, until};

const NIGHT: SignedDuration = SignedDuration::from_hours(14);

/// 19:00 in Korea, of some day to come: the sandbox's time, and a machine's whose clocks are right.
pub(crate) async fn evening(order_lookup: bool) -> TestApp {
    let korea = TimeZone::fixed(jiff::tz::offset(9));
    let tomorrow = nhn_kcp::korean_date(Clock::real().now())
        .tomorrow()
        .unwrap();
    let at = tomorrow
        .at(19, 0, 0, 0)
        .to_zoned(korea)
        .unwrap()
        .timestamp();
    let test_app = TestApp::at(order_lookup, Clock::manual(at)).await;
    test_app.sandbox.set_clock(at);
    test_app
}

impl TestApp {
    /// Time passes, here and at KCP.
    pub(crate) fn passes(&self, span: SignedDuration) {
        self.sandbox.advance(span.unsigned_abs());
        self.clock.advance(span);
    }

    fn ahead(&self) -> Option<SignedDuration> {
        let shop = self.engine().shops().pop().unwrap();
        shop.kcp_clock.ahead(&self.clock)
    }

    async fn now_of(&self, id: &PaymentId) -> Payment {
        let payment_snapshot = self.engine().store().load(id).await.unwrap();
        payment_snapshot.unwrap().payment
    }

    /// The uncertainty window passes, again and again, and KCP is asked each time.
    async fn is_asked_past_the_window(&self, id: &PaymentId) {
        for _ in 0..4 {
            let inquiries = self.inquiries(id).await;
            self.passes(QUIET * 2);
            until("it goes on asking", async || {
                self.inquiries(id).await > inquiries
                    || self.now_of(id).await.status() != Status::InDoubt
            })
            .await;
        }
    }

    async fn is_reversed_by_a_person(&self, id: &PaymentId, order_no: &str) {
        let tno = self
            .sandbox
            .books_beginning(&format!("{order_no}-"))
            .transactions[0]
            .tno
            .parse()
            .unwrap();
        let note = "partner site".into();
        let what = Resolution::Live {
            tno,
            note,
            keep: false,
        };
        self.resolve(id, what).await.unwrap();
        assert_eq!(self.settled(id).await.status(), Status::Reversed);
    }
}

#[tokio::test]
async fn a_machine_that_slept_through_the_night_says_of_nothing_that_it_was_not_charged() {
    let test_app = evening(true).await;
    // An order that KCP is known to have booked on this day.
    test_app.pay("A-0").await;
    assert!(test_app.ahead().unwrap().abs() < SignedDuration::from_mins(1));
    // The machine sleeps, and its calendar stands still meanwhile: at KCP it is the next morning.
    test_app.passes(NIGHT);
    test_app.clock.set_calendar(-NIGHT);
    test_app.fault(FaultKind::LoseAnswer);
    let id = test_app.pay("A-1").await.id;
    // The calendar is set right. KCP knows no such order on the evening's day, and it was not that day.
    test_app.clock.set_calendar(NIGHT);
    test_app.is_asked_past_the_window(&id).await;
    let payment = test_app.now_of(&id).await;
    assert_eq!(payment.status(), Status::InDoubt, "{:?}", payment.state);
    let Some(ClockDoubt::Wrong(ahead)) = test_app.engine().clock_doubt(&payment) else {
        panic!("it does not say why it stays open");
    };
    assert!(
        (ahead + NIGHT).abs() < SignedDuration::from_mins(1),
        "{ahead}"
    );
    // So no one is charged twice.
    let again = test_app.engine().pay(sale("A-1", 1004)).await;
    assert!(
        matches!(again, Err(PayError::OrderLive { .. })),
        "{again:?}"
    );
    test_app.is_reversed_by_a_person(&id, "A-1").await;
    test_app.agrees().await;
}

#[tokio::test]
async fn setting_the_calendar_ends_no_window() {
    let test_app = evening(true).await;
    test_app.pay("A-0").await;
    test_app.hasty().await;
    test_app.fault(held_with_its_books());
    let id = test_app.pay("A-1").await.id;
    until("a look that finds nothing", async || {
        test_app.inquiries(&id).await > 0
    })
    .await;
    // Much longer than the window, and not so far that the calendar would be wrong.
    test_app.clock.set_calendar(SignedDuration::from_mins(4));
    let early = test_app.resolve(&id, absent()).await;
    assert!(early.is_err(), "{early:?}");
    test_app.sandbox.advance(crate::HELD);
    until("the late approval", async || test_app.approvals("A-1") > 0).await;
    test_app.clock.advance(QUIET / 2);
    assert_eq!(test_app.settled(&id).await.status(), Status::Reversed);
    test_app.agrees().await;
}

#[tokio::test]
async fn a_restart_on_the_same_machine_goes_on_counting_and_a_calendar_set_back_does_not_hold_it_up()
 {
    let mut test_app = evening(true).await;
    test_app.pay("A-0").await;
    test_app.fault(FaultKind::LoseRequest);
    let id = test_app.pay("A-1").await.id;
    test_app.engine().stop(std::time::Duration::ZERO).await;
    test_app.passes(QUIET * 2);
    test_app.clock.set_calendar(SignedDuration::from_mins(-4));
    test_app.rests().await;
    test_app.engine = None;
    test_app.open();
    test_app.engine().recover().await.unwrap();
    // The pause after the first look, and no window once more.
    test_app.passes(QUIET / 2);
    let payment = test_app.settled(&id).await;
    assert!(
        matches!(payment.state, State::Void(VoidReason::Absent)),
        "{:?}",
        payment.state
    );
    test_app.agrees().await;
}

#[tokio::test]
async fn what_kcp_has_is_not_denied_because_our_calendar_is_ahead() {
    let test_app = evening(true).await;
    test_app.pay("A-0").await;
    // Three hours ahead: what KCP approves now was "approved before it was asked for".
    test_app.clock.set_calendar(SignedDuration::from_hours(3));
    test_app.fault(FaultKind::LoseAnswer);
    let id = test_app.pay("A-1").await.id;
    assert_eq!(test_app.settled(&id).await.status(), Status::Reversed);
    test_app.agrees().await;
}

#[tokio::test]
async fn not_found_counts_for_a_day_of_which_an_order_is_found() {
    let test_app = evening(true).await;
    test_app.pay("A-0").await;
    test_app.passes(SignedDuration::from_hours(24));
    test_app.fault(FaultKind::LoseRequest);
    let id = test_app.pay("A-1").await.id;
    test_app.is_asked_past_the_window(&id).await;
    // Yesterday's order is found, and says nothing of today.
    assert_eq!(test_app.now_of(&id).await.status(), Status::InDoubt);
    let journal = test_app.engine().store().journal(&id).await.unwrap();
    let counts = |event: &Event| {
        matches!(event, Event::Inquired(look)
            if look.seen == Live::Absent && matches!(look.source, Source::OrderLookup { .. }))
    };
    assert!(!journal.iter().any(|row| counts(&row.event)));
    // The day's first sale is the order that KCP is known to have.
    test_app.pay("A-2").await;
    test_app.is_asked_past_the_window(&id).await;
    let payment = test_app.settled(&id).await;
    assert!(
        matches!(payment.state, State::Void(VoidReason::Absent)),
        "{:?}",
        payment.state
    );
    test_app.agrees().await;
}

#[tokio::test]
async fn kcps_time_is_read_from_its_answers() {
    let test_app = evening(false).await;
    assert_eq!(test_app.ahead(), None, "nothing was heard yet");
    test_app.pay("A-1").await;
    assert!(test_app.ahead().unwrap().abs() < SignedDuration::from_mins(1));
    let an_hour_on: Timestamp = test_app.sandbox.now() + SignedDuration::from_hours(1);
    test_app.sandbox.set_clock(an_hour_on);
    test_app.pay("A-2").await;
    let ahead = test_app.ahead().unwrap() + SignedDuration::from_hours(1);
    assert!(ahead.abs() < SignedDuration::from_mins(1), "{ahead}");
    test_app.agrees().await;
}

fn absent() -> Resolution {
    Resolution::Absent {
        note: "not on the partner site".into(),
    }
}
