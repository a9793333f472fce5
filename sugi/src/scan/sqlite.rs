//! Values in SQLite's files, one by one.
//!
//! SQLite writes the values of a row one behind the other with nothing between them, so a card number may
//! stand there with the next column's emails at its last digit, and a search for numbers that stand by
//! themselves passes it over. Here the pages of a database or of its write-ahead log are taken apart as
//! they go by, <https://sqlite.org/fileformat2.html> says how, and each value is handed out alone. Nothing
//! is trusted: what does not read as a page is passed over, and was looked through as plain bytes anyway.
//!
//! What is no value that is in use (the rest of a page, where a row was deleted; pages that are free, or in
//! which a long row goes on) is handed out as it is.

/// How a database begins.
const DATABASE: &[u8; 16] = b"SQLite format 3\0";
/// How a write-ahead log begins, but for its lowest bit.
const LOG: u32 = 0x377f_0682;
const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// What of a file has to be seen to know what it is.
const HEADER: usize = 100;

/// What of a page is handed out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Piece<'a> {
    /// A value that is in use, alone.
    Value(&'a [u8]),
    /// Bytes in which values may stand one behind the other.
    Rest(&'a [u8]),
}

/// Takes each piece, and where it begins in the file.
type Taker<'t> = &'t mut dyn FnMut(u64, Piece<'_>);

/// Takes pages apart as their bytes come by.
#[derive(Debug, Default)]
pub(super) struct Pages {
    kind: Kind,
    /// Bytes that are no whole page yet.
    kept: Vec<u8>,
    /// Where in the file they begin.
    at: u64,
}

#[derive(Debug, Default, Clone, Copy)]
enum Kind {
    /// Too little was seen.
    #[default]
    Unknown,
    /// Something else.
    Other,
    /// A database with pages of this size, of which so many bytes at the end are not SQLite's.
    Database { page: usize, reserved: usize },
    /// A write-ahead log with pages of this size.
    Log { page: usize },
}

impl Pages {
    /// Takes the next bytes of a file; `taker` gets what is in every page that is whole now.
    pub(super) fn take(&mut self, bytes: &[u8], taker: Taker<'_>) {
        if matches!(self.kind, Kind::Other) {
            return;
        }
        self.kept.extend_from_slice(bytes);
        if matches!(self.kind, Kind::Unknown) {
            if self.kept.len() < HEADER {
                return;
            }
            self.begin();
        }
        let (header, page, reserved) = match self.kind {
            Kind::Database { page, reserved } => (0, page, reserved),
            Kind::Log { page } => (FRAME_HEADER, page, 0),
            Kind::Unknown | Kind::Other => return,
        };
        let mut done = 0;
        while let Some(whole) = self.kept.get(done..done + header + page) {
            let at = self.at + done as u64;
            let is_first = match whole.get(..4).filter(|_| header > 0) {
                Some(number) => number == [0, 0, 0, 1],
                None => at == 0,
            };
            let body = Body {
                bytes: &whole[header..],
                at: at + header as u64,
                usable: page.saturating_sub(reserved),
            };
            body.pieces(is_first, taker);
            done += header + page;
        }
        self.kept.drain(..done);
        self.at += done as u64;
    }

    fn begin(&mut self) {
        let word = |at: usize| self.kept.get(at..at + 4).map(number).unwrap_or_default();
        self.kind = if self.kept.starts_with(DATABASE) {
            let page = match number(&self.kept[16..18]) {
                1 => 65_536,
                page => page,
            };
            let reserved = usize::from(self.kept[20]);
            Self::sized(page, |page| Kind::Database { page, reserved })
        } else if u32::try_from(word(0)).is_ok_and(|magic| magic & !1 == LOG) {
            let kind = Self::sized(word(8), |page| Kind::Log { page });
            self.kept.drain(..LOG_HEADER);
            self.at = LOG_HEADER as u64;
            kind
        } else {
            Kind::Other
        };
        if matches!(self.kind, Kind::Other) {
            self.kept = Vec::new();
        }
    }

    fn sized(page: usize, kind: impl Fn(usize) -> Kind) -> Kind {
        let is_page = page.is_power_of_two() && (512..=65_536).contains(&page);
        if is_page { kind(page) } else { Kind::Other }
    }
}

/// A page.
struct Body<'a> {
    bytes: &'a [u8],
    /// Where in the file it begins.
    at: u64,
    /// How much of it is SQLite's.
    usable: usize,
}

impl Body<'_> {
    /// Hands out the values of every cell that reads as one, and then what is in no cell.
    fn pieces(&self, is_first: bool, taker: Taker<'_>) {
        // The first page begins with the file's header.
        let head = if is_first { HEADER } else { 0 };
        // What stands before a cell's record: its length, and the row's number or the child's page.
        let (cells, before, has_number, is_table) = match self.bytes.get(head) {
            Some(0x0d) => (head + 8, 0, true, true),
            Some(0x0a) => (head + 8, 0, false, false),
            Some(0x02) => (head + 12, 4, false, false),
            _ => return taker(self.at, Piece::Rest(self.bytes)),
        };
        let count = self.bytes.get(head + 3..head + 5).map_or(0, number);
        let pointers = self.bytes.get(cells..).unwrap_or_default();
        let mut used = vec![(0, (cells + 2 * count).min(self.bytes.len()))];
        for pointer in pointers.chunks_exact(2).take(count) {
            let begin = number(pointer);
            let mut at = begin + before;
            let Some(length) = self.varint(&mut at) else {
                continue;
            };
            if has_number && self.varint(&mut at).is_none() {
                continue;
            }
            let here = self.local(length, is_table);
            let end = at.saturating_add(here).min(self.bytes.len());
            self.record(at, end, taker);
            used.push((begin, end));
        }
        used.sort_unstable();
        let mut last = 0;
        for (begin, end) in used
            .into_iter()
            .chain([(self.bytes.len(), self.bytes.len())])
        {
            if let Some(rest) = self.bytes.get(last..begin).filter(|rest| !rest.is_empty()) {
                taker(self.at + last as u64, Piece::Rest(rest));
            }
            last = last.max(end);
        }
    }

    /// How much of a record of this length is in the page itself.
    fn local(&self, length: u64, is_table: bool) -> usize {
        let usable = self.usable;
        let part = |of: usize| usable.saturating_sub(12) * of / 255;
        let most = if is_table {
            usable.saturating_sub(35)
        } else {
            part(64).saturating_sub(23)
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length <= most {
            return length;
        }
        let least = part(32).saturating_sub(23);
        let rest = usable.saturating_sub(4).max(1);
        let here = least + length.saturating_sub(least) % rest;
        if here <= most { here } else { least }
    }

    /// A record: the kinds of its values, then the values.
    fn record(&self, from: usize, end: usize, taker: Taker<'_>) {
        let mut kinds = from;
        let Some(length) = self.varint(&mut kinds) else {
            return;
        };
        let Some(mut at) = usize::try_from(length)
            .ok()
            .and_then(|all| from.checked_add(all))
        else {
            return;
        };
        let kinds_end = at.min(end);
        while kinds < kinds_end {
            let Some(kind) = self.varint(&mut kinds) else {
                return;
            };
            let width = match kind {
                1..=4 => usize::try_from(kind).unwrap_or(0),
                5 => 6,
                6 | 7 => 8,
                12.. => usize::try_from((kind - 12) / 2).unwrap_or(usize::MAX),
                _ => 0,
            };
            let Some(next) = at.checked_add(width) else {
                return;
            };
            let Some(bytes) = self.bytes.get(at..next.min(end)) else {
                return;
            };
            let place = self.at + at as u64;
            match (kind, <[u8; 8]>::try_from(bytes)) {
                (5, _) if bytes.len() == 6 => {
                    let low = number(bytes).to_string();
                    taker(place, Piece::Value(low.as_bytes()));
                }
                (6, Ok(bytes)) => {
                    let whole = i64::from_be_bytes(bytes).to_string();
                    taker(place, Piece::Value(whole.as_bytes()));
                }
                (12.., _) => taker(place, Piece::Value(bytes)),
                _ => {}
            }
            at = next;
        }
    }

    /// SQLite's numbers: seven bits a byte, and eight in the ninth.
    fn varint(&self, at: &mut usize) -> Option<u64> {
        let mut number = 0_u64;
        for n in 0..9 {
            let byte = *self.bytes.get(*at)?;
            *at += 1;
            if n == 8 {
                return Some(number << 8 | u64::from(byte));
            }
            number = number << 7 | u64::from(byte & 0x7f);
            if byte < 0x80 {
                break;
            }
        }
        Some(number)
    }
}

/// Bytes as a number, the highest first.
fn number(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A database with all kinds of values, in tables and indexes of many pages, and its log.
    fn files(page: u32) -> [Vec<u8>; 2] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.db");
        let db = rusqlite::Connection::open(&path).unwrap();
        db.execute_batch(&format!(
            "pragma page_size = {page}; pragma journal_mode = wal; pragma wal_autocheckpoint = 0;
             create table t (a text, n integer, card text, b text);
             create index i on t (card, b);"
        ))
        .unwrap();
        let mut insert = db.prepare("insert into t values (?1, ?2, ?3, ?4)").unwrap();
        for n in 0..200 {
            let long = "long ".repeat(n * 20);
            insert
                .execute((
                    &long,
                    4_000_000_000_000_i64 + i64::try_from(n).unwrap(),
                    format!("c{n}d"),
                    "after",
                ))
                .unwrap();
        }
        drop(insert);
        let log = std::fs::read(dir.path().join("x.db-wal")).unwrap();
        db.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))
            .unwrap();
        [std::fs::read(path).unwrap(), log]
    }

    fn values(bytes: &[u8], piece: usize) -> Vec<(u64, Vec<u8>)> {
        let mut pages = Pages::default();
        let mut found = Vec::new();
        for piece in bytes.chunks(piece) {
            pages.take(piece, &mut |at, piece| {
                if let Piece::Value(value) = piece {
                    found.push((at, value.to_vec()));
                }
            });
        }
        found
    }

    #[test]
    fn every_value_is_handed_out_alone_from_database_and_log() {
        for page in [512, 4_096, 65_536] {
            for (file, bytes) in files(page).iter().enumerate() {
                let found = values(bytes, 777);
                for n in 0..200 {
                    let card = format!("c{n}d").into_bytes();
                    let places: Vec<_> = found.iter().filter(|(_, value)| *value == card).collect();
                    // In the table and in the index, if its row was short enough for the page to hold all.
                    assert!(!places.is_empty(), "{page} {file} {n}");
                    for (at, _) in places {
                        let at = usize::try_from(*at).unwrap();
                        assert_eq!(&bytes[at..at + card.len()], &*card, "{page} {file} {n}");
                    }
                    let whole = (4_000_000_000_000_i64 + n).to_string().into_bytes();
                    let is_short = n < 3;
                    assert!(
                        !is_short || found.iter().any(|(_, value)| *value == whole),
                        "{page} {file} {n}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_no_database_is_left_alone() {
        assert_eq!(values(&[b'x'; 10_000], 100), Vec::new());
        assert_eq!(values(DATABASE, 3), Vec::new());
        // A page size that is none.
        let mut bytes = DATABASE.to_vec();
        bytes.resize(10_000, 3);
        assert_eq!(values(&bytes, 9), Vec::new());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn a_broken_file_breaks_nothing(
            file in 0_usize..2, harm in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..200),
            piece in 1_usize..5_000,
        ) {
            let mut bytes = FILES.with(|files| files[file].clone());
            for (at, byte) in harm {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            for (at, value) in values(&bytes, piece) {
                prop_assert!(at <= bytes.len() as u64 && value.len() <= 65_536);
            }
        }
    }

    thread_local! {
        static FILES: [Vec<u8>; 2] = files(1_024);
    }
}
