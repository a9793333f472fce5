//! `sugi backup`: a proved copy of the ledger, while the service runs.

use std::{
    fmt::Write as _,
    io::Read as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sugi_clock::Clock;
use sugi_store::{AuditCheckpoint, RecoveryHold, Store};

use crate::{cli::Failure, ledger_location::LedgerLocation, print};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: LedgerLocation,
    /// The folder that is made for the backup; it must not be there yet
    to: PathBuf,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

/// What stands beside the copy, in `backup.json`: what `sugi restore` compares it with.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    /// Until when everything that happened is in it.
    pub(super) knows_until: Timestamp,
    /// The program that made it.
    pub(super) version: String,
    pub(super) payments: u64,
    pub(super) journal_rows: u64,
    /// Through where its audit must run.
    pub(super) checkpoint: String,
    /// Of `sugi.db`.
    pub(super) sha256: String,
}

/// Its name in the folder of a backup.
const MANIFEST: &str = "backup.json";

pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let Some(ledger) = args.place.ledger_folder()? else {
        return Err(in_a_database());
    };
    let to = args.to;
    if to.exists() {
        let what = format!(
            "{} is there already; a backup overwrites nothing",
            to.display()
        );
        return Err(Failure::new(what).hint("name a new folder").code(2));
    }
    // A copy that broke off never has the name of a whole one.
    let mut partial = to.clone().into_os_string();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    if partial.exists() {
        let what = format!(
            "{} is there: a backup broke off, or is being made",
            partial.display()
        );
        return Err(Failure::new(what)
            .hint("if none is being made, remove it")
            .code(2));
    }
    // Before the copy begins: what is committed while it is made may be missing. A ledger that was itself put back
    // knows no more than it did then.
    let hold = RecoveryHold::of(&ledger)?;
    let knows_until = hold.map_or_else(|| Clock::real().now(), |hold| hold.knows_until);
    let made = copy(&ledger, &partial, knows_until).await;
    let manifest = match made {
        Ok(manifest) => manifest,
        Err(why) => {
            let _ = std::fs::remove_dir_all(&partial);
            return Err(why);
        }
    };
    std::fs::rename(&partial, &to).map_err(|why| of(&to, why))?;
    sync(
        to.parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new(".")),
    )?;
    if args.json {
        print::json(&manifest);
    } else {
        print::data(&format!(
            "{}: {} payments, {} journal rows, everything until {}; proved",
            to.display(),
            manifest.payments,
            manifest.journal_rows,
            print::time(manifest.knows_until),
        ));
    }
    let beside = args.place.kept_beside_the_ledger();
    if !beside.is_empty() {
        print::talk(&format!(
            "not in it, to be kept elsewhere: {}",
            beside.join(", ")
        ));
    }
    Ok(())
}

/// Copies a ledger into a new folder, proves the copy, and says of it what a restore compares.
async fn copy(ledger: &Path, to: &Path, knows_until: Timestamp) -> Result<Manifest, Failure> {
    let (from, into) = (ledger.to_owned(), to.to_owned());
    tokio::task::spawn_blocking(move || Store::back_up(&from, &into)).await??;
    let proof = Proof::of(to, None).await?;
    let manifest = Manifest {
        knows_until,
        version: env!("CARGO_PKG_VERSION").into(),
        payments: proof.payments,
        journal_rows: proof.journal_rows,
        checkpoint: proof.checkpoint.to_string(),
        sha256: sha256(&to.join("sugi.db"))?,
    };
    let path = to.join(MANIFEST);
    std::fs::write(&path, serde_json::to_string_pretty(&manifest)?)
        .map_err(|why| of(&path, why))?;
    sync(&path)?;
    sync(to)?;
    Ok(manifest)
}

/// What a proof of a copy found.
pub(super) struct Proof {
    payments: u64,
    journal_rows: u64,
    checkpoint: AuditCheckpoint,
}

impl Proof {
    /// Proves the ledger in a folder, through a checkpoint if one is known.
    pub(super) async fn of(dir: &Path, through: Option<AuditCheckpoint>) -> Result<Self, Failure> {
        let store = Store::open_to_read(dir)?;
        let (payments, journal_rows) = store.verify().await?;
        let checkpoint = store.verify_audit(through).await?;
        Ok(Self {
            payments,
            journal_rows,
            checkpoint,
        })
    }
}

impl Manifest {
    /// That of a backup, whose copy is the one that it was made for.
    pub(super) fn read(backup: &Path) -> Result<Self, Failure> {
        let path = backup.join(MANIFEST);
        let text = std::fs::read_to_string(&path).map_err(|why| {
            of(&path, why)
                .hint("name the folder that `sugi backup` made")
                .code(2)
        })?;
        let manifest: Self = serde_json::from_str(&text).map_err(|why| of(&path, why))?;
        let database = backup.join("sugi.db");
        if sha256(&database)? != manifest.sha256 {
            let what = format!("{} is not what was backed up", database.display());
            return Err(Failure::new(what).hint("use another backup; this one was changed or torn"));
        }
        Ok(manifest)
    }
}

/// The hash of a file.
fn sha256(path: &Path) -> Result<String, Failure> {
    let mut file = std::fs::File::open(path).map_err(|why| of(path, why))?;
    let (mut hash, mut part) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut part).map_err(|why| of(path, why))? {
            0 => break,
            read => hash.update(part.get(..read).unwrap_or_default()),
        }
    }
    Ok(hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}

/// Returns when a file, or the names in a folder, are on the disk.
pub(super) fn sync(path: &Path) -> Result<(), Failure> {
    let synced = std::fs::File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|why| of(path, why))
}

/// A failure of a file.
pub(super) fn of(path: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::new(format!("{}: {why}", path.display()))
}

/// A database has tools of its own, which know its log.
pub(super) fn in_a_database() -> Failure {
    let hint = "use `pg_basebackup` with the write-ahead log archived (any moment can be put back), or `pg_dump` \
                (one moment); docs/operations.md says what to check before a start on what was put back";
    Failure::new("the ledger is in a PostgreSQL, which has backups of its own")
        .hint(hint)
        .code(2)
}
