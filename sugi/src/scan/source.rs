//! Where bytes come from: files, folders, and what is packed in them.

use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read, Seek as _},
    path::Path,
};

/// How much is read at a time.
const PIECE: usize = 256 * 1024;
/// The most that one packed thing may hold.
const UNPACKED_MAX: u64 = 64 << 30;
/// The largest archive of the kind that has to be read whole.
const ZIP_MAX: u64 = 1 << 30;
/// How often something may be packed: a log in an archive in a backup.
const DEPTH_MAX: u8 = 4;
/// How many bytes tell how something is packed.
const MAGIC: usize = 6;

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
    // As it is: what stands in front of an archive or behind it belongs to nothing that is unpacked.
    pour(&mut from, place, sink)?;
    from.rewind()?;
    let mut begin = [0; MAGIC];
    let length = read_up_to(&mut from, &mut begin)?;
    from.rewind()?;
    match Pack::of(&begin[..length]) {
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
}

impl Pack {
    fn of(begin: &[u8]) -> Option<Self> {
        match begin {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [b'P', b'K', 3, 4, ..] => Some(Self::Zip),
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
    sink: &mut dyn Sink,
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
                let what = "an archive of more than 1 GB; unpack it first";
                return Err(io::Error::other(what));
            }
            let mut zip = zip::ZipArchive::new(Cursor::new(whole)).map_err(io::Error::other)?;
            for n in 0..zip.len() {
                let entry = zip.by_index(n).map_err(io::Error::other)?;
                let name = entry.name().map_err(io::Error::other)?;
                let place = format!("{place}: {name}");
                inside(&mut Bounded::new(entry), &place, depth, sink)?;
            }
            Ok(())
        }
    }
}

/// Looks through what was unpacked, or unpacks it further.
fn inside(from: &mut dyn Read, place: &str, depth: u8, sink: &mut dyn Sink) -> io::Result<()> {
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

fn pour(from: &mut dyn Read, place: &str, sink: &mut dyn Sink) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    sink.begin(place);
    loop {
        match read_up_to(from, &mut piece)? {
            0 => break,
            length => sink.take(&piece[..length]),
        }
    }
    sink.end();
    Ok(())
}
