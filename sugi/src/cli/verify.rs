//! `sugi verify`.

use sugi_store::{AuditCheckpoint, NOT_COVERED, Store, StoreError};

use crate::{cli::Failure, ledger_location::LedgerLocation, print};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: LedgerLocation,
    /// A checkpoint that was kept, from `sugi audit checkpoint`: the audit must still run through it
    #[arg(long, value_name = "NUMBER:HASH")]
    checkpoint: Option<AuditCheckpoint>,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    // Whatever opens it to write would mend what is to be proved, and make the file that says where it ends.
    let store = args.place.ledger_to_prove().await?;
    let failed = |why: StoreError| {
        Failure::new(why).hint("keep the ledger as it is, and compare it with a backup from before")
    };
    let ((payments, rows), unread) = store.prove().await.map_err(failed)?;
    let end = store.verify_audit(args.checkpoint).await.map_err(failed)?;
    let mut not_covered = not_covered(&store, args.checkpoint.is_some());
    not_covered.extend(unread.iter().map(|index| {
        format!(
            "whether index {index} holds all rows: PostgreSQL reads them by another; `create extension amcheck` \
             has it checked"
        )
    }));
    if args.json {
        print::json(&serde_json::json!({
            "holds": true,
            "payments": payments,
            "rows": rows,
            "audit_rows": end.seq,
            "checkpoint": end.to_string(),
            "knows_its_end": store.knows_its_end(),
            "not_covered": not_covered,
        }));
    } else {
        let audit_entries = end.seq;
        print::data(&format!(
            "holds: {payments} payments, {rows} journal rows, {audit_entries} audit rows"
        ));
        for what in not_covered {
            print::data(&format!("not covered: {what}"));
        }
    }
    Ok(())
}

/// What this proof says nothing about.
fn not_covered(store: &Store, has_checkpoint: bool) -> Vec<String> {
    let knows_its_end = store.knows_its_end();
    let listed = NOT_COVERED.iter().filter(|one| match one.table {
        "audit" => !has_checkpoint,
        "ending" => knows_its_end,
        _ => true,
    });
    let mut all: Vec<_> = listed.map(|one| one.what.to_owned()).collect();
    if !knows_its_end {
        all.push(
            "where the ledger ends: no sugi.end stands beside it, so a copy that was torn, or an older one, \
             holds as well; a checkpoint that was kept (--checkpoint) tells"
                .into(),
        );
    }
    all
}
