//! Each rule is taken away once, and the walk is seen to notice.

use std::{
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{
    BLIND, CALM,
    world::{Inquiries, Setting, World},
};
use crate::mutation::{self, Mutation};

/// Two cancels of a sale that stands, and a node that is held up between them.
const HELD_UP: Setting = Setting {
    several_nodes: true,
    losses: 1,
    delays: 1,
    cancels: 2,
    standing: true,
    ..CALM
};

/// A sale, with so many losses and with look-ups by order.
const fn looked_up(losses: u8) -> Setting {
    Setting {
        order_lookup: true,
        losses,
        ..CALM
    }
}

/// The world in which a broken rule shows.
fn shows_in(mutation: Mutation) -> Setting {
    use Mutation as M;
    match mutation {
        M::AnswerToAnySendEnds | M::LateAnswerDropped => HELD_UP,
        M::AbsenceProvedEarly => looked_up(1),
        M::LostReversalIsDone => looked_up(2),
        M::AbsenceAttestedEarly => Setting {
            losses: 1,
            person: 1,
            ..CALM
        },
        M::GivenUpWhileAwaited => Setting {
            several_nodes: true,
            ..CALM
        },
        M::CancelFailedEarly => Setting {
            losses: 2,
            cancels: 1,
            outside: 1,
            ..CALM
        },
        M::ForeignNumberCounts => Setting {
            strangers: true,
            losses: 1,
            ..CALM
        },
        M::NeverSentAgain => BLIND,
        M::StatementNotChecked => Setting {
            wrong: 1,
            inquiries: Inquiries::Fail,
            ..BLIND
        },
        M::FailureNotTold => Setting {
            losses: 1,
            cancels: 1,
            standing: true,
            ..CALM
        },
        M::RestNotAdjusted => Setting {
            cancels: 1,
            outside: 1,
            ..CALM
        },
    }
}

/// Whether the walk stumbles in this world.
fn finds_something(setting: Setting) -> bool {
    let found = catch_unwind(AssertUnwindSafe(|| {
        let mut seen = HashSet::new();
        let mut open = vec![World::new(setting)];
        while let Some(world) = open.pop() {
            world.check();
            world.clone().heal();
            for next in world.steps() {
                if seen.insert(next.fingerprint()) {
                    open.push(next);
                }
            }
        }
    }));
    found.is_err()
}

#[test]
fn each_broken_rule_is_found() {
    let missed: Vec<_> = Mutation::ALL
        .into_iter()
        .filter(|mutation| {
            mutation::set(Some(*mutation));
            let found = finds_something(shows_in(*mutation));
            mutation::set(None);
            !found
        })
        .collect();
    assert!(missed.is_empty(), "the walk does not see {missed:?}");
}
