//! Packed streams inside of other bytes: zlib's, as PDF files and many others have them, and those of
//! PostgreSQL's dumps (`pg_dump -Fc`), which are cut into chunks.
//!
//! Nothing says where one begins but its own first two bytes, and one in two thousand places looks like
//! that. What unpacks is a stream; what does not is given up within a few bytes.

use std::io;

use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{Decoder, Operation as _};

use super::{Search, source::UNPACKED_MAX};

/// How much has to come out before it is believed, if it does not end before.
const BELIEVED: u64 = 4 * 1024;
/// How much may go in before that.
const TRIED: usize = 64 * 1024;
/// How many bytes tell what begins.
const LOOK: usize = 4;
/// What stands before each chunk of a dump: a sign and a length.
const LENGTH: usize = 5;
/// The longest chunk that is believed.
const CHUNK_MAX: u32 = 64 << 20;
/// How many streams may be open: what only seems to be one must not hide another that begins in it.
const OPEN_MAX: usize = 16;
/// How much comes out at a time.
const ROOM: usize = 64 * 1024;

/// The streams of one place.
pub(super) struct Streams {
    place: String,
    is_dump: bool,
    /// The end of what came before, and how much of it was looked at.
    tail: Vec<u8>,
    seen: usize,
    /// Where in the place that begins.
    at: u64,
    open: Vec<Stream>,
    spare: Option<Decompress>,
}

/// What a try to unpack came to.
enum Tried {
    No,
    /// More has to be seen.
    Undecided(Box<Stream>),
    Stream(Box<Stream>),
}

impl Streams {
    pub(super) fn new(place: &str) -> Self {
        Self {
            place: place.into(),
            is_dump: false,
            tail: Vec::new(),
            seen: 0,
            at: 0,
            open: Vec::new(),
            spare: None,
        }
    }

    /// Looks through the bytes that follow.
    pub(super) fn take(&mut self, piece: &[u8], search: &mut Search) -> io::Result<()> {
        if self.at == 0 && self.tail.is_empty() {
            self.is_dump = is_dump(piece)?;
        }
        let mut bytes = std::mem::take(&mut self.tail);
        bytes.extend_from_slice(piece);
        let mut at = std::mem::take(&mut self.seen);
        for mut stream in std::mem::take(&mut self.open) {
            stream.feed(piece)?;
            if stream.is_over {
                self.close(stream, search);
            } else {
                self.open.push(stream);
            }
        }
        while at + LOOK <= bytes.len() {
            if !begins(&bytes[at..], self.is_dump) {
                at += 1;
                continue;
            }
            match self.attempt(&bytes, at, search)? {
                Tried::No => at += 1,
                Tried::Undecided(stream) => {
                    self.spare = stream.unpack.spare();
                    break;
                }
                Tried::Stream(stream) if stream.is_broken => {
                    // What broke off may not have been one, and another may begin in it.
                    at += 1;
                    self.close(*stream, search);
                }
                Tried::Stream(stream) if stream.is_over => {
                    at += stream.used.max(1);
                    self.close(*stream, search);
                }
                Tried::Stream(stream) => {
                    at += 1;
                    if self.open.len() < OPEN_MAX {
                        self.open.push(*stream);
                    } else {
                        self.close(*stream, search);
                    }
                }
            }
        }
        let keep = at.saturating_sub(LENGTH);
        self.seen = at - keep;
        self.at += keep as u64;
        bytes.drain(..keep);
        self.tail = bytes;
        Ok(())
    }

    /// There are no more bytes.
    pub(super) fn end(&mut self, search: &mut Search) {
        for stream in std::mem::take(&mut self.open) {
            self.close(stream, search);
        }
        // What was cut off before it could be told from chance is looked at as far as it goes.
        let bytes = std::mem::take(&mut self.tail);
        for at in self.seen..bytes.len().saturating_sub(LOOK) {
            if begins(&bytes[at..], self.is_dump)
                && let Ok(Tried::Undecided(stream)) = self.attempt(&bytes, at, search)
            {
                self.close(*stream, search);
            }
        }
    }

    /// Tries to unpack what begins at a place.
    fn attempt(&mut self, bytes: &[u8], at: usize, search: &Search) -> io::Result<Tried> {
        let place = format!("{} (stream at byte {})", self.place, self.at + at as u64);
        let chunk = chunk(bytes, at).filter(|_| self.is_dump);
        let rest = &bytes[at..];
        let unpack = if rest.starts_with(&ZSTD) {
            Unpack::Zstd(Decoder::new()?)
        } else {
            let mut spare = self.spare.take().unwrap_or_else(|| Decompress::new(true));
            spare.reset(true);
            Unpack::Zlib(spare)
        };
        let mut stream = Stream {
            unpack,
            chunk,
            search: search.beside(&place),
            came_out: 0,
            used: 0,
            is_over: false,
            is_broken: false,
        };
        stream.used = stream.feed(rest)?;
        let is_believed = stream.came_out >= BELIEVED;
        if !is_believed && (stream.is_broken || !stream.is_over && rest.len() > TRIED) {
            self.spare = stream.unpack.spare();
            return Ok(Tried::No);
        }
        Ok(if is_believed || stream.is_over {
            Tried::Stream(Box::new(stream))
        } else {
            Tried::Undecided(Box::new(stream))
        })
    }

    fn close(&mut self, stream: Stream, search: &mut Search) {
        let Stream {
            unpack,
            search: found,
            ..
        } = stream;
        self.spare = unpack.spare();
        search.absorb(found);
    }
}

const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Whether a stream may begin so. Zlib's first two bytes name the method and a window, and are a multiple
/// of 31; none of ours asks for a dictionary.
fn begins(bytes: &[u8], is_dump: bool) -> bool {
    let [first, second, third, ..] = *bytes else {
        return false;
    };
    let is_zlib = first & 0x0f == 8
        && first >> 4 <= 7
        && second & 0x20 == 0
        && u16::from_be_bytes([first, second]) % 31 == 0
        && third & 0b110 != 0b110;
    is_zlib || is_dump && bytes.starts_with(&ZSTD)
}

/// Whether this is one of PostgreSQL's dumps in its own format.
fn is_dump(begin: &[u8]) -> io::Result<bool> {
    const CUSTOM: u8 = 1;
    const LZ4: u8 = 2;
    let Some(head) = begin.strip_prefix(b"PGDMP") else {
        return Ok(false);
    };
    let [major, minor, _, _, _, format, packed, ..] = *head else {
        return Ok(false);
    };
    if format == CUSTOM && (major, minor) >= (1, 15) && packed == LZ4 {
        let what = "a dump that is packed with lz4, which is not opened here; make it with --compress=gzip";
        return Err(io::Error::other(what));
    }
    Ok(format == CUSTOM)
}

/// The chunk of a dump that begins at a place, if its length stands before it.
fn chunk(bytes: &[u8], at: usize) -> Option<Chunk> {
    let before = bytes.get(at.checked_sub(LENGTH)?..at)?;
    Some(Chunk {
        left: length(before)?,
        before: Vec::new(),
    })
}

/// The length of a chunk; `None` of what is none, and at their end.
fn length(bytes: &[u8]) -> Option<usize> {
    let [0, length @ ..] = bytes else { return None };
    let length = u32::from_le_bytes(length.try_into().ok()?);
    let length = Some(length).filter(|length| (1..=CHUNK_MAX).contains(length))?;
    usize::try_from(length).ok()
}

/// How far a chunk is.
struct Chunk {
    left: usize,
    /// The length of the next, as far as it was read.
    before: Vec<u8>,
}

enum Unpack {
    Zlib(Decompress),
    Zstd(Decoder<'static>),
}

/// A stream on its way.
struct Stream {
    unpack: Unpack,
    chunk: Option<Chunk>,
    search: Search,
    came_out: u64,
    /// How much of the bytes it began in belongs to it.
    used: usize,
    is_over: bool,
    is_broken: bool,
}

impl Stream {
    /// Unpacks what follows; how much of it was taken.
    fn feed(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut used = 0;
        while used < bytes.len() && !self.is_over {
            let rest = &bytes[used..];
            let part = match &mut self.chunk {
                None => rest,
                Some(chunk) if chunk.left > 0 => &rest[..rest.len().min(chunk.left)],
                Some(chunk) => {
                    let missing = LENGTH - chunk.before.len();
                    let taken = rest.len().min(missing);
                    chunk.before.extend_from_slice(&rest[..taken]);
                    used += taken;
                    if chunk.before.len() == LENGTH {
                        match length(&chunk.before) {
                            Some(length) => chunk.left = length,
                            None => self.is_over = true,
                        }
                        chunk.before.clear();
                    }
                    continue;
                }
            };
            let taken = self.unpack(part)?;
            if let Some(chunk) = &mut self.chunk {
                chunk.left -= taken;
            }
            used += taken;
        }
        Ok(used)
    }

    /// Unpacks a part of it; how much of that was taken.
    fn unpack(&mut self, part: &[u8]) -> io::Result<usize> {
        let mut room = vec![0; ROOM];
        let mut taken = 0;
        loop {
            let Ok((read, written, ended)) = self.unpack.step(&part[taken..], &mut room) else {
                (self.is_over, self.is_broken) = (true, true);
                return Ok(taken);
            };
            taken += read;
            self.came_out += written as u64;
            if self.came_out > UNPACKED_MAX {
                let what =
                    "a stream in it unpacks to more than 64 GB; unpack it first, if that is right";
                return Err(io::Error::other(what));
            }
            self.search.take(&room[..written]);
            self.is_over |= ended;
            if ended || (taken == part.len() && written < room.len()) || (read, written) == (0, 0) {
                return Ok(taken);
            }
        }
    }
}

impl Unpack {
    /// How much was read, how much came out, and whether that was all.
    fn step(&mut self, bytes: &[u8], room: &mut [u8]) -> io::Result<(usize, usize, bool)> {
        match self {
            Self::Zlib(unpack) => {
                let before = (unpack.total_in(), unpack.total_out());
                let status = unpack
                    .decompress(bytes, room, FlushDecompress::None)
                    .map_err(io::Error::other)?;
                let count = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(0);
                let read = count(unpack.total_in(), before.0);
                let written = count(unpack.total_out(), before.1);
                Ok((read, written, status == Status::StreamEnd))
            }
            Self::Zstd(unpack) => {
                let done = unpack.run_on_buffers(bytes, room)?;
                Ok((done.bytes_read, done.bytes_written, done.remaining == 0))
            }
        }
    }

    fn spare(self) -> Option<Decompress> {
        match self {
            Self::Zlib(unpack) => Some(unpack),
            Self::Zstd(_) => None,
        }
    }
}
