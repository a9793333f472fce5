//! Two services never write one ledger: the folder is locked while one does.

use std::{fs::File, path::Path};

use crate::error::StoreError;

/// Holds the lock until it is dropped, or the process ends in any way.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a folder at once, or says who is in the way.
    pub(crate) fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join("sugi.lock");
        let failed = |why: std::io::Error| StoreError::Failed {
            why: format!("{}: {why}", path.display()),
        };
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::Locked {
                path: dir.display().to_string(),
            }),
            Err(std::fs::TryLockError::Error(why)) => Err(failed(why)),
        }
    }
}
