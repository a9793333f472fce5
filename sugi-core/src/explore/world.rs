//! A small world around one payment.

mod fingerprint;
mod heal;

use std::hash::{DefaultHasher, Hash, Hasher};

use nhn_kcp::TaxParts;
use sugi_core::{
    AnswerSoFar, Event, Illegal, Inquired, Live, Mode, Payment, Policy, SendNo, Source, State,
    Status, VoidReason, When,
    todo::{self, Call, ProcessContext, Todo},
};

use super::{
    outside,
    samples::{EACH, approved, policy, read, request},
};

/// What a walk allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::struct_excessive_bools, reason = "a setting is what it is")]
pub(super) struct Setting {
    pub(super) several_nodes: bool,
    pub(super) order_lookup: bool,
    /// The sale's amount is split for tax.
    pub(super) mixed_tax: bool,
    pub(super) losses: u8,
    pub(super) crashes: u8,
    /// Answers that a node which is held up writes down at any later time.
    pub(super) delays: u8,
    pub(super) cancels: u8,
    /// It begins with a sale that stands, and each cancel takes one won: what happens to cancels across
    /// each other is far enough to walk.
    pub(super) standing: bool,
    /// Cancels that someone makes at KCP, past sugi.
    pub(super) outside: u8,
    /// Times that a person tells what they saw.
    pub(super) person: u8,
    /// Times that the calendar is set.
    pub(super) set: u8,
    /// How far it is ahead when the sale is made, in seconds.
    pub(super) ahead: i64,
    /// A crash is one of the machine, which counts its uptime anew.
    pub(super) reboots: bool,
    /// Times that they tell what is not so.
    pub(super) wrong: u8,
    /// Whether inquiries work.
    pub(super) inquiries: Inquiries,
    /// Others use our order numbers as well: a look-up finds a stranger's transaction, and so does the
    /// number that is misread.
    pub(super) strangers: bool,
    /// How often the shop's configuration turns the look-up by order on or off.
    pub(super) changes: u8,
}

/// Whether inquiries work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Inquiries {
    Work,
    /// They fail until the faults stop.
    Fail,
    /// They fail for ever.
    FailForEver,
}

pub(super) const TOTAL: u64 = 3;
pub(super) const CALL_LIFE: i64 = 2;
pub(super) const START: i64 = 1_800_000_000;
/// No fault happens after this many seconds; what is under way then must still come to rest.
pub(super) const HORIZON: i64 = 8;

#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "a world is what it is")]
pub(super) struct World {
    pub(super) payment: Payment,
    pub(super) now: i64,
    /// How far the calendar is ahead.
    pub(super) calendar: i64,
    /// When the machine was started: each start is a boot of its own.
    pub(super) booted: i64,
    pub(super) waiting: bool,
    /// The calls that are being made. One node makes one at a time.
    pub(super) lines: Vec<Line>,
    /// Requests that KCP may still take, and when we had given them up.
    pub(super) wires: Vec<(Sent, i64)>,
    /// Answers that are written down later, or never: their nodes had been given up.
    pub(super) late: Vec<Event>,
    /// The asked cancel that is pending took effect at KCP.
    pub(super) landed: bool,
    /// The true books: what is left of the approval, if there is one.
    pub(super) books: Option<u64>,
    /// And what is left there of each part, if it was split for tax.
    pub(super) books_tax: TaxParts,
    pub(super) approvals_sent: u8,
    /// Someone cancelled at KCP, past sugi.
    pub(super) outside_used: bool,
    /// A person told what is not so.
    pub(super) misled: bool,
    /// It was closed as not charged, or declined.
    pub(super) closed: bool,
    pub(super) left: Setting,
}

/// Takes a way in which the world can go on.
pub(super) type Go<'a> = &'a mut dyn FnMut(&dyn Fn(&mut World));

/// A call that someone waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Line {
    pub(super) call: Sent,
    pub(super) sent: i64,
    /// KCP has taken it, and whether that changed the books; the answer is on its way.
    pub(super) took: Option<bool>,
}

/// A request on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Sent {
    Approve,
    Cancel(SendNo, Mode),
    /// A look, and whether it asks for something that KCP can know.
    Look(Source, bool),
}

impl World {
    pub(super) fn new(left: Setting) -> Self {
        let at = read(0, left.ahead, 0);
        let id = "pay_00000000000000000000000000000001".parse().unwrap();
        // As the engine begins: the intent goes with the request, and the call is in flight.
        let begin = [
            Event::Requested(Box::new(request(left.mixed_tax))),
            Event::ApproveSent,
        ];
        let mut payment = Payment::fold(id, begin.map(|event| (at, event))).unwrap();
        if left.standing {
            payment = payment.evolve(at, approved()).unwrap();
        }
        Self {
            payment,
            now: 0,
            calendar: left.ahead,
            booted: 0,
            waiting: !left.standing,
            lines: Vec::from_iter((!left.standing).then_some(Line {
                call: Sent::Approve,
                sent: 0,
                took: None,
            })),
            wires: Vec::new(),
            late: Vec::new(),
            landed: false,
            books: left.standing.then_some(TOTAL),
            books_tax: EACH,
            approvals_sent: 1,
            outside_used: false,
            misled: false,
            closed: false,
            left,
        }
    }

    pub(super) fn at(&self) -> When {
        self.when(self.now)
    }

    /// A moment as this machine reads it.
    pub(super) fn when(&self, second: i64) -> When {
        read(second, self.calendar, self.booted)
    }

    /// Now, as it is written down: within a payment no earlier than what was written before.
    fn written_at(&self) -> When {
        let now = self.at();
        When {
            at: now.at.max(self.payment.updated_at),
            ..now
        }
    }

    pub(super) fn process_context(&self) -> ProcessContext {
        ProcessContext {
            alone: !self.left.several_nodes,
            waiting: self.waiting,
            ..ProcessContext::default()
        }
    }

    pub(super) fn policy(&self) -> Policy {
        policy(self.left.order_lookup)
    }

    fn todo(&self) -> Todo {
        todo::todo(
            &self.payment,
            self.at(),
            self.process_context(),
            &self.policy(),
        )
    }

    /// Writes an event down, and checks that it is true.
    pub(super) fn append(&mut self, event: Event) {
        self.is_true(&event);
        let at = self.written_at();
        let payment = self.payment.clone().evolve(at, event);
        self.turn(payment.unwrap_or_else(|why| panic!("{why}: {self:#?}")));
    }

    fn turn(&mut self, payment: Payment) {
        outside::hears(&self.payment, &payment);
        let closed = matches!(payment.status(), Status::Void | Status::Declined);
        self.closed |= closed;
        self.payment = payment;
    }

    /// An answer that comes when the payment may have moved on: what fits nothing any more is a late
    /// answer, as in the engine. Only what tells nothing new is dropped.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "it is heard once, and called where it is made"
    )]
    pub(super) fn record_answer(&mut self, event: Event) {
        let at = self.written_at();
        let known = |why: &Illegal| matches!(why, Illegal::Known { .. });
        match (
            self.payment.clone().evolve(at, event.clone()),
            event.clone().as_late(),
        ) {
            (Ok(payment), _) => self.turn(payment),
            (Err(why), _) if known(&why) => {}
            (Err(why), None) => {
                let answer = matches!(
                    event,
                    Event::Approved(_)
                        | Event::Declined(_)
                        | Event::CancelDone { .. }
                        | Event::CancelRefused { .. }
                );
                assert!(!answer, "an answer was dropped: {why}: {self:#?}");
            }
            (Err(_), Some(late)) => match self.payment.clone().evolve(at, late) {
                Ok(payment) => self.turn(payment),
                Err(why) => assert!(known(&why), "an answer was dropped: {why}: {self:#?}"),
            },
        }
    }

    /// What is written down about money must be so.
    fn is_true(&self, event: &Event) {
        match event {
            Event::Voided(_) => {
                assert_eq!(self.books, None, "void, and yet charged: {self:#?}");
                let may_land = self
                    .wires
                    .iter()
                    .any(|(call, sent)| *call == Sent::Approve && self.lives(*sent));
                assert!(
                    !may_land,
                    "void, and the approval can still land: {self:#?}"
                );
            }
            Event::Kept => {
                assert!(
                    self.outside_used || self.books == Some(TOTAL),
                    "kept, not whole at KCP: {self:#?}"
                );
                let asked = matches!(&self.payment.state, State::InDoubt(doubt)
                    if matches!(doubt.live, Some((.., Source::Person { keep: true, .. }))));
                assert!(
                    asked || !self.closed,
                    "closed, and then kept without being asked to: {self:#?}"
                );
            }
            Event::Declined(_) => {
                assert_eq!(self.books, None, "declined, and yet charged: {self:#?}");
            }
            Event::Lost(_) => {
                let waits =
                    |line: &Line| line.call == Sent::Approve && self.now < line.sent + CALL_LIFE;
                assert!(
                    !self.lines.iter().any(waits),
                    "given up while somebody waits for the answer: {self:#?}"
                );
            }
            Event::CancelFailed { .. } => {
                assert!(
                    self.misled || !self.landed,
                    "told that the cancel failed, and it took effect: {self:#?}"
                );
                let lines = self.lines.iter().map(|line| (&line.call, line.sent));
                for (call, sent) in self
                    .wires
                    .iter()
                    .map(|(call, sent)| (call, *sent))
                    .chain(lines)
                {
                    let mut then = self.clone();
                    then.land(call, sent);
                    assert!(
                        self.misled || then.books == self.books,
                        "told that it failed, and {call:?} of {sent} lands: {self:#?}"
                    );
                }
            }
            _ => {}
        }
    }

    pub(super) fn lives(&self, sent: i64) -> bool {
        self.now < sent + policy(false).uncertainty_window.as_secs()
    }

    /// The promises that hold in every world.
    pub(super) fn check(&self) {
        assert!(
            self.approvals_sent <= 1,
            "the approval was sent twice: {self:#?}"
        );
        if let State::Approved { remaining, .. } = &self.payment.state {
            let books = self
                .books
                .expect("the sale stands, and KCP has no approval");
            assert!(
                self.misled || books <= *remaining,
                "the ledger gave back more than KCP did: {self:#?}"
            );
            // Who cancels past us while an answer of ours is lost can be taken for us: see `CancelAttempt::judge`.
            let more_of_a_part = !(self.outside_used || self.misled)
                && self
                    .payment
                    .tax_left()
                    .is_some_and(|left| left.checked_sub(self.books_tax).is_none());
            assert!(
                !more_of_a_part,
                "the ledger gave back more of a part than KCP did: {self:#?}"
            );
        }
        if let State::Approved {
            remaining: 1..,
            refused: Some(refused),
            ..
        } = &self.payment.state
        {
            let last = self.payment.sends.last();
            let answered = last.is_some_and(|send| send.heard == Some(AnswerSoFar::Refused));
            let code = refused.1.as_ref().map(|refusal| refusal.code.to_string());
            assert!(
                !(answered
                    && !self.left.mixed_tax
                    && refused.0.all
                    && code.as_deref() == Some("8040")),
                "all that is left was asked for, and is left: {self:#?}"
            );
        }
        if let State::Reversed { .. } = &self.payment.state
            && !self.misled
        {
            assert_eq!(self.books, Some(0), "reversed, and yet charged: {self:#?}");
        }
        if self.lines.is_empty()
            && self.late.is_empty()
            && self.todo() == Todo::Rest
            && !self.open_doubt()
        {
            self.agrees();
            // Rest means that nothing under way can change the books any more.
            for (call, sent) in &self.wires {
                let mut then = self.clone();
                then.land(call, *sent);
                assert_eq!(
                    then.books, self.books,
                    "at rest, and {call:?} still lands: {self:#?}"
                );
            }
        }
    }

    pub(super) fn open_doubt(&self) -> bool {
        self.payment.status() == Status::InDoubt
    }

    /// Ledger and books say the same, but for what someone did at KCP past us.
    fn agrees(&self) {
        let live = self.books.unwrap_or(0);
        match &self.payment.state {
            State::Approved { remaining, .. } if self.outside_used => {
                assert!(live <= *remaining, "{self:#?}");
            }
            State::Approved { remaining, .. } => {
                assert_eq!(live, *remaining, "ledger and books differ: {self:#?}");
                if let Some(left) = self.payment.tax_left() {
                    assert_eq!(left, self.books_tax, "the parts differ: {self:#?}");
                }
            }
            State::Declined(_) | State::Void(_) | State::Reversed { .. } => {
                assert_eq!(live, 0, "{self:#?}");
            }
            other => panic!("at rest in {other:?}"),
        }
    }

    /// Every world that can come next.
    pub(super) fn steps(&self) -> Vec<World> {
        let mut next = Vec::new();
        let mut go = |change: &dyn Fn(&mut World)| {
            let mut world = self.clone();
            change(&mut world);
            next.push(world);
        };
        for n in 0..self.lines.len() {
            self.answers(n, &mut go);
        }
        // With a call in flight, only another node can act, and it holds nothing.
        let nodes = if self.left.several_nodes { 2 } else { 1 };
        let todo = if self.lines.is_empty() {
            self.todo()
        } else {
            self.todo_elsewhere()
        };
        if self.lines.len() < nodes {
            match &todo {
                Todo::Record(event) => go(&|w| w.append(event.clone())),
                Todo::Call(call) => go(&|w| w.call(call)),
                Todo::Rest | Todo::Wait(_) => {}
            }
        }
        // A call ends in its time; only a process that is held up learns of that late.
        let held_up = i64::from(self.left.several_nodes);
        let overdue = self
            .lines
            .iter()
            .any(|line| self.now >= line.sent + CALL_LIFE + held_up);
        if self.now < HORIZON && !overdue && !(self.lines.is_empty() && todo == Todo::Rest) {
            go(&|w| w.now += 1);
        }
        for (n, (call, sent)) in self.wires.iter().enumerate() {
            go(&|w| {
                w.wires.remove(n);
                let took = w.land(call, *sent);
                if took && *call == Sent::Approve && w.left.several_nodes {
                    w.late.push(approved());
                }
                if matches!(call, Sent::Cancel(..)) && w.left.delays > 0 && w.lives(*sent) {
                    w.left.delays -= 1;
                    let answer = w.answer(call, took);
                    w.late.push(answer);
                }
            });
        }
        for (n, event) in self.late.iter().enumerate() {
            go(&|w| {
                w.late.remove(n);
                w.record_answer(event.clone());
            });
            go(&|w| drop(w.late.remove(n)));
        }
        if self.left.crashes > 0 {
            go(&|w| {
                w.left.crashes -= 1;
                w.crash();
            });
        }
        if self.left.changes > 0 {
            go(&|w| {
                w.left.changes -= 1;
                w.left.order_lookup = !w.left.order_lookup;
            });
        }
        if self.waiting {
            go(&|w| w.waiting = false);
        }
        if self.left.set > 0 {
            // Further than the window, to another day, and back to the right one.
            for by in [6, 100_000, -100_000] {
                go(&|w| {
                    w.left.set -= 1;
                    w.calendar += by;
                });
            }
        }
        self.people(&mut go);
        next
    }

    fn todo_elsewhere(&self) -> Todo {
        todo::todo(
            &self.payment,
            self.at(),
            ProcessContext::default(),
            &self.policy(),
        )
    }
}
