//! A copy of an embedded ledger as it is at one moment, made while a service writes; and the hold on a ledger that was
//! put back from one.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{error::StoreError, sqlite, store::Store};

/// The hold's file, beside the ledger.
const HOLD: &str = "sugi.hold";

/// A ledger that was put back knows nothing of what happened after the backup: orders were paid that it would sell
/// again, and amounts given back that it would give back again. Until a person has checked that time at KCP, it can be
/// read and not written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryHold {
    /// Until when everything that happened is in the ledger.
    pub knows_until: Timestamp,
    /// When it was put back.
    pub restored_at: Timestamp,
}

impl RecoveryHold {
    /// The hold on the ledger in a folder, if there is one. A file that does not read is not taken for none.
    ///
    /// # Errors
    /// When the file does not read.
    pub fn of(dir: &Path) -> Result<Option<Self>, StoreError> {
        let path = dir.join(HOLD);
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let hold = serde_json::from_str(&text);
                hold.map(Some).map_err(|_| {
                    let why = "it does not read as a recovery hold; restore the backup again";
                    failed(&path, why)
                })
            }
            Err(why) if why.kind() == ErrorKind::NotFound => Ok(None),
            Err(why) => Err(failed(&path, why)),
        }
    }

    /// Puts it on the ledger of a folder, durably.
    ///
    /// # Errors
    /// What the system says.
    pub fn put(&self, dir: &Path) -> Result<(), StoreError> {
        // Texts and times: nothing that JSON could refuse.
        let text = serde_json::to_string(self).unwrap_or_default();
        write_durably(&dir.join(HOLD), text.as_bytes())?;
        sync_folder(dir)
    }

    /// Takes it off the ledger of a folder.
    ///
    /// # Errors
    /// What the system says.
    pub fn release(dir: &Path) -> Result<(), StoreError> {
        let path = dir.join(HOLD);
        std::fs::remove_file(&path).map_err(|why| failed(&path, why))?;
        sync_folder(dir)
    }

    /// Refuses to write a ledger that is held.
    pub(crate) fn refuse(dir: &Path) -> Result<(), StoreError> {
        match Self::of(dir)? {
            None => Ok(()),
            Some(Self { knows_until, .. }) => Err(StoreError::Held { knows_until }),
        }
    }
}

impl Store {
    /// Copies the ledger in a folder as it is at one moment into a folder that is made for it, beside a service that
    /// may be writing. Returns how many commits the copy knows, which also stands in its `sugi.end`: a copy of the
    /// copy that was torn is known as such.
    ///
    /// # Errors
    /// When there is no ledger, or the folder is there already; what the system says.
    pub fn back_up(dir: &Path, to: &Path) -> Result<i64, StoreError> {
        let mut folder = DirBuilder::new();
        let made = folder.mode(0o700).create(to);
        made.map_err(|why| failed(to, why))?;
        let copy = to.join("sugi.db");
        // One transaction that reads sees one moment, no matter what is committed meanwhile; it keeps no writer waiting.
        sqlite::copy(dir, &copy)?;
        let commits = sqlite::commits(to)?;
        write_durably(&to.join(sqlite::END), format!("{commits:020}\n").as_bytes())?;
        // Until here the folder has kept others out.
        let owner = std::fs::Permissions::from_mode(0o600);
        let synced =
            std::fs::set_permissions(&copy, owner).and_then(|()| File::open(&copy)?.sync_all());
        synced.map_err(|why| failed(&copy, why))?;
        sync_folder(to)?;
        Ok(commits)
    }
}

/// Writes a file for its owner alone, and returns when it is on the disk.
fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|why| failed(path, why))
}

/// Returns when the names in a folder are on the disk.
fn sync_folder(dir: &Path) -> Result<(), StoreError> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|why| failed(dir, why))
}

fn failed(path: &Path, why: impl std::fmt::Display) -> StoreError {
    StoreError::Failed {
        why: format!("{}: {why}", path.display()),
    }
}
