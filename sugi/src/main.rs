//! `sugi`: key-in card payments for NHN KCP merchants that never lose track of money.

mod card_input;
mod checkpoint;
mod cli;
mod config;
mod control;
mod day;
mod harden;
mod ledger_location;
mod log;
mod password_input;
mod print;
mod retention;
mod scan;
#[cfg_attr(not(feature = "otel"), path = "traces_off.rs")]
mod traces;
mod unix_user;
mod view;

use std::process::ExitCode;

/// A payment is made on one thread, written on another and answered on a third. The usual allocator
/// makes threads wait for each other when they give back what others took.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
