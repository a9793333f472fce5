//! Where bytes come from: files, folders, and what is packed in them.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, BufReader, Cursor, Read, Seek},
    path::Path,
};

use super::{Search, streams::Streams};

/// How much is read at a time.
const PIECE: usize = 256 * 1024;
/// The most that one packed thing may hold.
pub(super) const UNPACKED_MAX: u64 = 64 << 30;
/// The largest zip inside of something else: it has to be read whole, into memory.
const ZIP_MAX: u64 = 256 << 20;
/// How often something may be packed: a log in an archive in a backup.
const DEPTH_MAX: u8 = 4;
/// How many bytes tell how something is packed.
const MAGIC: usize = 262;

/// What could not be looked through.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {why}")]
pub(crate) struct Trouble {
    place: String,
    why: io::Error,
}

/// Gives the search what was named: a file's bytes, or those of every file in a folder, in the order of
/// their names. A link that was named leads where it leads; those in a folder are not followed, because
/// what they lead to is somewhere else. What cannot be looked through is told at the end, and keeps
/// nothing else from being looked through.
pub(super) fn walk(path: &Path, sink: &mut Search) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    match std::fs::canonicalize(path) {
        Ok(real) if real.is_dir() || real.is_file() => look(&real, path, sink, &mut troubles),
        Ok(_) => troubles.push(Trouble {
            place: path.display().to_string(),
            why: io::Error::other("it is neither a file nor a folder"),
        }),
        Err(why) => troubles.push(Trouble {
            place: path.display().to_string(),
            why,
        }),
    }
    troubles
}

/// Looks through what is at a path, and calls it by a name.
fn look(path: &Path, name: &Path, sink: &mut Search, troubles: &mut Vec<Trouble>) {
    let place = name.display().to_string();
    let mut read = || -> io::Result<Option<Vec<OsString>>> {
        let kind = path.symlink_metadata()?;
        if kind.is_dir() {
            let inside = std::fs::read_dir(path)?.map(|entry| Ok(entry?.file_name()));
            let mut inside = inside.collect::<io::Result<Vec<_>>>()?;
            inside.sort();
            return Ok(Some(inside));
        }
        if kind.is_file() {
            file(path, &place, sink)?;
        }
        Ok(None)
    };
    match read() {
        Ok(None) => {}
        Ok(Some(inside)) => {
            for one in inside {
                look(&path.join(&one), &name.join(&one), sink, troubles);
            }
        }
        Err(why) => troubles.push(Trouble { place, why }),
    }
}

fn file(path: &Path, place: &str, sink: &mut Search) -> io::Result<()> {
    let mut from = File::open(path)?;
    let mut begin = [0; MAGIC];
    let length = read_up_to(&mut from, &mut begin)?;
    from.rewind()?;
    let pack = Pack::of(&begin[..length]);
    // As it is: what stands in front of an archive or behind it belongs to nothing that is unpacked. What
    // is in a tar stands there in the clear, so that would be found twice.
    if !matches!(pack, Some(Pack::Tar)) {
        pour(&mut from, place, sink)?;
        from.rewind()?;
    }
    match pack {
        Some(Pack::Zip) => entries(BufReader::new(from), place, DEPTH_MAX - 1, sink),
        Some(pack) => unpack(pack, &mut BufReader::new(from), place, DEPTH_MAX, sink),
        None => Ok(()),
    }
}

/// How something is packed.
#[derive(Debug, Clone, Copy)]
enum Pack {
    Gzip,
    Xz,
    Zstd,
    Zip,
    Tar,
    /// In a way that is not unpacked here: bzip2, 7z, rar, lz4, compress.
    Other,
}

impl Pack {
    fn of(begin: &[u8]) -> Option<Self> {
        match begin {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [b'P', b'K', 3, 4, ..] => Some(Self::Zip),
            [b'B', b'Z', b'h', ..]
            | [b'7', b'z', 0xbc, 0xaf, ..]
            | [b'R', b'a', b'r', b'!', ..]
            | [0x04, 0x22, 0x4d, 0x18, ..]
            | [0x1f, 0x9d, ..] => Some(Self::Other),
            _ if begin.get(257..262) == Some(b"ustar") => Some(Self::Tar),
            _ => None,
        }
    }
}

/// Unpacks something, and what is packed in it; `depth` is how much deeper that may go.
fn unpack(
    pack: Pack,
    from: &mut dyn Read,
    place: &str,
    depth: u8,
    sink: &mut Search,
) -> io::Result<()> {
    let depth = depth.checked_sub(1).ok_or_else(|| {
        let what = format!("it is packed more than {DEPTH_MAX} times over; unpack it first");
        io::Error::other(what)
    })?;
    let unpacked = format!("{place} (unpacked)");
    match pack {
        Pack::Gzip => {
            let from = flate2::read::MultiGzDecoder::new(from);
            inside(&mut Bounded::new(from), &unpacked, depth, sink)
        }
        Pack::Xz => {
            let from = lzma_rust2::XzReader::new(from, true);
            inside(&mut Bounded::new(from), &unpacked, depth, sink)
        }
        Pack::Zstd => {
            let from = zstd::stream::read::Decoder::new(from)?;
            inside(&mut Bounded::new(from), &unpacked, depth, sink)
        }
        Pack::Zip => {
            // Its list of contents is at its end, so all of it has to be at hand; never in a file.
            let mut whole = Vec::new();
            from.take(ZIP_MAX + 1).read_to_end(&mut whole)?;
            if whole.len() as u64 > ZIP_MAX {
                let what = "a packed zip of more than 256 MB; unpack it first";
                return Err(io::Error::other(what));
            }
            entries(Cursor::new(whole), place, depth, sink)
        }
        Pack::Other => {
            let what = "it is packed in a way that is not opened here; unpack it first";
            Err(io::Error::other(what))
        }
        Pack::Tar => {
            for entry in tar::Archive::new(from).entries()? {
                let entry = entry?;
                let place = format!("{place}: {}", entry.path()?.display());
                inside(&mut Bounded::new(entry), &place, depth, sink)?;
            }
            Ok(())
        }
    }
}

/// Looks through everything in a zip archive.
fn entries(from: impl Read + Seek, place: &str, depth: u8, sink: &mut Search) -> io::Result<()> {
    let mut zip = zip::ZipArchive::new(from).map_err(io::Error::other)?;
    for n in 0..zip.len() {
        let entry = zip.by_index(n).map_err(io::Error::other)?;
        let name = entry.name().map_err(io::Error::other)?;
        let place = format!("{place}: {name}");
        inside(&mut Bounded::new(entry), &place, depth, sink)?;
    }
    Ok(())
}

/// Looks through what was unpacked, or unpacks it further.
fn inside(from: &mut dyn Read, place: &str, depth: u8, sink: &mut Search) -> io::Result<()> {
    let mut begin = [0; MAGIC];
    let length = read_up_to(from, &mut begin)?;
    let begin = &begin[..length];
    let mut from = begin.chain(from);
    match Pack::of(begin) {
        Some(pack) => unpack(pack, &mut from, place, depth, sink),
        None => pour(&mut from, place, sink),
    }
}

/// Reads until there is no more or the piece is full.
fn read_up_to(from: &mut dyn Read, piece: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < piece.len() {
        match from.read(&mut piece[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
    Ok(length)
}

/// Something unpacked, with an end: a few bytes can be made to unpack to anything.
struct Bounded<R> {
    from: R,
    left: u64,
}

impl<R: Read> Bounded<R> {
    fn new(from: R) -> Self {
        let left = UNPACKED_MAX;
        Self { from, left }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(piece)?;
        let left = self.left.checked_sub(length as u64);
        self.left = left.ok_or_else(|| {
            io::Error::other("it unpacks to more than 64 GB; unpack it first, if that is right")
        })?;
        Ok(length)
    }
}

fn pour(from: &mut dyn Read, place: &str, sink: &mut Search) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut streams = Streams::new(place);
    sink.begin(place);
    let mut poured = || loop {
        match read_up_to(from, &mut piece)? {
            0 => return Ok(()),
            length => {
                sink.take(&piece[..length]);
                streams.take(&piece[..length], sink)?;
            }
        }
    };
    let poured = poured();
    streams.end(sink);
    sink.end();
    poured
}
