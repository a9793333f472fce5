//! Files of configuration that sugi writes itself: for their owner alone, because secrets come into them.

use std::{fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use super::Config;
use crate::cli::Failure;

/// What a `sugi.toml` begins as.
pub(super) const FIRST: &str = include_str!("first.toml");

/// Makes a first `sugi.toml`, for its owner alone; `false` if there is one.
pub(crate) fn write_first(path: &Path) -> Result<bool, Failure> {
    let failed = |why: std::io::Error| Failure::new(format!("{}: {why}", path.display()));
    let mut options = OpenOptions::new();
    match options.write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            file.write_all(FIRST.as_bytes()).map_err(failed)?;
            Ok(true)
        }
        Err(why) if why.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(why) => Err(failed(why)),
    }
}

/// The first line of a file that sugi wrote and may write again.
const OURS: &str = "# Written by sugi for its sandbox. Take this line out, and the file is yours.";

/// Writes a `sugi.toml` and the secret beside it, unless someone has made the file theirs.
pub(crate) fn write(path: &Path, config: &Config) -> Result<(), Failure> {
    let failed = |why: std::io::Error| Failure::new(format!("{}: {why}", path.display()));
    match std::fs::read_to_string(path) {
        Ok(text) if !text.starts_with(OURS) => return Ok(()),
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(failed(why)),
        _ => {}
    }
    let text = format!("{OURS}\n{}", toml::to_string(config)?);
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = file.open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    let home = path.parent().unwrap_or(Path::new("."));
    config.access.make_secret(home).map_err(failed).map(drop)
}
