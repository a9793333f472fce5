//! Where the ledger ends, written beside it: `sugi.end`.
//!
//! A copy of `sugi.db` without its log is a whole ledger of some time ago: every chain in it holds, and what
//! was charged since is not there. So each commit counts, and after it the count is written into a file. It
//! is not waited for: what the system had not yet written of it when the power went is told as less than
//! there is, never as more.

use std::{
    fs::File,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use rusqlite::Connection;

use crate::{error::StoreError, sql::check::ENDING};

/// Its name.
pub(crate) const NAME: &str = "sugi.end";

/// The file.
#[derive(Debug)]
pub(super) struct Ending {
    file: File,
    failed: AtomicBool,
    ledger: Opened,
}

/// The file of the ledger that it is the ending of, as it was opened.
#[derive(Debug)]
struct Opened {
    path: PathBuf,
    /// Its device and its place there.
    is: (u64, u64),
}

impl Opened {
    fn at(path: PathBuf) -> std::io::Result<Self> {
        let is = which(&path)?;
        Ok(Self { path, is })
    }
}

fn which(path: &Path) -> std::io::Result<(u64, u64)> {
    let file = std::fs::metadata(path)?;
    Ok((file.dev(), file.ino()))
}

impl Ending {
    /// Opens it for a ledger that is to be written; refuses one that ends before it says.
    pub(super) fn open(dir: &Path, db: &Connection) -> Result<Self, StoreError> {
        let path = dir.join(NAME);
        let failed = |why: std::io::Error| StoreError::Failed {
            why: format!("{}: {why}", path.display()),
        };
        let commits: i64 = db.query_row(ENDING, [], |row| row.get(1))?;
        let said = read(dir)?;
        if let Some(said) = said.filter(|said| *said > commits) {
            let dir = dir.display();
            let why = format!(
                "the ledger in {dir} ends after {commits} commits, and {NAME} beside it says {said}: what \
                 happened since is missing. Was sugi.db copied without sugi.db-wal, or an older copy put \
                 back? Put the rest back; if this is all that is left, ask KCP for the payments since, \
                 take {NAME} away, and start again"
            );
            return Err(StoreError::Failed { why });
        }
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        let ending = Self {
            file,
            failed: AtomicBool::new(false),
            ledger: Opened::at(dir.join("sugi.db")).map_err(failed)?,
        };
        ending.note(commits);
        if said.is_none() {
            // From here on it is not waited for; that it is there, and not empty, is.
            let folder = File::open(dir).and_then(|folder| folder.sync_all());
            ending.file.sync_all().and(folder).map_err(failed)?;
        }
        Ok(ending)
    }

    /// Whether the ledger's file is still where it was opened. One that was moved away or replaced is written
    /// on, in write-ahead mode without a word, where no one will look for it.
    pub(super) fn is_in_place(&self) -> bool {
        which(&self.ledger.path).is_ok_and(|found| found == self.ledger.is)
    }

    /// Writes how many commits there are. What comes of it decides about no payment.
    pub(super) fn note(&self, commits: i64) {
        let line = format!("{commits:020}\n");
        if let Err(why) = self.file.write_all_at(line.as_bytes(), 0)
            && !self.failed.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(%why, "{NAME} cannot be written: a torn copy of this ledger will not be known");
        }
    }
}

/// What the file beside a ledger says, if there is one.
pub(super) fn read(dir: &Path) -> Result<Option<i64>, StoreError> {
    let path = dir.join(NAME);
    let failed = |why: String| StoreError::Failed {
        why: format!("{}: {why}", path.display()),
    };
    match std::fs::read_to_string(&path) {
        // The power went before the system had written it for the first time.
        Ok(text)
            if text
                .trim_matches(|c: char| c.is_whitespace() || c == '\0')
                .is_empty() =>
        {
            Ok(None)
        }
        Ok(text) => {
            let bad =
                "it holds no number of commits; take it away if this is all that is left of it";
            let commits = text.trim().parse().map_err(|_| failed(bad.into()))?;
            Ok(Some(commits))
        }
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(failed(why.to_string())),
    }
}
