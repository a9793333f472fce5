//! KCP and the way to it: how calls go out, land, and end.

use nhn_kcp::{TaxParts, Tno};
use sugi_core::{Event, Inquired, Live, Lost, Mode, Source, VoidReason, decode, todo::Call};

use super::{
    samples::{approval, approved, at, misread, refusal, tno},
    world::{CALL_LIFE, Go, Inquiries, Line, Sent, TOTAL, World},
};

impl World {
    /// The process ends at once. What was on the wire may land all the same.
    pub(super) fn crash(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        let moving = |line: &Line| line.took.is_none() && !matches!(line.call, Sent::Look(..));
        self.wires.extend(
            lines
                .into_iter()
                .filter(moving)
                .map(|line| (line.call, self.now.min(line.sent + CALL_LIFE))),
        );
        self.waiting = false;
        if self.left.reboots {
            self.booted = self.now;
        }
    }

    pub(super) fn call(&mut self, call: &Call) {
        let call = match call {
            Call::Cancel {
                send,
                mode,
                tno: of,
                ..
            } => {
                assert_eq!(*of, tno(), "a cancel of what is not ours: {self:#?}");
                let (send, mode) = (*send, *mode);
                self.append(Event::CancelSent { send, mode });
                Sent::Cancel(send, mode)
            }
            Call::Inquire { tno: asked } => Sent::Look(call.source(), *asked == tno()),
            // KCP books it on the true day, and knows it on no other.
            Call::LookUp { day, .. } => {
                Sent::Look(call.source(), *day == nhn_kcp::korean_date(at(0).at))
            }
        };
        self.lines.push(Line {
            call,
            sent: self.now,
            took: None,
        });
    }

    /// Every way in which a call can end.
    pub(super) fn answers(&self, n: usize, go: Go<'_>) {
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
        if let Sent::Look(source, _) = call
            && self.left.inquiries != Inquiries::Work
        {
            end(&|w| w.hear_nothing_of_a_look(source, *sent));
            return;
        }
        if let Sent::Look(source, knows) = call {
            end(&|w| w.hear_look(source, *knows, *sent));
            if lost {
                end(&|w| w.hear_nothing_of_a_look(source, *sent));
            }
            return;
        }
        end(&|w| w.hear(&self.lines[n]));
        // The node that made the call heard the answer, and is held up before it can write it down.
        if self.left.delays > 0 && took.is_some() {
            end(&|w| {
                w.left.delays -= 1;
                let answer = w.answer(call, *took == Some(true));
                w.late.push(answer);
            });
        }
        if *call == Sent::Approve && took.is_none() {
            end(&|w| w.record_answer(Event::Declined(refusal("CC61"))));
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
        // and the answer is lost; the answer's truncated response shows the number; the answer contradicts itself.
        end(&|w| {
            w.left.losses -= 1;
            let why = "refused".to_owned();
            w.record_answer(match call {
                Sent::Approve => Event::Voided(VoidReason::NotSent { why }),
                Sent::Cancel(send, _) => Event::CancelNotSent { send: *send, why },
                Sent::Look(..) => unreachable!(),
            });
        });
        if let Sent::Cancel(send, mode) = call {
            let refused = || decode::refused(*send, *mode, refusal("8012"));
            end(&|w| {
                w.left.losses -= 1;
                w.record_answer(refused());
            });
            // For its state, which KCP's books have to bear out. One node walks it as well as two.
            if !self.left.several_nodes {
                end(&|w| {
                    w.left.losses -= 1;
                    w.record_answer(decode::refused(*send, *mode, refusal("8134")));
                });
            }
            if self.left.delays > 0 {
                end(&|w| {
                    w.left.losses -= 1;
                    w.left.delays -= 1;
                    w.late.push(refused());
                });
            }
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

    pub(super) fn hear_nothing(&mut self, call: &Sent, tno: Option<Tno>, contradicts: bool) {
        self.left.losses = self.left.losses.saturating_sub(1);
        let why = "lost".to_owned();
        self.record_answer(match call {
            Sent::Approve => Event::Lost(Lost {
                why,
                tno,
                contradicts,
            }),
            Sent::Cancel(send, _) => Event::CancelLost { send: *send, why },
            Sent::Look(..) => unreachable!(),
        });
    }

    pub(super) fn hear_nothing_of_a_look(&mut self, source: &Source, asked: i64) {
        self.left.losses = self.left.losses.saturating_sub(1);
        let seen = Live::Unclear { why: "lost".into() };
        self.record_answer(Event::Inquired(Inquired {
            seen,
            source: source.clone(),
            asked_at: self.when(asked),
        }));
    }

    pub(super) fn hear_look(&mut self, source: &Source, knows: bool, asked: i64) {
        let why = || "a stranger's".to_owned();
        let seen = match source {
            _ if self.left.inquiries != Inquiries::Work => Live::Unclear { why: why() },
            Source::OrderLookup { .. } if self.left.strangers => Live::Unclear { why: why() },
            _ if knows => self.seen(),
            _ if self.left.strangers => Live::Foreign { why: why() },
            _ => Live::Absent,
        };
        let event = Event::Inquired(Inquired {
            seen,
            source: source.clone(),
            asked_at: self.when(asked),
        });
        self.record_answer(event);
    }

    /// The answer arrives, if KCP took the request; it takes it now, if it did not before.
    pub(super) fn hear(&mut self, Line { call, sent, took }: &Line) {
        if took.is_none() && !self.lives(*sent) {
            return self.hear_nothing(call, None, false);
        }
        let took = took.unwrap_or_else(|| self.land(call, *sent));
        let event = self.answer(call, took);
        self.record_answer(event);
    }

    pub(super) fn seen(&self) -> Live {
        match self.books {
            None => Live::Absent,
            Some(remaining) => Live::Found {
                approval: Box::new(approval()),
                remaining,
            },
        }
    }

    pub(super) fn answer(&self, call: &Sent, took: bool) -> Event {
        match call {
            Sent::Approve => approved(),
            Sent::Cancel(send, mode) if took => decode::cancelled(*send, *mode),
            Sent::Cancel(send, mode) if self.books == Some(0) => {
                decode::refused(*send, *mode, refusal("8133"))
            }
            Sent::Cancel(send, Mode::Full) => decode::refused(*send, Mode::Full, refusal("8040")),
            Sent::Cancel(send, mode @ Mode::Partial { remaining, .. })
                if self.books == Some(remaining.get()) =>
            {
                assert!(
                    self.outside_used,
                    "KCP does not take these parts: {call:?} {self:#?}"
                );
                decode::refused(*send, *mode, refusal("8098"))
            }
            Sent::Cancel(send, mode) => decode::refused(*send, *mode, refusal("8037")),
            Sent::Look(..) => unreachable!(),
        }
    }

    /// KCP takes a request: whether it changed the books.
    pub(super) fn land(&mut self, call: &Sent, sent: i64) -> bool {
        if !self.lives(sent) {
            return false;
        }
        let before = self.books;
        self.books = match (call, before) {
            (Sent::Approve, _) => Some(TOTAL),
            (Sent::Cancel(_, Mode::Full), Some(TOTAL)) => {
                self.books_tax = NOTHING;
                Some(0)
            }
            (
                Sent::Cancel(
                    _,
                    Mode::Partial {
                        amount,
                        remaining,
                        tax,
                    },
                ),
                Some(left),
            ) if left == remaining.get() => match self.parts_after(*tax) {
                Some(rest) => {
                    self.books_tax = rest;
                    Some(left - amount.get())
                }
                None => before,
            },
            (_, books) => books,
        };
        let took = self.books != before;
        self.landed |= took && matches!(call, Sent::Cancel(..));
        took
    }
    /// What is left of each part after a partial cancel, if KCP takes its parts.
    fn parts_after(&self, tax: Option<TaxParts>) -> Option<TaxParts> {
        if self.left.mixed_tax {
            self.books_tax.checked_sub(tax?)
        } else {
            tax.is_none().then_some(self.books_tax)
        }
    }
}

const NOTHING: TaxParts = TaxParts {
    supply: 0,
    vat: 0,
    free: 0,
};
