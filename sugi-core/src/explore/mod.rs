//! The core walked whole: every interleaving of loss, delay, crash, clock and people that a small
//! world can hold, on one node and on several, with and without order look-up.
//!
//! A world is a payment, the books at KCP, the messages that are still on their way there, the
//! answers that are still on their way back, and a clock. From each world every possible next step
//! is tried. In each world the promises are checked; and from each world, once the faults stop, rest
//! must be reached and the ledger must equal the books.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test"
)]

mod gateway;
mod mutations;
mod outside;
mod people;
mod samples;
mod world;

use std::collections::HashSet;

use world::{Inquiries, Setting, World};

/// Walks everything that can be reached and returns how many different worlds that were.
fn walk(setting: Setting) -> usize {
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
    println!("{} worlds", seen.len());
    seen.len()
}

const CALM: Setting = Setting {
    several_nodes: false,
    order_lookup: false,
    mixed_tax: false,
    losses: 0,
    crashes: 0,
    delays: 0,
    cancels: 0,
    standing: false,
    outside: 0,
    person: 0,
    set: 0,
    ahead: 0,
    reboots: false,
    wrong: 0,
    inquiries: Inquiries::Work,
    strangers: false,
    changes: 0,
};

#[test]
fn a_sale_with_every_loss_and_crash_and_order_lookup() {
    let worlds = walk(Setting {
        order_lookup: true,
        losses: 2,
        crashes: 2,
        ..CALM
    });
    assert!(
        worlds > 1_000,
        "{worlds} worlds: the walk has lost its legs"
    );
}

#[test]
fn a_sale_on_several_nodes_with_order_lookup() {
    let worlds = walk(Setting {
        several_nodes: true,
        order_lookup: true,
        losses: 1,
        ..CALM
    });
    assert!(worlds > 1_000, "{worlds} worlds");
}

#[test]
fn a_sale_without_order_lookup_is_closed_by_a_person() {
    let worlds = walk(Setting {
        losses: 2,
        crashes: 1,
        person: 2,
        ..CALM
    });
    assert!(worlds > 1_000, "{worlds} worlds");
}

#[test]
fn a_person_and_several_nodes() {
    let worlds = walk(Setting {
        several_nodes: true,
        losses: 1,
        person: 1,
        ..CALM
    });
    assert!(worlds > 1_000, "{worlds} worlds");
}

#[test]
fn cancels_in_parts_with_losses_and_crashes() {
    let worlds = walk(Setting {
        losses: 1,
        crashes: 1,
        cancels: 2,
        ..CALM
    });
    assert!(worlds > 1_000, "{worlds} worlds");
}

#[test]
fn one_cancel_with_many_losses() {
    let worlds = walk(Setting {
        losses: 3,
        crashes: 0,
        cancels: 1,
        ..CALM
    });
    assert!(worlds > 1_000, "{worlds} worlds");
}

#[test]
fn cancels_on_several_nodes() {
    let worlds = walk(Setting {
        several_nodes: true,
        losses: 1,
        cancels: 1,
        ..CALM
    });
    assert!(worlds > 1_000, "{worlds} worlds");
}

#[test]
fn answers_of_a_node_that_is_held_up_across_two_cancels() {
    let worlds = walk(Setting {
        several_nodes: true,
        losses: 1,
        delays: 1,
        cancels: 2,
        standing: true,
        ..CALM
    });
    assert!(worlds > 1_000, "{worlds} worlds");
}

#[test]
fn cancels_while_somebody_else_cancels_at_kcp() {
    let worlds = walk(Setting {
        losses: 2,
        crashes: 0,
        cancels: 1,
        outside: 1,
        ..CALM
    });
    assert!(worlds > 1_000, "{worlds} worlds");
}

#[test]
fn a_reversal_while_somebody_else_cancels_at_kcp() {
    let worlds = walk(Setting {
        order_lookup: true,
        losses: 2,
        crashes: 1,
        outside: 1,
        ..CALM
    });
    assert!(worlds > 1_000, "{worlds} worlds");
}

#[test]
fn cancels_of_a_sale_that_is_split_for_tax() {
    let worlds = walk(Setting {
        mixed_tax: true,
        losses: 1,
        crashes: 1,
        cancels: 2,
        ..CALM
    });
    assert!(worlds > 1_000, "{worlds} worlds");
}

#[test]
fn cancels_of_a_split_sale_while_somebody_else_cancels_at_kcp() {
    let worlds = walk(Setting {
        mixed_tax: true,
        cancels: 2,
        outside: 1,
        ..CALM
    });
    assert!(worlds > 1_000, "{worlds} worlds");
}

/// A calendar that is so far ahead at first and is set once, at any moment.
fn a_sale_while_the_calendar_is_set_and_the_machine_starts_anew(ahead: i64) {
    let worlds = walk(Setting {
        order_lookup: true,
        losses: 1,
        crashes: 1,
        set: 1,
        ahead,
        reboots: true,
        ..CALM
    });
    assert!(worlds > 1_000, "{worlds} worlds");
}

#[test]
fn a_right_calendar_is_set_and_the_machine_starts_anew() {
    a_sale_while_the_calendar_is_set_and_the_machine_starts_anew(0);
}

#[test]
fn a_calendar_that_is_ahead_is_set_and_the_machine_starts_anew() {
    a_sale_while_the_calendar_is_set_and_the_machine_starts_anew(100_000);
}

#[test]
fn a_calendar_that_is_behind_is_set_and_the_machine_starts_anew() {
    a_sale_while_the_calendar_is_set_and_the_machine_starts_anew(-100_000);
}

/// Cancels of a sale that stands, with inquiries that fail: until the faults stop, or for ever.
const BLIND: Setting = Setting {
    losses: 2,
    cancels: 1,
    standing: true,
    inquiries: Inquiries::FailForEver,
    ..CALM
};

#[test]
fn a_cancel_whose_inquiries_fail_for_ever() {
    walk(BLIND);
    walk(Setting {
        several_nodes: true,
        person: 1,
        ..BLIND
    });
}

#[test]
fn a_reversal_whose_inquiries_fail() {
    let worlds = walk(Setting {
        order_lookup: true,
        losses: 3,
        inquiries: Inquiries::Fail,
        ..CALM
    });
    assert!(worlds > 1_000, "{worlds} worlds");
}

#[test]
fn a_person_who_is_wrong_about_a_cancel() {
    walk(Setting {
        wrong: 1,
        inquiries: Inquiries::Fail,
        ..BLIND
    });
}

#[test]
fn order_numbers_that_others_use_as_well() {
    let worlds = walk(Setting {
        strangers: true,
        order_lookup: true,
        losses: 2,
        crashes: 1,
        person: 1,
        ..CALM
    });
    assert!(worlds > 1_000, "{worlds} worlds");
}

#[test]
fn a_configuration_that_changes_under_an_open_payment() {
    let worlds = walk(Setting {
        changes: 2,
        losses: 1,
        crashes: 1,
        ..CALM
    });
    assert!(worlds > 1_000, "{worlds} worlds");
}

#[test]
fn all_that_is_left_while_somebody_gives_a_part_back_at_kcp() {
    walk(Setting {
        losses: 1,
        cancels: 1,
        outside: 1,
        ..CALM
    });
}
