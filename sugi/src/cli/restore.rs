//! `sugi restore`: a backup put back, and held until a person has checked the time that it does not know.

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use nhn_kcp::pan::Rule;
use serde_json::json;
use sugi_access::{Access, Rules};
use sugi_clock::Clock;
use sugi_store::{RecoveryHold, Store};

use crate::{
    cli::{
        Failure, audit_entry,
        backup::{self, Manifest, Proof},
    },
    ledger_location::LedgerLocation,
    print,
};

#[derive(Debug, clap::Args)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["from", "release"]))]
pub(crate) struct Args {
    #[command(flatten)]
    place: LedgerLocation,
    /// The folder that `sugi backup` made
    from: Option<PathBuf>,
    /// Prove the backup, and put nothing back
    #[arg(long, requires = "from")]
    verify: bool,
    /// The time that the ledger does not know was checked at KCP: end the recovery hold
    #[arg(long, requires = "note")]
    release: bool,
    /// Who checked it, and where
    #[arg(long, value_name = "TEXT", requires = "release")]
    note: Option<String>,
    /// Payments that were under way when the backup was made were checked as well: the next start asks KCP about
    /// them and reverses those that are live
    #[arg(long, requires = "release")]
    settle_unfinished: bool,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

/// What a ledger in a folder consists of.
const LEDGER: [&str; 2] = ["sugi.db", "sugi.end"];

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let Some(from) = &args.from else {
        return release(&args).await;
    };
    let manifest = Manifest::read(from)?;
    if args.verify {
        prove(from, &manifest).await?;
        say(&args, &manifest, "holds");
        return Ok(());
    }
    let Some(ledger) = args.place.ledger_folder()? else {
        return Err(backup::in_a_database());
    };
    put_back(from, &ledger, &manifest).await?;
    say(&args, &manifest, "restored");
    print::talk(&format!(
        "it knows nothing after {}: nothing is sold, cancelled or started before a person has looked up at KCP's \
         partner site what was approved and cancelled since; then `sugi restore --release --note \"who, where\"`",
        print::time(manifest.knows_until)
    ));
    Ok(())
}

fn say(args: &Args, manifest: &Manifest, done: &str) {
    if args.json {
        print::json(&json!({
            "outcome": done,
            "knows_until": manifest.knows_until,
            "payments": manifest.payments,
            "journal_rows": manifest.journal_rows,
        }));
    } else {
        print::data(&format!(
            "{done}: {} payments, {} journal rows, everything until {}",
            manifest.payments,
            manifest.journal_rows,
            print::time(manifest.knows_until)
        ));
    }
}

/// Proves the copy in a folder, through the checkpoint of its backup.
async fn prove(dir: &Path, manifest: &Manifest) -> Result<(), Failure> {
    Proof::of(
        dir,
        Some(manifest.checkpoint.parse().map_err(Failure::new)?),
    )
    .await
    .map(drop)
}

/// Puts a backup where there is no ledger. The hold stands before the ledger does, so that no moment is without it.
async fn put_back(from: &Path, ledger: &Path, manifest: &Manifest) -> Result<(), Failure> {
    if let Some(there) = ["sugi.db", "sugi.db-wal"]
        .iter()
        .find(|name| ledger.join(name).exists())
    {
        let what = format!("there is a ledger: {}", ledger.join(there).display());
        let hint = "nothing is overwritten; move the whole folder away first, and keep it: it may know more than \
                    the backup";
        return Err(Failure::new(what).hint(hint).code(2));
    }
    let mut folder = DirBuilder::new();
    let made = folder.recursive(true).mode(0o700).create(ledger);
    made.map_err(|why| backup::of(ledger, why))?;
    let staging = ledger.join("restore.partial");
    // What a restore left that broke off.
    let _ = std::fs::remove_dir_all(&staging);
    let made = DirBuilder::new().mode(0o700).create(&staging);
    made.map_err(|why| backup::of(&staging, why))?;
    for name in LEDGER {
        let (file, copy) = (from.join(name), staging.join(name));
        std::fs::copy(&file, &copy).map_err(|why| backup::of(&file, why))?;
        backup::sync(&copy)?;
    }
    prove(&staging, manifest).await?;
    let hold = RecoveryHold {
        knows_until: manifest.knows_until,
        restored_at: Clock::real().now(),
    };
    hold.put(ledger)?;
    // The ledger itself comes last.
    for name in LEDGER.iter().rev() {
        let path = ledger.join(name);
        std::fs::rename(staging.join(name), &path).map_err(|why| backup::of(&path, why))?;
    }
    std::fs::remove_dir_all(&staging).map_err(|why| backup::of(&staging, why))?;
    backup::sync(ledger)
}

/// Ends the hold, and says in the audit who did on what grounds.
async fn release(args: &Args) -> Result<(), Failure> {
    let note = args.note.as_deref().unwrap_or_default();
    audit_entry::no_card(&[("--note", Rule::Text, Some(note))])?;
    let Some(ledger) = args.place.ledger_folder()? else {
        return Err(backup::in_a_database());
    };
    let Some(hold) = RecoveryHold::of(&ledger)? else {
        let what = format!("the ledger in {} is not held", ledger.display());
        return Err(Failure::new(what).code(2));
    };
    let store = Store::open_held(&ledger)?;
    let unfinished: u64 = store
        .unsettled()
        .await?
        .iter()
        .map(|some| some.payments)
        .sum();
    if unfinished > 0 && !args.settle_unfinished {
        let what = format!("{unfinished} payment(s) were under way when the backup was made");
        let hint = "`sugi list` shows them. The next start asks KCP about each and gives back what is live, also what \
                    was approved and answered after the backup: look them up at KCP's partner site, tell those who \
                    have to be charged anew, and add --settle-unfinished";
        return Err(Failure::new(what).hint(hint).code(2));
    }
    let access = Access::new(store, Clock::real(), Rules::default());
    let until = hold.knows_until.to_string();
    let done = format!("restore release: {note}");
    audit_entry::written_down(&access, &done, &until, "done").await?;
    RecoveryHold::release(&ledger)?;
    if args.json {
        print::json(&json!({ "outcome": "released", "knows_until": hold.knows_until }));
    } else {
        print::data("released: the ledger can be written again");
    }
    Ok(())
}
