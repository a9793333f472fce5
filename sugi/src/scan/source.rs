//! Where bytes come from: files, folders, and what is packed in them.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek as _},
    path::Path,
};

/// How much is read at a time.
const PIECE: usize = 256 * 1024;
/// The most that one packed thing may hold: a few bytes can be made to unpack to anything.
const UNPACKED_MAX: u64 = 64 << 30;

/// What could not be looked through.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {why}")]
pub(crate) struct Trouble {
    place: String,
    why: io::Error,
}

/// Takes the bytes of one place after another.
pub(super) trait Sink {
    fn begin(&mut self, place: &str);
    fn take(&mut self, bytes: &[u8]);
    fn end(&mut self);
}

/// Gives a file's bytes to the sink, or those of every file in a folder, in the order of their names.
/// Links are not followed: what they lead to is somewhere else.
pub(super) fn walk(path: &Path, sink: &mut dyn Sink) -> Result<(), Trouble> {
    let place = path.display().to_string();
    let trouble = |why| Trouble {
        place: place.clone(),
        why,
    };
    let kind = path.symlink_metadata().map_err(trouble)?;
    if kind.is_dir() {
        let mut inside: Vec<_> = std::fs::read_dir(path)
            .and_then(Iterator::collect::<Result<_, _>>)
            .map_err(trouble)?;
        inside.sort_by_key(std::fs::DirEntry::path);
        return inside
            .iter()
            .try_for_each(|entry| walk(&entry.path(), sink));
    }
    if !kind.is_file() {
        return Ok(());
    }
    file(path, &place, sink).map_err(trouble)
}

fn file(path: &Path, place: &str, sink: &mut dyn Sink) -> io::Result<()> {
    let mut from = File::open(path)?;
    pour(&mut from, place, sink)?;
    let mut begin = [0; 4];
    from.rewind()?;
    let length = from.read(&mut begin)?;
    from.rewind()?;
    match begin.get(..length) {
        Some([0x1f, 0x8b, ..]) => {
            let unpacked = flate2::read::MultiGzDecoder::new(BufReader::new(from));
            let place = format!("{place} (unpacked)");
            pour(&mut unpacked.take(UNPACKED_MAX), &place, sink)
        }
        Some(b"PK\x03\x04") => {
            let mut zip = zip::ZipArchive::new(BufReader::new(from)).map_err(io::Error::other)?;
            for n in 0..zip.len() {
                let entry = zip.by_index(n).map_err(io::Error::other)?;
                let name = entry.name().map_err(io::Error::other)?;
                let place = format!("{place}: {name}");
                pour(&mut entry.take(UNPACKED_MAX), &place, sink)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn pour(from: &mut dyn Read, place: &str, sink: &mut dyn Sink) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    sink.begin(place);
    loop {
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => sink.take(&piece[..length]),
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
    sink.end();
    Ok(())
}
