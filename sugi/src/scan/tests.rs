//! What is found, wherever it is and however it is packed.

use std::io::Write as _;

use proptest::prelude::*;

use super::*;

const CARD: &str = "4111111111111111";

fn look_through(path: &Path, canaries: Canaries) -> Vec<IntegrityViolation> {
    let mut search = Search::new(canaries);
    assert!(search.path(path).is_empty());
    search.outcome().violations
}

fn in_pieces(bytes: &[u8], piece: usize) -> Vec<u64> {
    let mut search = Search::new(Canaries::default());
    search.begin("x");
    for piece in bytes.chunks(piece) {
        search.take(piece);
    }
    search.end();
    search.violations.iter().map(|found| found.offset).collect()
}

proptest! {
    #[test]
    fn a_card_is_found_once_wherever_it_lies_and_however_it_comes(
        before in 0_usize..3_000, after in 0_usize..1_500, piece in 1_usize..2_000, form in 0_usize..7,
    ) {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        let card = match form {
            0 => CARD.as_bytes().to_vec(),
            1 => b"4111-1111-1111-1111".to_vec(),
            2 => wide(CARD),
            3 => wide("4111\u{a0}1111\u{a0}1111\u{a0}1111"),
            4 => b"4111</td>\n          <td class=\"digits\">1111</td><td>1111</td> <td>1111".to_vec(),
            5 => b"4111%20%2D%201111\\u0020&nbsp;-1111&#160;1111".to_vec(),
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
fn numbers_of_rows_that_stand_next_to_each_other_are_no_card() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.db");
    let mut db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(
        "pragma secure_delete = off;
         create table t (at int, first6 text, id text, last4 text, at_text text, amount int);
         create index i on t (last4, at); create index j on t (at_text, last4)",
    )
    .unwrap();
    let rows = db.transaction().unwrap();
    for n in 0..20_000_i64 {
        // Times in microseconds, of which one in ten has a right check digit.
        let at = 1_764_000_000_000_000 + n * 7_919_123;
        rows.execute(
            "insert into t values (?1, '411111', ?2, ?3, ?4, ?5)",
            rusqlite::params![
                at,
                format!("pay_{n:04}"),
                format!("{:04}", n * 7 % 10_000),
                format!("T2026-11-26 12:00:{:02}.{:06}", n % 60, at % 1_000_000),
                n,
            ],
        )
        .unwrap();
    }
    rows.execute("delete from t where amount % 3 = 0", [])
        .unwrap();
    rows.commit().unwrap();
    drop(db);
    let csv = (0..5_000_u64).map(|n| {
        let at = 1_764_000_000_000_000 + n * 7_919_123;
        format!(
            "{at},{},{at} 2026-11-26 12:00:{:02}.{:06}\n",
            at + 1,
            n % 60,
            n
        )
    });
    std::fs::write(dir.path().join("x.csv"), csv.collect::<String>()).unwrap();
    let found = look_through(dir.path(), Canaries::default());
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn canaries_are_found_in_both_widths() {
    let canaries = Canaries::new(&["2208162517".into()]).unwrap();
    let wide: Vec<u8> = "x2208162517"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a"), "a2208162517b").unwrap();
    std::fs::write(dir.path().join("b"), wide).unwrap();
    let found = look_through(dir.path(), canaries);
    let places: Vec<_> = found.iter().map(|one| (one.kind, one.offset)).collect();
    assert_eq!(places, [("canary", 1), ("canary", 2)]);
    assert!(!format!("{found:?}").contains("2208162517"));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn zip(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut packed = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    packed.start_file(name, options).unwrap();
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap().into_inner()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::XzOptions::with_preset(1);
    let mut packed = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn tar(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut packed = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes.len() as u64);
    packed.append_data(&mut header, name, bytes).unwrap();
    packed.into_inner().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// What is found in a file: what of the place comes behind its name, where, and what.
fn in_file(bytes: &[u8]) -> Vec<(String, u64, String)> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, bytes).unwrap();
    let found = look_through(dir.path(), Canaries::default());
    let name = file.display().to_string();
    let place = |one: &IntegrityViolation| one.place.strip_prefix(&name).unwrap().to_owned();
    found
        .iter()
        .map(|one| (place(one), one.offset, one.masked.clone()))
        .collect()
}

#[test]
fn what_is_packed_is_unpacked_however_often() {
    let plain = format!("card {CARD}.").into_bytes();
    // Two members behind each other are one file, cut through the card.
    let members = |pack: fn(&[u8]) -> Vec<u8>| [pack(&plain[..9]), pack(&plain[9..])].concat();
    for (packed, place) in [
        (gzip(&plain), " (unpacked)"),
        (xz(&plain), " (unpacked)"),
        (zstd(&plain), " (unpacked)"),
        (zip("sheet.xml", &plain), ": sheet.xml"),
        (tar("a", &plain), ": a"),
        (gzip(&tar("a", &plain)), " (unpacked): a"),
        (members(gzip), " (unpacked)"),
        (members(xz), " (unpacked)"),
        (members(zstd), " (unpacked)"),
        (
            gzip(&zip("a.xz", &xz(&plain))),
            " (unpacked): a.xz (unpacked)",
        ),
        (
            zip("a", &zip("b", &zstd(&gzip(&plain)))),
            ": a: b (unpacked) (unpacked)",
        ),
    ] {
        let expected = vec![(place.to_owned(), 5, "411111******1111".to_owned())];
        assert_eq!(in_file(&packed), expected);
    }
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// Bytes that no packer makes shorter, without a card number in them.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        b"abcdefghijklmnopqrstuvwxyzABCDEF"[usize::try_from(state >> 59).unwrap()]
    });
    next.take(length).collect()
}

#[test]
fn streams_inside_of_other_bytes_are_unpacked() {
    let text = [
        &noise(300_000)[..],
        b" card 4111111111111111 ",
        &noise(300_000),
    ]
    .concat();
    let pdf = |text: &[u8]| {
        let packed = zlib(text);
        let head = format!(
            "%PDF-1.7\n1 0 obj <</Length {} /Filter /FlateDecode>>\nstream\n",
            packed.len()
        );
        [head.as_bytes(), &packed, b"\nendstream\nendobj\n"].concat()
    };
    let short = b"BT (card 4111111111111111) Tj ET";
    for (name, bytes) in [
        ("alone", zlib(&text)),
        ("in a PDF", pdf(&text)),
        ("a short one", pdf(short)),
        (
            "behind another",
            [pdf(b"nothing here, and more of it"), pdf(short)].concat(),
        ),
        ("deep in a file", [noise(700_000), pdf(&text)].concat()),
        ("across two pieces", [noise(262_140), zlib(&text)].concat()),
        ("packed again", gzip(&pdf(&text))),
        ("in an archive", zip("a.pdf", &pdf(short))),
    ] {
        let found = in_file(&bytes);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert!(found[0].0.contains("stream at byte"), "{name}: {found:?}");
        assert_eq!(found[0].2, "411111******1111");
    }
    assert!(in_file(&pdf(&noise(100_000))).is_empty());
}

/// A real dump of a real database.
#[test]
fn a_dump_of_postgresql_is_unpacked() {
    let database = pg_for_tests::database();
    let filler = String::from_utf8(noise(3_000)).unwrap();
    database.sql("create table t (n bigint, a text)");
    let insert = format!(
        "insert into t select n, md5(n::text) || '{filler}' || case when n = 900 then ' {CARD} ' else '' end
         from generate_series(1, 1000) as n"
    );
    database.sql(&insert);
    for packed in ["6", "0"] {
        let file = tempfile::NamedTempFile::new().unwrap();
        let made = std::process::Command::new(pg_dump())
            .args(["-Fc", "-Z", packed, "-d", database.url(), "-f"])
            .arg(file.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let found = look_through(file.path(), Canaries::default());
        assert_eq!(found.len(), 1, "{packed}: {found:?}");
        let bytes = std::fs::read(file.path()).unwrap();
        assert_eq!(in_file(&gzip(&bytes)).len(), 1, "{packed}");
    }
}

/// PostgreSQL's own program, beside its server.
fn pg_dump() -> std::path::PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").unwrap();
    let programs = versions.map(|version| version.unwrap().path().join("bin/pg_dump"));
    programs.filter(|program| program.exists()).max().unwrap()
}

#[test]
fn what_was_encoded_whole_is_found() {
    use base64::Engine as _;
    let plain = base64::engine::general_purpose::STANDARD;
    let url = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    for before in ["", "a", "ab", "abc\u{ff}?>"] {
        let text = format!("{before} card {CARD}, and more after it");
        let packed = plain.encode(&text);
        let lines: Vec<_> = packed.as_bytes().chunks(16).collect();
        let hex = text
            .bytes()
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        for coded in [
            packed.clone(),
            url.encode(&text),
            format!("body={packed}"),
            String::from_utf8(lines.join(&b"\r\n"[..])).unwrap(),
            hex.clone(),
            hex.to_uppercase(),
            format!("\\x{hex}"),
        ] {
            let found = in_file(coded.as_bytes());
            assert_eq!(found.len(), 1, "{coded}: {found:?}");
            assert_eq!(found[0].2, "411111******1111");
        }
    }
    assert_eq!(in_file(plain.encode(CARD).as_bytes()).len(), 1);
}

#[test]
fn what_cannot_be_unpacked_is_no_proof() {
    let plain = CARD.as_bytes();
    let deep = (0..5).fold(plain.to_vec(), |packed, _| gzip(&packed));
    let cut = gzip(plain);
    let broken = zip("a", plain);
    for (bytes, why) in [
        (deep, "packed more than"),
        (b"BZh91AY&SY".to_vec(), "not opened here"),
        (b"PGDMP\x01\x0f\x00\x04\x08\x01\x02...".to_vec(), "lz4"),
        (gzip(b"Rar!\x1a\x07"), "not opened here"),
        (cut[..cut.len() - 9].to_vec(), ""),
        (broken[..broken.len() / 2].to_vec(), ""),
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, bytes).unwrap();
        let refused = Search::new(Canaries::default()).path(file.path());
        let [refused] = &refused[..] else {
            panic!("{refused:?}")
        };
        assert!(refused.to_string().contains(why), "{refused}");
    }
}

#[test]
fn what_cannot_be_read_hides_nothing_that_was_found() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    file("a.txt", CARD.as_bytes());
    file("b.gz", &gzip(CARD.as_bytes())[..12]);
    file("c.txt", CARD.as_bytes());
    let mut search = Search::new(Canaries::default());
    assert_eq!(search.path(dir.path()).len(), 1);
    assert_eq!(search.outcome().violations.len(), 2);
}

#[test]
fn a_link_that_is_named_is_followed_and_one_that_is_found_is_not() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = there.path().join("log");
    std::fs::write(&file, CARD).unwrap();
    let link = here.path().join("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let found = look_through(&link, Canaries::default());
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].place,
        link.display().to_string(),
        "as it was named"
    );
    assert!(look_through(here.path(), Canaries::default()).is_empty());
    let nothing = Search::new(Canaries::default()).path(Path::new("/dev/null"));
    assert!(
        nothing[0]
            .to_string()
            .contains("neither a file nor a folder")
    );
}

/// A database with a card in a column of its own, between others' letters and digits: the bytes of
/// the file, and of its log before they came home.
fn database(insert: &str) -> [Vec<u8>; 2] {
    let dir = tempfile::tempdir().unwrap();
    let db = rusqlite::Connection::open(dir.path().join("x.db")).unwrap();
    db.execute_batch("pragma journal_mode = wal; create table t (a, b, c)")
        .unwrap();
    db.execute(insert, []).unwrap();
    let log = std::fs::read(dir.path().join("x.db-wal")).unwrap();
    drop(db);
    [std::fs::read(dir.path().join("x.db")).unwrap(), log]
}

#[test]
fn a_value_of_a_database_is_found_whatever_stands_beside_it() {
    for insert in [
        "insert into t values ('name', '4111111111111111', 'then')",
        "insert into t values ('99', '4111111111111111', '77')",
        "insert into t values ('name', 4111111111111111, 'then')",
        "insert into t values (x'31', cast('4111111111111111' as blob), 1)",
    ] {
        for (file, bytes) in database(insert).iter().enumerate() {
            let found = in_file(bytes);
            assert_eq!(found.len(), 1, "{insert} {file}: {found:?}");
            assert_eq!(found[0].2, "411111******1111");
            // Packed, as backups are, just as well.
            assert_eq!(in_file(&gzip(bytes)).len(), 1, "{insert} {file}");
        }
    }
}

#[test]
fn what_is_no_value_any_more_is_found_and_hashes_are_not() {
    let hash = "4111111111111111".repeat(4);
    for sql in [
        // Behind a column that goes on in other pages.
        &*format!(
            "insert into t values ('{}', '{CARD}', 'abc')",
            "x".repeat(9_000)
        ),
        // Deleted, and not overwritten: beside what was deleted with it.
        &format!(
            "insert into t values ('abc', '{CARD}', 'def'), (1, 2, 3); delete from t where b = '{CARD}'"
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.db");
        let db = rusqlite::Connection::open(&path).unwrap();
        db.execute_batch(&format!(
            "pragma secure_delete = off; create table t (a, b, c); {sql}"
        ))
        .unwrap();
        drop(db);
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(in_file(&bytes).len(), 1, "{sql:.60}");
        let packed = in_file(&gzip(&tar("backup/x.db", &bytes)));
        assert_eq!(packed.len(), 1, "{sql:.60}");
        assert_eq!(packed[0].0, " (unpacked): backup/x.db");
    }
    let dir = tempfile::tempdir().unwrap();
    let db = rusqlite::Connection::open(dir.path().join("x.db")).unwrap();
    db.execute_batch(&format!(
        "pragma secure_delete = off; create table t (a, b, c);
         insert into t values ('{}', '{hash}', 'pay_{}'), (1, 2, 3); delete from t where a <> 1",
        "x".repeat(9_000),
        &hash[..32]
    ))
    .unwrap();
    drop(db);
    assert!(look_through(dir.path(), Canaries::default()).is_empty());
}
