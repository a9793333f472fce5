//! PEM in every form that KCP's files have been seen in.
//!
//! Merchants keep them in files, environment variables, and JSON, so line ends come as LF, CRLF, not
//! at all, or as the two characters `\n`; text or "bag attributes" stand around the blocks; a byte
//! order mark stands in front; and some tools remove all white space, even from `BEGIN CERTIFICATE`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// One block of a PEM file.
pub(super) struct Block {
    /// What it says it is, without white space: `CERTIFICATE`, `ENCRYPTEDPRIVATEKEY`.
    pub(super) label: String,
    /// What it holds.
    pub(super) content: Content,
}

/// What a block holds.
pub(super) enum Content {
    Der(Zeroizing<Vec<u8>>),
    /// No end line, or not Base64: cut or damaged.
    Broken,
    /// Header lines of the time before PKCS#8 (`Proc-Type`, `DEK-Info`): a key in the traditional
    /// encryption of OpenSSL.
    Headers,
}

/// All blocks, in order.
pub(super) fn blocks(file: &[u8]) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut rest = file;
    while let Some((label, body)) = next_begin(rest) {
        let (inside, after) = match find(body, b"-----END") {
            Some(end) => {
                let end_label = &body[end + b"-----END".len()..];
                match find(end_label, b"-----") {
                    Some(close) if squeeze(&end_label[..close]) == label => {
                        (Some(&body[..end]), &end_label[close + 5..])
                    }
                    _ => (None, end_label),
                }
            }
            None => (None, &body[body.len()..]),
        };
        let content = inside.map_or(Content::Broken, read);
        blocks.push(Block {
            label: String::from_utf8_lossy(&label).into_owned(),
            content,
        });
        rest = after;
    }
    blocks
}

/// The one line that KCP's field `kcp_cert_info` wants: marks kept, line ends removed.
pub(super) fn one_line(der: &[u8]) -> String {
    format!(
        "-----BEGIN CERTIFICATE-----{}-----END CERTIFICATE-----",
        STANDARD.encode(der)
    )
}

/// The label of the next block and everything behind its first line.
fn next_begin(file: &[u8]) -> Option<(Zeroizing<Vec<u8>>, &[u8])> {
    const BEGIN: &[u8] = b"-----BEGIN";
    let label = &file[find(file, BEGIN)? + BEGIN.len()..];
    let close = find(label, b"-----")?;
    Some((squeeze(&label[..close]), &label[close + 5..]))
}

fn read(inside: &[u8]) -> Content {
    if inside.contains(&b':') {
        return Content::Headers;
    }
    let text = squeeze(inside);
    // Room for the whole text from the start, so that no part of a key is left behind by growing.
    let mut der = Zeroizing::new(vec![0; text.len()]);
    match STANDARD.decode_slice(text.as_slice(), &mut der) {
        Ok(length) if length > 0 => {
            der.truncate(length);
            Content::Der(der)
        }
        _ => Content::Broken,
    }
}

/// Without white space, and without line ends written as `\n` and `\r`.
fn squeeze(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut bytes = text.iter().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if matches!(bytes.peek(), Some(b'n' | b'r')) => _ = bytes.next(),
            byte if byte.is_ascii_whitespace() => {}
            byte => out.push(*byte),
        }
    }
    out
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(file: &str) -> Option<Vec<u8>> {
        match blocks(file.as_bytes()).as_slice() {
            [
                Block {
                    label,
                    content: Content::Der(der),
                },
            ] if label == "CERTIFICATE" => Some(der.to_vec()),
            _ => None,
        }
    }

    #[test]
    fn every_form_that_was_seen_reads_the_same() {
        let lf = "-----BEGIN CERTIFICATE-----\nAQID\nBAUG\n-----END CERTIFICATE-----\n";
        let forms = [
            lf.to_owned(),
            lf.replace('\n', "\r\n"),
            lf.replace('\n', ""),
            lf.replace('\n', "\\n"),
            lf.replace('\n', "\\r\\n"),
            lf.replace('\n', "  \n\t"),
            format!("\u{feff}{lf}"),
            format!("Bag Attributes\n    friendlyName: kcp\nsubject=CN = 1\n{lf}trailing text"),
            lf.split_whitespace().collect::<String>(),
        ];
        for form in forms {
            assert_eq!(
                one(&form).as_deref(),
                Some(&[1, 2, 3, 4, 5, 6][..]),
                "{form}"
            );
        }
    }

    #[test]
    fn cut_files_are_told_apart_from_none() {
        let whole = "-----BEGIN CERTIFICATE-----\nAQIDBAUG\n-----END CERTIFICATE-----";
        for cut in whole.find("AQ").unwrap()..whole.len() {
            let blocks = blocks(&whole.as_bytes()[..cut]);
            assert!(
                matches!(
                    blocks.as_slice(),
                    [Block {
                        content: Content::Broken,
                        ..
                    }]
                ),
                "{cut}"
            );
        }
        assert!(blocks(b"-----BEGIN CERTIFICATE").is_empty());
        assert!(blocks(b"").is_empty());
        let other = whole.replace("END CERTIFICATE", "END PRIVATE KEY");
        assert!(matches!(
            blocks(other.as_bytes())[0].content,
            Content::Broken
        ));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = blocks(&bytes);
        }

        #[test]
        fn any_near_pem_is_read_without_panic(
            text in "(-----BEGIN|-----END|-----| CERTIFICATE|AQID|\n|\\\\n|:|=){0,20}",
        ) {
            let _ = blocks(text.as_bytes());
        }
    }
}
