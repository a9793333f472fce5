//! `sugi`: key-in card payments for NHN KCP merchants that never lose track of money.

mod card_input;
mod cli;
mod config;
mod harden;
mod house;
mod password_input;
mod print;
mod scan;
mod unix_user;
mod view;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
