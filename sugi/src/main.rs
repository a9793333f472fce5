//! `sugi`: key-in card payments for NHN KCP merchants that never lose track of money.

mod card_input;
mod cli;
mod config;
mod harden;
mod house;
mod print;
mod scan;
mod view;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
