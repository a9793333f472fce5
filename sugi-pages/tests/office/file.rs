//! Downloads: the bytes of an answer, however they were sent, and what stands in a workbook.

use std::io::{Cursor, Read as _};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{page::between, test_app::TestApp};

pub(crate) struct File {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) bytes: Vec<u8>,
    /// Whether it came to its own end, rather than breaking off.
    pub(crate) whole: bool,
}

impl TestApp {
    /// Sends a form and takes what comes as a file.
    pub(crate) async fn download(&self, cookie: &str, form: &str) -> File {
        let request = self
            .request("POST", "/day/export")
            .header("cookie", cookie)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let bytes = [request.head().as_bytes(), form.as_bytes()].concat();
        stream.write_all(&bytes).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        File::of(&bytes)
    }
}

impl File {
    fn of(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let (head, body) = bytes.split_at(end.unwrap() + 4);
        let head = String::from_utf8(head.to_vec()).unwrap().to_lowercase();
        let status = head[9..12].parse().unwrap();
        let (bytes, whole) = if head.contains("transfer-encoding: chunked") {
            unchunked(body)
        } else {
            (body.to_vec(), true)
        };
        Self {
            status,
            head,
            bytes,
            whole,
        }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    /// The rows of a CSV file, its headings first.
    pub(crate) fn csv(&self) -> Vec<Vec<String>> {
        assert_eq!(self.status, 200, "{}", self.head);
        assert!(self.whole, "it broke off");
        let text = self.text().strip_prefix('\u{feff}').expect("the mark");
        csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(text.as_bytes())
            .records()
            .map(|row| row.unwrap().iter().map(str::to_owned).collect())
            .collect()
    }

    /// The sheet of a workbook as it is written in it.
    pub(crate) fn sheet(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.head);
        assert!(self.whole, "it broke off");
        let mut book = zip::ZipArchive::new(Cursor::new(&self.bytes)).unwrap();
        let mut sheet = book.by_name("xl/worksheets/sheet1.xml").unwrap();
        let mut text = String::new();
        sheet.read_to_string(&mut text).unwrap();
        text
    }

    /// The rows of a workbook's sheet, its headings first.
    pub(crate) fn xlsx(&self) -> Vec<Vec<String>> {
        let cell = |cell: &str| {
            let inner = [
                ("<t>", "</t>"),
                ("<t xml:space=\"preserve\">", "</t>"),
                ("<v>", "</v>"),
            ];
            let found = inner.iter().find_map(|(open, close)| {
                between(cell, open, close)
                    .first()
                    .map(|text| (*text).to_owned())
            });
            found.unwrap_or_default()
        };
        between(&self.sheet(), "<row ", "</row>")
            .into_iter()
            .map(|row| between(row, "<c ", "</c>").into_iter().map(cell).collect())
            .collect()
    }
}

/// Puts together what was sent in chunks; `false` when the last one is missing.
fn unchunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        let from = end + 2;
        if size == 0 {
            return (bytes, true);
        }
        let Some(chunk) = rest.get(from..from + size) else {
            return (bytes, false);
        };
        bytes.extend_from_slice(chunk);
        rest = rest.get(from + size + 2..).unwrap_or_default();
    }
    (bytes, false)
}
