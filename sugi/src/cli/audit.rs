//! `sugi audit`: who did what, and the checkpoint to keep.

use clap::Subcommand;
use serde_json::json;
use sugi_clock::Clock;
use sugi_store::{AUDIT_ENTRIES_PAGE, AuditFilter, AuditRow};

use crate::{cli::Failure, ledger_location::LedgerLocation, print};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print where the audit stands, one line to keep on paper or to mail: `sugi verify --checkpoint` then
    /// knows that nothing before it was changed or cut off
    Checkpoint(Checkpoint),
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    place: LedgerLocation,
    /// Only what this one did: `operator:kim`, `key:shop-backend`, `cli:root`
    #[arg(long)]
    actor: Option<String>,
    /// Only what was done to this: a payment, an operator, a shop
    #[arg(long)]
    subject: Option<String>,
    /// Only those before this number
    #[arg(long, value_name = "NUMBER")]
    before: Option<i64>,
    /// Print each row as a line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Checkpoint {
    #[command(flatten)]
    place: LedgerLocation,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    match args.what {
        Some(What::Checkpoint(args)) => checkpoint(args).await,
        None => list(args.list).await,
    }
}

async fn list(args: List) -> Result<(), Failure> {
    let store = args.place.store_to_read().await?;
    let filter = AuditFilter {
        actor: args.actor,
        subject: args.subject,
        before: args.before,
    };
    let rows = store.audit_entries(&filter).await?;
    if args.json {
        for row in &rows {
            print::json(&as_json(row));
        }
    } else {
        let cells = rows.iter().map(
            |AuditRow {
                 seq, audit_entry, ..
             }| {
                let mut cells = vec![seq.to_string(), print::time(audit_entry.at)];
                let texts = [
                    &audit_entry.actor,
                    &audit_entry.action,
                    &audit_entry.subject,
                    &audit_entry.outcome,
                    &audit_entry.origin,
                ];
                cells.extend(texts.map(|text| printable(text)));
                cells
            },
        );
        let head = [
            "no",
            "time (KST)",
            "who",
            "what",
            "to what",
            "outcome",
            "from",
        ];
        print::table(&head, &[0], cells);
    }
    if let Some(last) = rows.last().filter(|_| rows.len() == AUDIT_ENTRIES_PAGE) {
        print::talk(&format!("there may be more: --before {}", last.seq));
    }
    Ok(())
}

async fn checkpoint(args: Checkpoint) -> Result<(), Failure> {
    let store = args.place.store_to_read().await?;
    let checkpoint = store.audit_checkpoint().await?;
    let (at, installation) = (Clock::real().now(), args.place.installation()?);
    if args.json {
        print::json(&json!({
            "checkpoint": checkpoint.to_string(),
            "at": at,
            "installation": installation,
        }));
    } else {
        print::data(&crate::checkpoint::line(checkpoint, at, &installation));
    }
    Ok(())
}

fn as_json(row: &AuditRow) -> serde_json::Value {
    let AuditRow {
        seq,
        audit_entry,
        hash,
        ..
    } = row;
    json!({
        "seq": seq,
        "at": audit_entry.at,
        "actor": audit_entry.actor,
        "action": audit_entry.action,
        "subject": audit_entry.subject,
        "outcome": audit_entry.outcome,
        "origin": audit_entry.origin,
        "hash": hash.to_hex(),
    })
}

/// A terminal must not be told what to do by what somebody once asked for.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}
