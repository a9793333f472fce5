//! Payments that are due and could not be taken up: tried again with back-off, and counted.
//!
//! A read may fail once, and a shop may be missing until it is configured again. Neither may park a
//! payment until the next start, and neither may be asked about twice a second for ever.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use sugi_core::PaymentId;

/// The first pause; it doubles with each try.
const PAUSE: SignedDuration = SignedDuration::from_millis(500);
/// The longest pause.
const PAUSE_MOST: SignedDuration = SignedDuration::from_mins(1);
/// What was not seen to be due for so long is not stuck here any more: another node took it up.
const FORGOTTEN: SignedDuration = SignedDuration::from_mins(5);

/// What could not be taken up.
#[derive(Debug, Default)]
pub(crate) struct Stuck(HashMap<PaymentId, Failed>);

#[derive(Debug, Clone, Copy)]
struct Failed {
    pause: SignedDuration,
    again_at: Timestamp,
}

impl Stuck {
    /// Whether it is time to try this payment.
    pub(crate) fn may_try(&self, id: &PaymentId, now: Timestamp) -> bool {
        self.0.get(id).is_none_or(|failed| now >= failed.again_at)
    }

    /// A payment was tried.
    pub(crate) fn tried(&mut self, id: PaymentId, taken_up: bool, now: Timestamp) {
        if taken_up {
            self.0.remove(&id);
            return;
        }
        let before = self.0.get(&id);
        let pause = before.map_or(PAUSE, |failed| (failed.pause * 2).min(PAUSE_MOST));
        let again_at = now + pause;
        self.0.insert(id, Failed { pause, again_at });
    }

    /// Tries everything again at once: what stood in the way may be gone.
    pub(crate) fn try_all_again(&mut self) {
        self.0.clear();
    }

    /// Forgets what has not come up for a long time.
    pub(crate) fn forget_old(&mut self, now: Timestamp) {
        self.0
            .retain(|_, failed| now.duration_since(failed.again_at) < FORGOTTEN);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_again_ever_more_seldom_and_at_once_after_a_change() {
        let id: PaymentId = format!("pay_{:032x}", 1).parse().unwrap();
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let mut stuck = Stuck::default();
        let (mut now, mut pauses) = (start, Vec::new());
        for _ in 0..9 {
            assert!(stuck.may_try(&id, now));
            stuck.tried(id.clone(), false, now);
            assert!(!stuck.may_try(&id, now));
            let pause = stuck.0[&id].again_at.duration_since(now);
            pauses.push(pause.as_millis());
            now += pause;
        }
        assert_eq!(
            pauses,
            [
                500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000
            ]
        );
        stuck.tried(id.clone(), false, now);
        stuck.try_all_again();
        assert!(stuck.may_try(&id, now));
        stuck.tried(id.clone(), false, now);
        assert_eq!(stuck.len(), 1);
        stuck.tried(id, true, now);
        assert_eq!(stuck.len(), 0);
    }
}
