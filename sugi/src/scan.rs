//! Card numbers where there should be none: `sugi pan-scan`.
//!
//! What is looked for is a number that a card could have: as long as a brand's numbers are, beginning
//! like them, with a right check digit, standing by itself. Standing by itself matters most: hashes, ids
//! and times are long rows of digits, too, and one in ten has a right check digit by chance.

mod digits;
mod source;

use std::path::Path;

pub(crate) use self::source::Trouble;
use self::{
    digits::{Finder, Kind},
    source::Sink,
};

/// What is looked for besides card numbers: texts that were used in a test and must be nowhere.
#[derive(Debug, Clone, Default)]
pub(crate) struct Canaries(Vec<Vec<u8>>);

impl Canaries {
    /// Each text as it is, and as two bytes a letter.
    pub(crate) fn new(texts: &[String]) -> Self {
        let texts = texts.iter().filter(|text| !text.is_empty());
        Self(
            texts
                .flat_map(|text| {
                    let wide = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
                    [text.clone().into_bytes(), wide]
                })
                .collect(),
        )
    }
}

/// Something that should not be there.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Finding {
    /// The file, and what is in it if it is an archive; or the table and the row.
    pub(crate) place: String,
    /// Where in it, in bytes.
    pub(crate) offset: u64,
    /// `card number` or `canary`.
    pub(crate) kind: &'static str,
    /// Its first six and last four digits, never more.
    pub(crate) masked: String,
}

/// Looks through a file, or a folder with all that is in it. Archives (gzip, zip) are opened.
///
/// # Errors
/// What could not be read; what was found before that is lost, because a look that is not whole proves
/// nothing.
pub(crate) fn path(path: &Path, canaries: &Canaries) -> Result<Vec<Finding>, Trouble> {
    let mut sink = Search::new(canaries);
    source::walk(path, &mut sink)?;
    Ok(sink.findings)
}

/// Looks through one text.
pub(crate) fn text(place: &str, text: &str, canaries: &Canaries) -> Vec<Finding> {
    let mut sink = Search::new(canaries);
    sink.begin(place);
    sink.take(text.as_bytes());
    sink.end();
    sink.findings
}

/// The search itself: bytes come in pieces, and what lies across two of them is found as well.
struct Search<'a> {
    canaries: &'a Canaries,
    findings: Vec<Finding>,
    place: String,
    /// The end of what came before, which the next piece is looked at together with.
    kept: Vec<u8>,
    /// Where in the source that begins.
    at: u64,
    /// What begins before this place in the source was looked for.
    done: u64,
}

/// The longest thing that is looked for, with what has to stand around it: nineteen digits of three
/// bytes each, a separator after each.
const OVERLAP: usize = 256;

impl<'a> Search<'a> {
    fn new(canaries: &'a Canaries) -> Self {
        Self {
            canaries,
            findings: Vec::new(),
            place: String::new(),
            kept: Vec::new(),
            at: 0,
            done: 0,
        }
    }

    /// Looks through what is kept. What begins in the last bytes is left for the next piece, in which it
    /// is whole, unless this was the last.
    fn look(&mut self, last: bool) {
        let overlap = if last { 0 } else { OVERLAP };
        let until = self.at + self.kept.len().saturating_sub(overlap) as u64;
        let mut found: Vec<(u64, Kind, String)> = Finder::all(&self.kept)
            .into_iter()
            .map(|one| (self.at + one.at as u64, Kind::Card, one.masked))
            .collect();
        for canary in &self.canaries.0 {
            let mut from = 0;
            while let Some(at) = find(&self.kept[from..], canary) {
                found.push((self.at + (from + at) as u64, Kind::Canary, "…".into()));
                from += at + 1;
            }
        }
        found.sort_by_key(|(offset, ..)| *offset);
        let fresh = found
            .into_iter()
            .filter(|(at, ..)| (self.done..until).contains(at));
        let place = &self.place;
        self.findings
            .extend(fresh.map(|(offset, kind, masked)| Finding {
                place: place.clone(),
                offset,
                kind: kind.as_str(),
                masked,
            }));
        self.done = self.done.max(until);
    }
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    let first = *text.first()?;
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|byte| *byte == first) {
        let at = from + at;
        if bytes[at..].starts_with(text) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

impl Sink for Search<'_> {
    fn begin(&mut self, place: &str) {
        place.clone_into(&mut self.place);
        self.kept.clear();
        (self.at, self.done) = (0, 0);
    }

    fn take(&mut self, bytes: &[u8]) {
        self.kept.extend_from_slice(bytes);
        self.look(false);
        // Twice the overlap: what was looked for is still seen to stand before what was not.
        let drop = self.kept.len().saturating_sub(2 * OVERLAP);
        self.kept.drain(..drop);
        self.at += drop as u64;
    }

    fn end(&mut self) {
        self.look(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CARD: &str = "4111111111111111";

    fn in_pieces(bytes: &[u8], piece: usize) -> Vec<u64> {
        let canaries = Canaries::default();
        let mut search = Search::new(&canaries);
        search.begin("x");
        for piece in bytes.chunks(piece) {
            search.take(piece);
        }
        search.end();
        search.findings.iter().map(|found| found.offset).collect()
    }

    proptest! {
        #[test]
        fn a_card_is_found_once_wherever_it_lies_and_however_it_comes(
            before in 0_usize..3_000, after in 0_usize..1_500, piece in 1_usize..2_000, form in 0_usize..4,
        ) {
            let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
            let card = match form {
                0 => CARD.as_bytes().to_vec(),
                1 => b"4111-1111-1111-1111".to_vec(),
                2 => wide(CARD),
                _ => "４１１１１１１１１１１１１１１１".as_bytes().to_vec(),
            };
            let mut bytes = vec![b'.'; before];
            bytes.extend(&card);
            bytes.extend(vec![b'.'; after]);
            prop_assert_eq!(in_pieces(&bytes, piece), vec![before as u64]);
        }

        #[test]
        fn hashes_ids_and_times_are_no_cards(noise in "([0-9a-f]{64} |pay_[0-9a-f]{32} |17[0-9]{14} |26[0-9]{12} ){1,40}") {
            // A row of hexadecimal digits can be digits only; one in a hundred million is.
            prop_assume!(!noise.split(' ').any(|word| word.bytes().all(|b| b.is_ascii_digit()) && word.len() > 16));
            prop_assert_eq!(in_pieces(noise.as_bytes(), 777), Vec::<u64>::new());
        }
    }

    #[test]
    fn canaries_are_found_in_both_widths() {
        let canaries = Canaries::new(&["2208162517".into()]);
        let wide: Vec<u8> = "x2208162517"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "a2208162517b").unwrap();
        std::fs::write(dir.path().join("b"), wide).unwrap();
        let found = path(dir.path(), &canaries).unwrap();
        let places: Vec<_> = found.iter().map(|one| (one.kind, one.offset)).collect();
        assert_eq!(places, [("canary", 1), ("canary", 2)]);
        assert!(!format!("{found:?}").contains("2208162517"));
    }

    #[test]
    fn archives_are_opened() {
        use std::io::Write as _;
        let dir = tempfile::tempdir().unwrap();
        let gz = std::fs::File::create(dir.path().join("log.gz")).unwrap();
        let mut gz = flate2::write::GzEncoder::new(gz, flate2::Compression::default());
        write!(gz, "card {CARD}.").unwrap();
        gz.finish().unwrap();
        let file = std::fs::File::create(dir.path().join("book.xlsx")).unwrap();
        let mut zip = zip::ZipWriter::new(file);
        zip.start_file("sheet.xml", zip::write::SimpleFileOptions::default())
            .unwrap();
        write!(zip, "<v>{CARD}</v>").unwrap();
        zip.finish().unwrap();
        let mut places: Vec<_> = path(dir.path(), &Canaries::default())
            .unwrap()
            .into_iter()
            .map(|one| {
                (
                    one.place.rsplit('/').next().unwrap().to_owned(),
                    one.offset,
                    one.masked,
                )
            })
            .collect();
        places.sort();
        let masked = || "411111******1111".to_owned();
        assert_eq!(
            places,
            [
                ("book.xlsx: sheet.xml".into(), 3, masked()),
                ("log.gz (unpacked)".into(), 5, masked())
            ]
        );
    }
}
