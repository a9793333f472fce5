//! What follows once faults stop: rest, and a ledger that equals the books.

use super::*;

impl World {
    /// The faults stop: every request is answered at once, and a person, where one is needed,
    /// tells what the books show. Rest must come, and with it agreement.
    pub(in crate::explore) fn heal(mut self) {
        if self.left.inquiries == Inquiries::Fail {
            self.left.inquiries = Inquiries::Work;
        }
        for line in std::mem::take(&mut self.lines) {
            self.end(&line);
        }
        for (call, sent) in std::mem::take(&mut self.wires) {
            self.land(&call, sent);
        }
        for event in std::mem::take(&mut self.late) {
            self.record_answer(event);
        }
        for n in 0..100 {
            self.check();
            // First it is tried by itself: only what that does not settle is for a person.
            // Even while look-ups go on showing a stranger's, a person may close the doubt.
            let asks = matches!(self.todo(), Todo::Wait(_) | Todo::Call(_));
            if n > 40 && self.left.strangers && self.open_doubt() && asks {
                self.closed_by_a_person();
                continue;
            }
            if n > 40 && self.left.inquiries == Inquiries::FailForEver && self.attests() {
                continue;
            }
            // Not before KCP has denied the number that it had given, if it had given one.
            let patient = ProcessContext {
                watched: policy(false).uncertainty_window,
                ..self.process_context()
            };
            let may_attest =
                todo::may_attest_absence(&self.payment, self.at(), patient, &self.policy()).is_ok();
            let held_open = todo::clock_doubt(&self.payment, &self.policy()).is_some()
                && (self.books.is_some() || may_attest);
            let todo = match self.todo() {
                // No look closes what the clock keeps open: a person does.
                Todo::Call(Call::LookUp { .. }) | Todo::Wait(_) if held_open => Todo::Rest,
                todo => todo,
            };
            match todo {
                Todo::Record(event) => self.append(event),
                Todo::Wait(until) if !self.only_inquiries() => {
                    self.now = self.now.max(until.as_second() - START - self.calendar);
                }
                Todo::Call(call) if !self.only_inquiries() => {
                    self.call(&call);
                    let line = self.lines.pop().expect("just called");
                    self.end(&line);
                }
                // Only inquiries are still owed, and they fail for ever.
                Todo::Wait(_) | Todo::Call(_) => return self.agrees(),
                Todo::Rest if !self.open_doubt() => {
                    assert!(
                        self.outside_used || self.books.unwrap_or(0) == self.kept_amount(),
                        "{self:#?}"
                    );
                    return;
                }
                Todo::Rest => self.closed_by_a_person(),
            }
        }
        panic!("no rest: {self:#?}");
    }

    /// A person who knows what the books show closes the doubt.
    fn closed_by_a_person(&mut self) {
        match self.seen() {
            Live::Absent => {
                // This process itself has watched it for so long.
                let watched = policy(false).uncertainty_window;
                self.now += watched.as_secs();
                let process_context = ProcessContext {
                    watched,
                    ..self.process_context()
                };
                todo::may_attest_absence(&self.payment, self.at(), process_context, &self.policy())
                    .expect("quiet by now");
                let note = "not on the partner site".into();
                self.append(Event::Voided(VoidReason::Attested {
                    by: "kim".parse().unwrap(),
                    note,
                    id: None,
                }));
            }
            seen => {
                let source = Source::Person {
                    who: "kim".parse().unwrap(),
                    note: "sms".into(),
                    keep: false,
                    id: None,
                };
                let asked_at = self.at();
                self.append(Event::Inquired(Inquired {
                    seen,
                    source,
                    asked_at,
                }));
            }
        }
    }

    /// Nothing is left to do but to ask KCP, and inquiries fail for ever.
    fn only_inquiries(&self) -> bool {
        let cancelling = match &self.payment.state {
            State::Approved { pending, .. } => pending.is_some(),
            State::Reversing { .. } => true,
            _ => false,
        };
        self.left.inquiries == Inquiries::FailForEver && !cancelling
    }

    /// A person states what is left, where they may.
    fn attests(&mut self) -> bool {
        let (at, process_context) = (self.at(), self.process_context());
        let may =
            todo::may_attest_remaining(&self.payment, at, process_context, &self.policy()).is_ok();
        if may {
            let refused = self
                .payment
                .state
                .cancel_attempt()
                .is_some_and(|cancel_attempt| cancel_attempt.refusal.is_some());
            assert!(
                refused || self.payment.sends.len() > 1,
                "left to a person before it was tried again: {self:#?}"
            );
            self.states(self.books.unwrap_or(0));
        }
        may
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
