//! Faults drawn by a seed: the same seed and the same orders meet the same faults.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::fault::{CutAt, Fault, FaultKind};
use crate::gateway::Operation;

/// Attempts are counted for so many keys; beyond that, all further ones share a count.
const MAX_KEYS: usize = 1_000_000;

/// Counts the attempts of each order, which is what tells one draw from the next.
#[derive(Default)]
pub(crate) struct Draws {
    attempts: Mutex<HashMap<u64, u32>>,
}

impl Draws {
    /// The fault that this attempt at `key` meets, if it meets one.
    pub(crate) fn draw(
        &self,
        seed: u64,
        probability: f64,
        on: Operation,
        key: &str,
    ) -> Option<Fault> {
        let salt = match on {
            Operation::Approve => 1,
            Operation::Cancel => 2,
            Operation::Inquire => 3,
        };
        let key = key
            .bytes()
            .fold(mix(seed ^ salt), |hash, byte| mix(hash ^ u64::from(byte)));
        let attempt = {
            let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
            let slot = if attempts.len() < MAX_KEYS { key } else { 0 };
            let count = attempts.entry(slot).or_insert(0);
            *count += 1;
            *count
        };
        let draw = mix(key ^ u64::from(attempt) << 32);
        // 53 bits make every double in 0..1 reachable.
        #[allow(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
        let share = (draw >> 11) as f64 / (1_u64 << 53) as f64;
        (share < probability).then(|| Fault::new(kind(mix(draw))).on(on))
    }

    pub(crate) fn clear(&self) {
        self.attempts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

fn kind(draw: u64) -> FaultKind {
    let small = draw >> 16 & 0xff;
    match draw % 17 {
        0 | 1 => FaultKind::LoseRequest,
        2 | 3 => FaultKind::LoseAnswer,
        4 => FaultKind::CutBody {
            at: CutAt::AfterTno,
        },
        5 => FaultKind::CutBody {
            at: CutAt::Byte(usize::try_from(small).unwrap_or(0)),
        },
        6 => FaultKind::Garbage,
        7 => FaultKind::WrongAmount {
            amount: None,
            books_too: false,
        },
        8 => FaultKind::NoTno,
        9 => FaultKind::LateAnswer {
            delay_ms: small,
            books_delay_ms: small / 2,
        },
        10 => FaultKind::DuplicateAnswer,
        11 => FaultKind::Http500 { status: 500 },
        12 => FaultKind::Reset,
        13 => FaultKind::EucKr,
        14 => FaultKind::CutLetter { field: None },
        15 => FaultKind::RawLineEnd { field: None },
        _ => FaultKind::SlowDrip { interval_ms: 0 },
    }
}

/// The finaliser of SplitMix64: every bit of the input moves every bit of the output.
pub(crate) fn mix(mut n: u64) -> u64 {
    n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ n >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seed: u64, orders: impl Iterator<Item = u32>) -> Vec<(u32, Option<Fault>)> {
        let draws = Draws::default();
        let mut met: Vec<_> = orders
            .map(|n| {
                (
                    n,
                    draws.draw(seed, 0.3, Operation::Approve, &format!("A-{n}")),
                )
            })
            .collect();
        met.sort_by_key(|(n, _)| *n);
        met
    }

    #[test]
    fn a_seed_meets_the_same_faults_in_any_order_of_arrival() {
        assert_eq!(run(7, 0..500), run(7, (0..500).rev()));
        assert_ne!(run(7, 0..500), run(8, 0..500));
        let met = run(7, 0..500)
            .iter()
            .filter(|(_, fault)| fault.is_some())
            .count();
        assert!((100..200).contains(&met), "{met} of 500 at 0.3");
    }

    #[test]
    fn every_kind_comes_up_and_a_repeated_request_is_drawn_anew() {
        let draws = Draws::default();
        let mut names: Vec<_> = (0..2_000)
            .filter_map(|_| draws.draw(1, 1.0, Operation::Cancel, "A-1"))
            .map(|fault| fault.kind.name())
            .collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 14, "every fault of the contract: {names:?}");
    }
}
