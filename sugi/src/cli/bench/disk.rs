//! What one sync of a disk takes: the unit in which a caller's added wait is told.

use std::{
    fs::File,
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
    time::Duration,
};

use tokio::time::Instant;

/// How many syncs the median is of.
const SYNCS: usize = 201;

/// The median time to overwrite 4 KiB of a file in this folder and have them on the disk.
pub(super) fn sync_time(dir: &Path) -> std::io::Result<Duration> {
    let path = dir.join("sync");
    let mut file = File::create(&path)?;
    let block = [7; 4_096];
    let mut times = Vec::with_capacity(SYNCS);
    // The first one also makes room for the block.
    for _ in 0..=SYNCS {
        let begin = Instant::now();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&block)?;
        file.sync_data()?;
        times.push(begin.elapsed());
    }
    std::fs::remove_file(&path)?;
    times.remove(0);
    times.sort_unstable();
    Ok(times[SYNCS / 2])
}
