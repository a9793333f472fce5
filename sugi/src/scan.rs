//! Card numbers where there should be none: `sugi pan-scan`.
//!
//! What is looked for is a number that a card could have: as long as a brand's numbers are, beginning
//! like them, with a right check digit, standing by itself. Standing by itself matters most: hashes, ids
//! and times are long rows of digits, too, and one in ten has a right check digit by chance.

mod digits;
mod source;
mod sqlite;
mod streams;

use std::path::Path;

use aho_corasick::AhoCorasick;

pub(crate) use self::source::Trouble;
use self::{
    digits::Kind,
    sqlite::{Pages, Piece},
};

/// What is looked for besides card numbers: texts that were used in a test and must be nowhere.
#[derive(Debug, Clone, Default)]
pub(crate) struct Canaries(Option<AhoCorasick>);

impl Canaries {
    /// Each text as it is, and as two bytes an email.
    ///
    /// # Errors
    /// When one is longer than what is seen at a time, or they are too many.
    pub(crate) fn new(texts: &[String]) -> Result<Self, String> {
        let texts: Vec<_> = texts.iter().filter(|text| !text.is_empty()).collect();
        if texts.is_empty() {
            return Ok(Self(None));
        }
        if texts.iter().any(|text| text.len() > CANARY_MAX) {
            return Err(format!("a canary has at most {CANARY_MAX} bytes"));
        }
        let patterns = texts.iter().flat_map(|text| {
            let wide = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            [text.as_bytes().to_vec(), wide]
        });
        let all = AhoCorasick::new(patterns).map_err(|why| format!("too many canaries: {why}"))?;
        Ok(Self(Some(all)))
    }
}

/// Something that should not be there.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct IntegrityViolation {
    /// The file, and what is in it if it is an archive; or the table and the row.
    pub(crate) place: String,
    /// Where in it, in bytes.
    pub(crate) offset: u64,
    /// `card number` or `canary`.
    pub(crate) kind: &'static str,
    /// Its first six and last four digits, never more.
    pub(crate) masked: String,
}

/// The search: bytes come in pieces, and what lies across two of them is found as well.
pub(crate) struct Search {
    canaries: Canaries,
    violations: Vec<IntegrityViolation>,
    /// Files, what was packed in them, and texts.
    looked_through: u64,
    bytes: u64,
    place: String,
    /// How many findings there were before this place.
    before: usize,
    /// What was found in streams that lie in this place.
    within: Vec<IntegrityViolation>,
    pages: Pages,
    /// The end of what came before, which the next piece is looked at together with.
    kept: Vec<u8>,
    /// Where in the source that begins.
    at: u64,
    /// What begins before this place in the source was looked for.
    done: u64,
}

/// The longest thing that is looked for, with what has to stand around it.
const OVERLAP: usize = nhn_kcp::pan::SPAN;
/// The longest canary: of two bytes an email it has to be shorter than the overlap.
const CANARY_MAX: usize = 128;

/// What a search came to.
pub(crate) struct Outcome {
    pub(crate) violations: Vec<IntegrityViolation>,
    /// How many files, things packed in them, and texts were looked through.
    pub(crate) looked_through: u64,
    /// How many bytes that was, unpacked.
    pub(crate) bytes: u64,
}

impl Search {
    pub(crate) fn new(canaries: Canaries) -> Self {
        Self {
            canaries,
            violations: Vec::new(),
            looked_through: 0,
            bytes: 0,
            place: String::new(),
            before: 0,
            within: Vec::new(),
            pages: Pages::default(),
            kept: Vec::new(),
            at: 0,
            done: 0,
        }
    }

    /// Looks through a file, or a folder with all that is in it. Archives are opened, databases of SQLite
    /// taken apart. What could not be looked through comes back: such a look proves nothing.
    pub(crate) fn path(&mut self, path: &Path) -> Vec<Trouble> {
        source::walk(path, self)
    }

    /// Looks through one text.
    pub(crate) fn text(&mut self, place: &str, text: &str) {
        self.begin(place);
        self.take(text.as_bytes());
        self.end();
    }

    pub(crate) fn outcome(self) -> Outcome {
        Outcome {
            violations: self.violations,
            looked_through: self.looked_through,
            bytes: self.bytes,
        }
    }

    fn found(&mut self, offset: u64, kind: Kind, masked: String) {
        self.violations.push(IntegrityViolation {
            place: self.place.clone(),
            offset,
            kind: kind.as_str(),
            masked,
        });
    }

    /// Looks through what is kept. What begins in the last bytes is left for the next piece, in which it
    /// is whole, unless this was the last.
    fn look(&mut self, last: bool) {
        let overlap = if last { 0 } else { OVERLAP };
        let until = self.at + self.kept.len().saturating_sub(overlap) as u64;
        let mut found: Vec<(u64, Kind, String)> = digits::all(&self.kept)
            .into_iter()
            .chain(digits::coded(&self.kept))
            .map(|one| (self.at + one.at as u64, Kind::Card, one.masked))
            .collect();
        let canaries = self.canaries.0.iter();
        let seen = canaries.flat_map(|all| all.find_overlapping_iter(&self.kept));
        found.extend(seen.map(|one| (self.at + one.start() as u64, Kind::Canary, "…".into())));
        found.sort_by_key(|(offset, ..)| *offset);
        found.retain(|(at, ..)| (self.done..until).contains(at));
        for (offset, kind, masked) in found {
            self.found(offset, kind, masked);
        }
        self.done = self.done.max(until);
    }
}

impl Search {
    /// A search of its own, for what is packed inside of this place.
    fn beside(&self, place: &str) -> Self {
        let mut other = Self::new(self.canaries.clone());
        other.begin(place);
        other
    }

    /// Takes over what such a search has come to.
    fn absorb(&mut self, mut other: Self) {
        other.end();
        self.looked_through += other.looked_through;
        self.bytes += other.bytes;
        self.within.append(&mut other.violations);
    }

    fn begin(&mut self, place: &str) {
        place.clone_into(&mut self.place);
        self.before = self.violations.len();
        self.pages = Pages::default();
        self.looked_through += 1;
        self.kept.clear();
        (self.at, self.done) = (0, 0);
    }

    fn take(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let mut alone = Vec::new();
        self.pages.take(bytes, &mut |at, piece| {
            let cards = match piece {
                Piece::Value(value) => digits::all(value),
                Piece::Rest(rest) => digits::beside_others(rest),
            };
            let cards = cards.into_iter();
            alone.extend(cards.map(|one| (at + one.at as u64, one.masked)));
        });
        for (at, masked) in alone {
            self.found(at, Kind::Card, masked);
        }
        self.kept.extend_from_slice(bytes);
        self.look(false);
        // Twice the overlap: what was looked for is still seen to stand before what was not.
        let drop = self.kept.len().saturating_sub(2 * OVERLAP);
        self.kept.drain(..drop);
        self.at += drop as u64;
    }

    fn end(&mut self) {
        self.look(true);
        // A value that stands by itself in a page was found twice.
        let mut here = self.violations.split_off(self.before);
        here.sort_by(|one, other| (one.offset, one.kind).cmp(&(other.offset, other.kind)));
        here.dedup_by(|one, other| (one.offset, one.kind) == (other.offset, other.kind));
        self.violations.append(&mut here);
        self.violations.append(&mut self.within);
    }
}

#[cfg(test)]
mod tests;
