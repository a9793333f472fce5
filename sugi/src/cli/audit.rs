//! `sugi audit`: who did what, and the anchor to keep.

use clap::Subcommand;
use serde_json::json;
use sugi_engine::clock::Clock;
use sugi_store::{AuditRow, DEEDS_PAGE, DeedFilter};

use crate::{cli::Failure, house::Place, print};

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
    /// Print where the audit stands, one line to keep on paper or to mail: `sugi verify --anchor` then
    /// knows that nothing before it was changed or cut off
    Anchor(Anchor),
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    place: Place,
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
struct Anchor {
    #[command(flatten)]
    place: Place,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    match args.what {
        Some(What::Anchor(args)) => anchor(args).await,
        None => list(args.list).await,
    }
}

async fn list(args: List) -> Result<(), Failure> {
    let access = args.place.access_to_read().await?;
    let filter = DeedFilter {
        actor: args.actor,
        subject: args.subject,
        before: args.before,
    };
    let rows = access.engine().store().deeds(&filter).await?;
    if args.json {
        for row in &rows {
            print::json(&as_json(row));
        }
    } else {
        let cells = rows.iter().map(|AuditRow { seq, deed, .. }| {
            let mut cells = vec![seq.to_string(), print::time(deed.at)];
            let texts = [
                &deed.actor,
                &deed.action,
                &deed.subject,
                &deed.outcome,
                &deed.origin,
            ];
            cells.extend(texts.map(|text| printable(text)));
            cells
        });
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
    if let Some(last) = rows.last().filter(|_| rows.len() == DEEDS_PAGE) {
        print::talk(&format!("there may be more: --before {}", last.seq));
    }
    Ok(())
}

async fn anchor(args: Anchor) -> Result<(), Failure> {
    let access = args.place.access_to_read().await?;
    let anchor = access.engine().store().audit_anchor().await?;
    let (at, installation) = (Clock::real().now(), args.place.installation()?);
    if args.json {
        print::json(&json!({
            "anchor": anchor.to_string(),
            "at": at,
            "installation": installation,
        }));
    } else {
        print::data(&crate::anchor::line(anchor, at, &installation));
    }
    Ok(())
}

fn as_json(row: &AuditRow) -> serde_json::Value {
    let AuditRow { seq, deed, hash } = row;
    json!({
        "seq": seq,
        "at": deed.at,
        "actor": deed.actor,
        "action": deed.action,
        "subject": deed.subject,
        "outcome": deed.outcome,
        "origin": deed.origin,
        "hash": hash.to_hex(),
    })
}

/// A terminal must not be told what to do by what somebody once asked for.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}
