//! The circuit breaker: when KCP stops answering, new sales stop too.
//!
//! Every lost answer is a card that may have been charged and a person on the phone who cannot be
//! told. So when too many answers of a shop are lost in a short time, new approvals are refused with
//! a clear word; after a pause one is let through as a probe, and an answer to it opens the way.

use jiff::{SignedDuration, Timestamp};

/// When a shop's circuit breaker holds, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircuitBreakerRule {
    /// It holds once so many answers were lost, and no more came …
    pub losses: usize,
    /// … within this time.
    pub within: SignedDuration,
    /// How long it holds before a probe is let through.
    pub pause: SignedDuration,
}

impl Default for CircuitBreakerRule {
    /// Five lost answers in a minute; a probe every 30 seconds.
    fn default() -> Self {
        let seconds = SignedDuration::from_secs;
        Self {
            losses: 5,
            within: seconds(60),
            pause: seconds(30),
        }
    }
}

/// One shop's circuit breaker.
#[derive(Debug, Default)]
pub(crate) struct CircuitBreaker {
    lost_at: Vec<Timestamp>,
    /// Answers that came since the first of those losses.
    answered: usize,
    holds_until: Option<Timestamp>,
}

impl CircuitBreaker {
    /// Whether a sale may go out now; otherwise when to ask again. A sale that is let through a
    /// circuit breaker that holds is the probe: the next one has to wait for another pause.
    pub(crate) fn pass(
        &mut self,
        now: Timestamp,
        rule: &CircuitBreakerRule,
    ) -> Result<(), Timestamp> {
        match self.holds_until {
            Some(until) if now < until => Err(until),
            Some(_) => {
                self.holds_until = Some(now + rule.pause);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The sale that was let through did not go out: the next one may be the probe.
    pub(crate) fn hand_back(&mut self) {
        if self.holds_until.is_some() {
            self.holds_until = Some(Timestamp::MIN);
        }
    }

    /// An answer came, no matter what it said. To a circuit breaker that holds it opens the way.
    pub(crate) fn answered(&mut self) {
        self.answered = self.answered.saturating_add(1);
        if self.holds_until.is_some() {
            *self = Self::default();
        }
    }

    /// An answer was lost. Whether that made the circuit breaker hold.
    pub(crate) fn lost(&mut self, now: Timestamp, rule: &CircuitBreakerRule) -> bool {
        self.lost_at
            .retain(|at| now.duration_since(*at) < rule.within);
        if self.lost_at.is_empty() {
            self.answered = 0;
        }
        self.lost_at.push(now);
        let few = self.lost_at.len() < rule.losses || self.lost_at.len() < self.answered;
        if self.holds_until.is_none() && few {
            return false;
        }
        // While it holds, the count has done its work.
        self.lost_at.truncate(rule.losses);
        self.holds_until.replace(now + rule.pause).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn rule() -> CircuitBreakerRule {
        CircuitBreakerRule {
            losses: 3,
            within: SignedDuration::from_secs(10),
            pause: SignedDuration::from_secs(5),
        }
    }

    #[test]
    fn it_holds_after_too_many_losses_and_an_answer_to_the_probe_opens_it() {
        let mut circuit_breaker = CircuitBreaker::default();
        assert!(!circuit_breaker.lost(at(0), &rule()) && !circuit_breaker.lost(at(1), &rule()));
        assert_eq!(circuit_breaker.pass(at(1), &rule()), Ok(()));
        assert!(circuit_breaker.lost(at(2), &rule()));
        assert_eq!(circuit_breaker.pass(at(3), &rule()), Err(at(7)));
        assert_eq!(circuit_breaker.pass(at(7), &rule()), Ok(()), "the probe");
        assert_eq!(
            circuit_breaker.pass(at(7), &rule()),
            Err(at(12)),
            "one at a time"
        );
        assert!(!circuit_breaker.lost(at(8), &rule()), "it held already");
        assert_eq!(circuit_breaker.pass(at(12), &rule()), Err(at(13)));
        circuit_breaker.answered();
        assert_eq!(circuit_breaker.pass(at(12), &rule()), Ok(()));
    }

    #[test]
    fn a_few_losses_among_many_answers_do_not_stop_a_busy_shop() {
        let mut circuit_breaker = CircuitBreaker::default();
        for second in 0..8 {
            assert!(!circuit_breaker.lost(at(second), &rule()));
            (0..10).for_each(|_| circuit_breaker.answered());
        }
        assert_eq!(circuit_breaker.pass(at(8), &rule()), Ok(()));
    }

    #[test]
    fn losses_that_are_far_apart_do_not_count_together() {
        let mut circuit_breaker = CircuitBreaker::default();
        for second in [0, 11, 22, 33] {
            assert!(!circuit_breaker.lost(at(second), &rule()));
        }
        assert_eq!(circuit_breaker.pass(at(33), &rule()), Ok(()));
    }
}
