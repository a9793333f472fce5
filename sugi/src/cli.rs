//! The command line: data on stdout, talk on stderr, exit 0 when it went as asked.

mod audit;
pub(crate) mod audit_entry;
mod backup;
mod bench;
mod cancel;
mod demo;
mod init;
mod key;
mod list;
mod pan_scan;
mod pay;
mod purge;
mod resolve;
mod restore;
mod sandbox;
mod serve;
mod show;
mod tax;
pub(crate) mod user;
mod verify;

use std::{process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use nhn_kcp::pan::{self, Rule};

/// Key-in card payments (수기결제) for NHN KCP merchants.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// See it work: a sandbox, a shop, and every story that a payment can have
    Demo(demo::Args),
    /// Run a server that speaks KCP's protocol, keeps the true books, and misbehaves on demand
    Sandbox(sandbox::Args),
    /// Run the payment service: the REST API over a ledger
    Serve(serve::Args),
    /// Set an installation up: a first sugi.toml, and the first administrator
    Init(init::Args),
    /// Add, show and change operators
    User(user::Args),
    /// Make an API key
    Key(key::Args),
    /// Take a payment; the card comes from a prompt or from stdin, never from arguments
    Pay(pay::Args),
    /// Give back an approved payment, whole or in part
    Cancel(cancel::Args),
    /// Show one payment with its whole history
    Show(show::Args),
    /// List payments, the newest first
    List(list::Args),
    /// Close a payment in doubt with evidence
    Resolve(resolve::Args),
    /// Look for card numbers where there should be none: the ledger, logs, backups, exports
    PanScan(pan_scan::Args),
    /// Check every hash, every history and every row of a ledger and its audit
    Verify(verify::Args),
    /// Copy the ledger while the service runs, and prove the copy
    Backup(backup::Args),
    /// Put a backup back where there is no ledger, and hold it until the time since was checked at KCP
    Restore(restore::Args),
    /// Take away who bought what, once it was kept for long enough; payments and proofs stay
    Purge(purge::Args),
    /// List who did what, or print the checkpoint to keep
    Audit(audit::Args),
    /// Measure the service beside a bare pass-through on this machine
    Bench(bench::Args),
}

/// Why a command failed: one sentence, and perhaps what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    hint: Option<String>,
    code: u8,
}

impl Failure {
    pub(crate) fn new(what: impl std::fmt::Display) -> Self {
        Self {
            what: format!("{what}"),
            hint: None,
            code: 1,
        }
    }

    pub(crate) fn hint(mut self, hint: impl std::fmt::Display) -> Self {
        self.hint = Some(format!("{hint}"));
        self
    }

    /// An exit code of its own, for scripts that have to tell outcomes apart.
    pub(crate) fn code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(why: E) -> Self {
        Self::new(why)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

/// How long the end of the process waits for threads that are blocked.
const LAST_THREADS: Duration = Duration::from_secs(2);

/// Parses the arguments, runs the command, and says in one line what went wrong if it did.
pub(crate) fn main() -> ExitCode {
    crate::harden::quote_nothing_in_panics();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refused) => return refuse(&refused),
    };
    if matches!(
        cli.command,
        Command::Demo(_) | Command::Serve(_) | Command::Pay(_)
    ) {
        crate::harden::harden();
    }
    // A service says in its configuration what else it tells.
    if !matches!(cli.command, Command::Serve(_)) {
        crate::log::begin(false, None);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(why) => return report(&Failure::new(format!("cannot start: {why}"))),
    };
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Demo(args) => demo::run(args).await,
            Command::Sandbox(args) => sandbox::run(args).await,
            Command::Serve(args) => serve::run(args).await,
            Command::Init(args) => init::run(args).await,
            Command::User(args) => user::run(args).await,
            Command::Key(args) => {
                key::run(&args);
                Ok(())
            }
            Command::Pay(args) => pay::run(args).await,
            Command::Cancel(args) => cancel::run(args).await,
            Command::Show(args) => show::run(args).await,
            Command::List(args) => list::run(args).await,
            Command::Resolve(args) => resolve::run(args).await,
            Command::PanScan(args) => pan_scan::run(args).await,
            Command::Verify(args) => verify::run(args).await,
            Command::Backup(args) => backup::run(args).await,
            Command::Restore(args) => restore::run(args).await,
            Command::Purge(args) => purge::run(args).await,
            Command::Audit(args) => audit::run(args).await,
            Command::Bench(args) => bench::run(args).await,
        }
    });
    // A question to the disk or a password's hash may still be at work; it must not hold up the end.
    runtime.shutdown_timeout(LAST_THREADS);
    match outcome {
        Ok(()) if crate::print::is_whole() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(failure) => report(&failure),
    }
}

fn report(failure: &Failure) -> ExitCode {
    // A sentence may repeat what was given, and a card number may have been.
    let talk = |line: &str| crate::print::talk(&pan::hidden(line, Rule::Name));
    talk(&format!("error: {}", failure.what));
    if let Some(hint) = &failure.hint {
        talk(&format!("hint: {hint}"));
    }
    ExitCode::from(failure.code)
}

/// Says what is wrong with the arguments, or what was asked of the parser itself: its help, its version.
fn refuse(refused: &clap::Error) -> ExitCode {
    let code = u8::try_from(refused.exit_code()).unwrap_or(2);
    let said = refused.render().to_string();
    match pan::hidden(&said, Rule::Text) {
        // In colour, where there is any.
        std::borrow::Cow::Borrowed(_) => drop(refused.print()),
        std::borrow::Cow::Owned(safe) => crate::print::talk(&format!(
            "{}\n\nhint: a card comes from a prompt or from stdin, never from arguments: other programs \
             and the shell's history see those",
            safe.trim_end()
        )),
    }
    ExitCode::from(code)
}
