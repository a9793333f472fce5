//! A small world around one payment.

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::{SignedDuration, Timestamp};
use nhn_kcp::{Amount, CancelReason, Tno};
use sugi_core::{
    Approval, CancelOrder, Event, Illegal, Live, Looked, Lost, Mode, Payment, Policy, Refusal,
    Source, State, Status, VoidReason, heard,
    todo::{self, Call, Hands, Todo},
};

/// What a walk allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Setting {
    pub(crate) several_nodes: bool,
    pub(crate) order_lookup: bool,
    pub(crate) losses: u8,
    pub(crate) crashes: u8,
    pub(crate) cancels: u8,
    /// Cancels that somebody makes at KCP, past sugi.
    pub(crate) outside: u8,
    /// Times that a person tells what they saw.
    pub(crate) person: u8,
}

const TOTAL: u64 = 3;
const CALL_LIFE: i64 = 2;
const START: i64 = 1_800_000_000;
/// No fault happens after this many seconds; what is under way then must still come to rest.
const HORIZON: i64 = 8;

#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "a world is what it is")]
pub(crate) struct World {
    payment: Payment,
    now: i64,
    waiting: bool,
    /// The calls that are being made. One node makes one at a time.
    lines: Vec<Line>,
    /// Requests that KCP may still take, and when we had given them up.
    wires: Vec<(Sent, i64)>,
    /// Answers to approvals that nobody waited for any more.
    late: Vec<Event>,
    /// The asked cancel that is pending took effect at KCP.
    landed: bool,
    /// The true books: what is left of the approval, if there is one.
    books: Option<u64>,
    approvals_sent: u8,
    /// Somebody cancelled at KCP, past sugi.
    outside_used: bool,
    left: Setting,
}

/// Takes a way in which the world can go on.
type Go<'a> = &'a mut dyn FnMut(&dyn Fn(&mut World));

/// A call that somebody waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Line {
    call: Sent,
    sent: i64,
    /// KCP has taken it, and whether that changed the books; the answer is on its way.
    took: Option<bool>,
}

/// A request on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Sent {
    Approve,
    Cancel(Mode),
    /// A look, and whether it asks for something that KCP can know.
    Look(Source, bool),
}

impl World {
    pub(crate) fn new(left: Setting) -> Self {
        let at = Timestamp::from_second(START).unwrap();
        let id = "pay_00000000000000000000000000000001".parse().unwrap();
        // As the engine begins: the intent goes with the request, and the call is on the line.
        let begin = [Event::Requested(Box::new(request())), Event::ApproveSent];
        let payment = Payment::fold(id, begin.map(|event| (at, event))).unwrap();
        Self {
            payment,
            now: 0,
            waiting: true,
            lines: vec![Line {
                call: Sent::Approve,
                sent: 0,
                took: None,
            }],
            wires: Vec::new(),
            late: Vec::new(),
            landed: false,
            books: None,
            approvals_sent: 1,
            outside_used: false,
            left,
        }
    }

    fn at(&self) -> Timestamp {
        at(self.now)
    }

    fn hands(&self) -> Hands {
        Hands {
            alone: !self.left.several_nodes,
            waiting: self.waiting,
        }
    }

    fn policy(&self) -> Policy {
        policy(self.left.order_lookup)
    }

    fn todo(&self) -> Todo {
        todo::todo(&self.payment, self.at(), self.hands(), &self.policy())
    }

    /// Writes an event down, and checks that it is true.
    fn append(&mut self, event: Event) {
        self.is_true(&event);
        let at = self.at();
        self.payment = self
            .payment
            .clone()
            .evolve(at, event)
            .unwrap_or_else(|why| panic!("{why}: {self:#?}"));
    }

    /// An answer that comes when the payment may have moved on: what cannot have happened any more
    /// is dropped, as the engine drops it.
    fn take_up(&mut self, event: Event) {
        let at = self.at();
        let precious = matches!(
            &event,
            Event::Approved(_) | Event::Lost(Lost { tno: Some(_), .. })
        );
        match self.payment.clone().evolve(at, event) {
            Ok(payment) => self.payment = payment,
            Err(Illegal::Known { .. }) => {}
            Err(why) => assert!(!precious, "the key to money was dropped: {why}: {self:#?}"),
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
            Event::Kept => assert!(
                self.outside_used || self.books == Some(TOTAL),
                "kept, not whole at KCP: {self:#?}"
            ),
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
                    !self.landed,
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
                    assert_eq!(
                        then.books, self.books,
                        "told that it failed, and {call:?} of {sent} lands: {self:#?}"
                    );
                }
            }
            _ => {}
        }
    }

    fn lives(&self, sent: i64) -> bool {
        self.now < sent + policy(false).quiet.as_secs()
    }

    /// The promises that hold in every world.
    pub(crate) fn check(&self) {
        assert!(
            self.approvals_sent <= 1,
            "the approval was sent twice: {self:#?}"
        );
        if let State::Approved { remaining, .. } = &self.payment.state {
            let books = self
                .books
                .expect("the sale stands, and KCP has no approval");
            assert!(
                books <= *remaining,
                "the ledger gave back more than KCP did: {self:#?}"
            );
        }
        if let State::Reversed { .. } = &self.payment.state {
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

    fn open_doubt(&self) -> bool {
        self.payment.status() == Status::InDoubt
    }

    /// Ledger and books say the same, but for what somebody did at KCP past us.
    fn agrees(&self) {
        let live = self.books.unwrap_or(0);
        match &self.payment.state {
            State::Approved { remaining, .. } if self.outside_used => {
                assert!(live <= *remaining, "{self:#?}");
            }
            State::Approved { remaining, .. } => {
                assert_eq!(live, *remaining, "ledger and books differ: {self:#?}");
            }
            State::Declined(_) | State::Void(_) | State::Reversed { .. } => {
                assert_eq!(live, 0, "{self:#?}");
            }
            other => panic!("at rest in {other:?}"),
        }
    }

    /// Every world that can come next.
    pub(crate) fn steps(&self) -> Vec<World> {
        let mut next = Vec::new();
        let mut go = |change: &dyn Fn(&mut World)| {
            let mut world = self.clone();
            change(&mut world);
            next.push(world);
        };
        for n in 0..self.lines.len() {
            self.answers(n, &mut go);
        }
        // With a call on the line, only another node can act, and it holds nothing.
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
                if w.land(call, *sent) && *call == Sent::Approve && w.left.several_nodes {
                    w.late.push(approved());
                }
            });
        }
        for (n, event) in self.late.iter().enumerate() {
            go(&|w| {
                w.late.remove(n);
                w.take_up(event.clone());
            });
            go(&|w| drop(w.late.remove(n)));
        }
        if self.left.crashes > 0 {
            go(&|w| {
                w.left.crashes -= 1;
                w.crash();
            });
        }
        if self.waiting {
            go(&|w| w.waiting = false);
        }
        self.people(&mut go);
        next
    }

    fn todo_elsewhere(&self) -> Todo {
        todo::todo(&self.payment, self.at(), Hands::default(), &self.policy())
    }

    /// The process ends at once. What was on the wire may land all the same.
    fn crash(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        let moving = |line: &Line| line.took.is_none() && !matches!(line.call, Sent::Look(..));
        self.wires.extend(
            lines
                .into_iter()
                .filter(moving)
                .map(|line| (line.call, self.now.min(line.sent + CALL_LIFE))),
        );
        self.waiting = false;
    }

    fn call(&mut self, call: &Call) {
        let call = match call {
            Call::Cancel { mode, .. } => {
                self.append(Event::CancelSent(*mode));
                Sent::Cancel(*mode)
            }
            Call::Inquire { tno: asked } => Sent::Look(call.source(), *asked == tno()),
            Call::LookUp { .. } => Sent::Look(call.source(), true),
        };
        self.lines.push(Line {
            call,
            sent: self.now,
            took: None,
        });
    }

    /// Every way in which a call can end.
    fn answers(&self, n: usize, go: Go<'_>) {
        let Line { call, sent, took } = &self.lines[n];
        let lost = self.left.losses > 0;
        let late = self.now >= sent + CALL_LIFE;
        if took.is_none() && !matches!(call, Sent::Look(..)) && self.left.several_nodes {
            go(&|w| w.lines[n].took = Some(w.land(call, *sent)));
        }
        let mut end = |change: &dyn Fn(&mut World)| {
            go(&|w| {
                w.lines.remove(n);
                change(w);
            });
        };
        if let Sent::Look(source, knows) = call {
            end(&|w| w.hear_look(source, *knows, *sent));
            if lost {
                end(&|w| w.hear_nothing_of_a_look(source, *sent));
            }
            return;
        }
        end(&|w| w.hear(&self.lines[n]));
        if *call == Sent::Approve && took.is_none() {
            end(&|w| w.take_up(Event::Declined(refusal("CC61"))));
        }
        // Past its time a call ends as lost, whether or not the walk has losses left.
        if late {
            end(&|w| {
                if took.is_none() {
                    w.wires.push((call.clone(), w.now.min(sent + CALL_LIFE)));
                }
                w.hear_nothing(call, None, false);
            });
        }
        if !lost || took.is_some() || !self.lives(*sent) {
            return;
        }
        // It never left; KCP refuses it for a reason of its own; it left and is on its way; it landed
        // and the answer is lost; the answer's wreck shows the number; the answer contradicts itself.
        end(&|w| {
            w.left.losses -= 1;
            let why = "refused".to_owned();
            w.take_up(match call {
                Sent::Approve => Event::Voided(VoidReason::NotSent { why }),
                _ => Event::CancelNotSent { why },
            });
        });
        if *call != Sent::Approve {
            end(&|w| {
                w.left.losses -= 1;
                w.take_up(heard::refused(refusal("8012")));
            });
        }
        end(&|w| {
            w.wires.push((call.clone(), w.now.min(sent + CALL_LIFE)));
            w.hear_nothing(call, None, false);
        });
        end(&|w| {
            w.land(call, *sent);
            w.hear_nothing(call, None, false);
        });
        if *call == Sent::Approve {
            for (number, contradicts) in [(tno(), false), (tno(), true), (misread(), false)] {
                end(&|w| {
                    w.land(call, *sent);
                    w.hear_nothing(call, Some(number.clone()), contradicts);
                });
            }
            end(&|w| w.hear_nothing(call, Some(misread()), false));
        }
    }

    fn hear_nothing(&mut self, call: &Sent, tno: Option<Tno>, contradicts: bool) {
        self.left.losses = self.left.losses.saturating_sub(1);
        let why = "lost".to_owned();
        self.take_up(match call {
            Sent::Approve => Event::Lost(Lost {
                why,
                tno,
                contradicts,
            }),
            _ => Event::CancelLost { why },
        });
    }

    fn hear_nothing_of_a_look(&mut self, source: &Source, asked: i64) {
        self.left.losses -= 1;
        let seen = Live::Unclear { why: "lost".into() };
        self.take_up(Event::Looked(Looked {
            seen,
            source: source.clone(),
            asked_at: at(asked),
        }));
    }

    fn hear_look(&mut self, source: &Source, knows: bool, asked: i64) {
        let seen = if knows { self.seen() } else { Live::Absent };
        let event = Event::Looked(Looked {
            seen,
            source: source.clone(),
            asked_at: at(asked),
        });
        self.take_up(event);
    }

    /// The answer arrives, if KCP took the request; it takes it now, if it did not before.
    fn hear(&mut self, Line { call, sent, took }: &Line) {
        if took.is_none() && !self.lives(*sent) {
            return self.hear_nothing(call, None, false);
        }
        let took = took.unwrap_or_else(|| self.land(call, *sent));
        let event = self.answer(call, took);
        self.take_up(event);
    }

    fn seen(&self) -> Live {
        match self.books {
            None => Live::Absent,
            Some(remaining) => Live::Found {
                approval: Box::new(approval()),
                remaining,
            },
        }
    }

    fn answer(&self, call: &Sent, took: bool) -> Event {
        match call {
            Sent::Approve => approved(),
            Sent::Cancel(mode) if took => heard::cancelled(*mode),
            Sent::Cancel(_) if self.books == Some(0) => heard::refused(refusal("8133")),
            Sent::Cancel(Mode::Full) => heard::refused(refusal("8040")),
            Sent::Cancel(_) => heard::refused(refusal("8037")),
            Sent::Look(..) => unreachable!(),
        }
    }

    /// KCP takes a request: whether it changed the books.
    fn land(&mut self, call: &Sent, sent: i64) -> bool {
        if !self.lives(sent) {
            return false;
        }
        let before = self.books;
        self.books = match (call, before) {
            (Sent::Approve, _) => Some(TOTAL),
            (Sent::Cancel(Mode::Full), Some(TOTAL)) => Some(0),
            (Sent::Cancel(Mode::Partial { amount, remaining }), Some(left))
                if left == remaining.get() =>
            {
                Some(left - amount.get())
            }
            (_, books) => books,
        };
        let took = self.books != before;
        self.landed |= took && matches!(call, Sent::Cancel(_));
        took
    }

    fn people(&self, go: Go<'_>) {
        if let State::Approved {
            remaining,
            pending: None,
            ..
        } = self.payment.state
        {
            for amount in (1..=remaining).filter(|_| self.left.cancels > 0) {
                go(&|w| {
                    w.left.cancels -= 1;
                    w.landed = false;
                    w.append(Event::CancelAsked(cancel_order(amount)));
                });
            }
        }
        if let Some(left) = self.books.filter(|left| *left > 0 && self.left.outside > 0) {
            for amount in [1, left] {
                go(&|w| {
                    w.left.outside -= 1;
                    w.outside_used = true;
                    w.books = Some(left - amount);
                });
            }
        }
        if self.left.person == 0 || !self.open_doubt() {
            return;
        }
        for keep in [false, true].into_iter().filter(|_| self.books.is_some()) {
            go(&|w| {
                w.left.person -= 1;
                let source = Source::Person {
                    who: "kim".parse().unwrap(),
                    note: "partner site".into(),
                    keep,
                };
                let (seen, asked_at) = (w.seen(), w.at());
                w.take_up(Event::Looked(Looked {
                    seen,
                    source,
                    asked_at,
                }));
            });
        }
        if self.books.is_none()
            && todo::may_attest_absence(&self.payment, self.at(), &self.policy()).is_ok()
        {
            go(&|w| {
                w.left.person -= 1;
                let note = "not on the partner site".into();
                w.append(Event::Voided(VoidReason::Attested {
                    by: "kim".parse().unwrap(),
                    note,
                }));
            });
        }
    }

    /// The faults stop: every request is answered at once, and a person, where one is needed,
    /// tells what the books show. Rest must come, and with it agreement.
    pub(crate) fn heal(mut self) {
        for line in std::mem::take(&mut self.lines) {
            self.end(&line);
        }
        for (call, sent) in std::mem::take(&mut self.wires) {
            self.land(&call, sent);
        }
        for event in std::mem::take(&mut self.late) {
            self.take_up(event);
        }
        for _ in 0..100 {
            self.check();
            match self.todo() {
                Todo::Record(event) => self.append(event),
                Todo::Wait(until) => self.now = until.as_second() - START,
                Todo::Call(call) => {
                    self.call(&call);
                    let line = self.lines.pop().expect("just called");
                    self.end(&line);
                }
                Todo::Rest if !self.open_doubt() => {
                    assert!(
                        self.outside_used || self.books.unwrap_or(0) == self.kept_amount(),
                        "{self:#?}"
                    );
                    return;
                }
                Todo::Rest => match self.seen() {
                    Live::Absent => {
                        self.now += policy(false).quiet.as_secs();
                        todo::may_attest_absence(&self.payment, self.at(), &self.policy())
                            .expect("quiet by now");
                        let note = "not on the partner site".into();
                        self.append(Event::Voided(VoidReason::Attested {
                            by: "kim".parse().unwrap(),
                            note,
                        }));
                    }
                    seen => {
                        let source = Source::Person {
                            who: "kim".parse().unwrap(),
                            note: "sms".into(),
                            keep: false,
                        };
                        let asked_at = self.at();
                        self.append(Event::Looked(Looked {
                            seen,
                            source,
                            asked_at,
                        }));
                    }
                },
            }
        }
        panic!("no rest: {self:#?}");
    }

    fn end(&mut self, line: &Line) {
        match &line.call {
            Sent::Look(source, knows) => self.hear_look(source, *knows, line.sent),
            _ => self.hear(line),
        }
    }

    fn kept_amount(&self) -> u64 {
        match &self.payment.state {
            State::Approved { remaining, .. } => *remaining,
            _ => 0,
        }
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(START + second).unwrap()
}

fn policy(order_lookup: bool) -> Policy {
    Policy {
        call_life: SignedDuration::from_secs(CALL_LIFE),
        quiet: SignedDuration::from_secs(4),
        order_lookup,
        keep_if_waiting: true,
        ladder: [0, 1, 2].map(SignedDuration::from_secs).into(),
    }
}

fn tno() -> Tno {
    "26000000000001".parse().unwrap()
}

/// A number that KCP never gave.
fn misread() -> Tno {
    "26000000000009".parse().unwrap()
}

fn approval() -> Approval {
    Approval::bare(tno(), Amount::new(TOTAL).unwrap())
}

fn approved() -> Event {
    Event::Approved(Box::new(approval()))
}

fn refusal(code: &str) -> Refusal {
    Refusal {
        code: code.parse().unwrap(),
        message: String::new(),
        trace_no: None,
    }
}

fn cancel_order(amount: u64) -> CancelOrder {
    CancelOrder {
        id: "can_00000000000000000000000000000001".parse().unwrap(),
        amount: Amount::new(amount).unwrap(),
        reason: CancelReason::parse("고객 변심").unwrap(),
        by: "lee".parse().unwrap(),
        all: false,
    }
}

fn request() -> sugi_core::Request {
    let order_no: nhn_kcp::OrderNo = "A-1".parse().unwrap();
    sugi_core::Request {
        shop: "main".parse().unwrap(),
        order: nhn_kcp::Order::new(order_no.clone(), nhn_kcp::Money::won(TOTAL).unwrap()),
        order_no,
        kind: sugi_core::Kind::Unauthenticated,
        card: nhn_kcp::MaskedCard::parse("411111******1111").unwrap(),
        by: "kim".parse().unwrap(),
    }
}

impl World {
    /// Two worlds are one when everything in them that can matter is. How long the journal is cannot.
    /// A hash stands for the world, wide enough that no two of some millions share one.
    pub(crate) fn fingerprint(&self) -> u128 {
        let half = |salt: u64| {
            let mut hash = DefaultHasher::new();
            (
                salt,
                &self.payment.state,
                self.now,
                &self.lines,
                &self.wires,
                self.books,
            )
                .hash(&mut hash);
            (
                self.waiting,
                self.approvals_sent,
                self.outside_used,
                self.landed,
                self.left,
            )
                .hash(&mut hash);
            self.late
                .iter()
                .for_each(|event| event.name().hash(&mut hash));
            u128::from(hash.finish())
        };
        half(0) << 64 | half(1)
    }
}
