//! What tells two worlds apart, so that each is walked once.

use super::*;

impl World {
    /// Two worlds are one when everything in them that can matter is. How long the journal is cannot.
    /// A hash stands for the world, wide enough that no two of some millions share one.
    pub(in crate::explore) fn fingerprint(&self) -> u128 {
        let half = |salt: u64| {
            let mut hash = DefaultHasher::new();
            (
                salt,
                &self.payment.state,
                &self.payment.reviews,
                (self.now, self.calendar, self.booted),
                self.books,
                self.books_tax,
            )
                .hash(&mut hash);
            (
                self.waiting,
                self.approvals_sent,
                self.outside_used,
                (self.misled, self.closed),
                self.landed,
                self.left,
            )
                .hash(&mut hash);
            self.hash_sends(&mut hash);
            u128::from(hash.finish())
        };
        half(0) << 64 | half(1)
    }

    /// How many sends there were cannot matter: only how far back those are that something may still be
    /// heard of, and what was heard of them already.
    fn hash_sends(&self, hash: &mut impl Hasher) {
        let newest = self.payment.newest_send().0;
        let past = |send: SendNo| (newest - send.0, self.payment.send(send));
        let call = |call: &Sent, hash: &mut _| match call {
            Sent::Cancel(send, mode) => (past(*send), mode).hash(hash),
            other => other.hash(hash),
        };
        for line in &self.lines {
            call(&line.call, hash);
            (line.sent, line.took).hash(hash);
        }
        for (sent, at) in &self.wires {
            call(sent, hash);
            at.hash(hash);
        }
        for event in &self.late {
            (event.name(), event.answers().map(past)).hash(hash);
            if let Event::CancelDone { remaining, .. } = event {
                remaining.hash(hash);
            }
        }
        let unsettled = |send: &&sugi_core::Send| send.heard == Some(sugi_core::AnswerSoFar::Done);
        let done: Vec<_> = self
            .payment
            .sends
            .iter()
            .filter(unsettled)
            .map(|send| &send.cancel)
            .collect();
        if let State::Approved {
            refused: Some(refused),
            ..
        } = &self.payment.state
        {
            done.contains(&&Some(refused.0.id.clone())).hash(hash);
        }
    }
}
