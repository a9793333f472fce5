//! `POST /day/export`: a span's payments as a file, streamed: as little is in memory for a year of
//! them as for an hour.
//!
//! Nothing of a card but its last four digits goes out. A cell that a spreadsheet would take for a
//! formula gets an apostrophe in front, so that a buyer's name cannot run anything.

use axum::{
    Extension,
    body::Body,
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use sugi_access::What;
use sugi_api::Audited;
use sugi_store::{Filter, GROUPS_MOST, StoreError, Summary};
use tokio::sync::mpsc;

use super::{
    messages::DayMessages,
    running::{Counter, Running},
    span::{Span, SpanQuery},
};
use crate::{
    Pages,
    current_operator::CurrentOperator,
    error_page::ErrorPage,
    form::Form,
    lang::{Lang, fill},
    layout::{Layout, Part},
    messages, write,
};

/// The most payments of a file.
const ROWS_MOST: u64 = 200_000;
/// So that a Korean spreadsheet reads the file as what it is.
const UTF8_MARK: &str = "\u{feff}";
/// Pages of rows that may wait to be written.
const PAGES_WAITING: usize = 2;
/// How much of a finished file is sent at a time.
const CHUNK: usize = 64 * 1024;

/// Which kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ExportKind {
    Csv,
    Xlsx,
}

pub(crate) async fn export(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
    form: Form,
) -> Result<Response, ErrorPage> {
    let (lang, w) = (
        current_operator.lang,
        DayMessages::of(current_operator.lang),
    );
    let kind = if form.get("as") == "xlsx" {
        ExportKind::Xlsx
    } else {
        ExportKind::Csv
    };
    let ask = SpanQuery {
        from: form.get("from").into(),
        until: form.get("until").into(),
    };
    let span = ask.span(pages.access().clock().now());
    let Ok(span) = span else {
        return refused(&pages, &current_operator, w.bad_span).await;
    };
    let shops = current_operator.operator().shops.clone();
    let (from, until) = span.moments();
    let store = pages.store();
    let groups = store.report(from, until, &shops).await?;
    let rows = groups.iter().map(|group| group.count).sum::<u64>();
    if rows > ROWS_MOST || groups.len() >= GROUPS_MOST as usize {
        let most = write::grouped(ROWS_MOST);
        return refused(&pages, &current_operator, &fill(w.e_many, &[&most])).await;
    }
    // Before a confirmation is used up.
    let me = &current_operator.operator().name;
    let Some(running) = pages.0.exports.begin(form.get("progress"), me, rows) else {
        let page = said(&pages, &current_operator, w.e_busy).await?;
        return Ok((StatusCode::TOO_MANY_REQUESTS, page).into_response());
    };
    match leave(
        &pages,
        &current_operator,
        span,
        form.maybe("approval_request"),
    )
    .await?
    {
        Leave::Given => {}
        Leave::Asked => return Ok(Redirect::to("/approvals").into_response()),
        Leave::None => {
            let page = said(&pages, &current_operator, w.e_wish).await?;
            return Ok((StatusCode::CONFLICT, page).into_response());
        }
    }
    let filter = Filter {
        shops,
        from: Some(from),
        until: Some(until),
        limit: Filter::MOST,
        ..Filter::default()
    };
    let rows = read(pages.clone(), filter, running.counter());
    let (body, name, mime) = match kind {
        ExportKind::Csv => (
            csv(lang, w, rows, running),
            "csv",
            "text/csv; charset=utf-8",
        ),
        ExportKind::Xlsx => (
            xlsx(lang, w, rows, running),
            "xlsx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
    };
    let name = format!(
        "attachment; filename=\"sugi-{}-{}.{name}\"",
        span.from, span.until
    );
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(mime)),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment")),
        ),
    ];
    let seen = Audited(format!("export {}..{}", span.from, span.until));
    Ok((Extension(seen), headers, body).into_response())
}

/// Whether an export may go out.
enum Leave {
    Given,
    /// A second person was asked.
    Asked,
    /// An approval request was named that does not give it: not confirmed, used up, or of something else.
    None,
}

/// Where an export takes a second person, one confirmation is one file.
async fn leave(
    pages: &Pages,
    current_operator: &CurrentOperator,
    span: Span,
    approval_request: Option<&str>,
) -> Result<Leave, ErrorPage> {
    let (access, me) = (pages.access(), &current_operator.operator().name);
    if !access.rules().second_person.export {
        return Ok(Leave::Given);
    }
    // What is confirmed is what goes out: a file of other shops takes another confirmation.
    let what = What::Export {
        query: span.query(),
        shops: current_operator.operator().shops.clone(),
    };
    let Some(approval_request) = approval_request else {
        let open = access.open_approval_requests().await?;
        if !open.iter().any(|one| one.what == what && one.by == *me) {
            access.approval_request(what, me).await?;
        }
        return Ok(Leave::Asked);
    };
    let approval_request = access.approval_request_of(approval_request).await?;
    let given = approval_request.filter(|approval_request| {
        approval_request.is_confirmed(access.clock().now())
            && approval_request.what == what
            && approval_request.by == *me
    });
    match given {
        // Of two that fetch at once, one has used it up.
        Some(approval_request)
            if access
                .approval_request_done(&approval_request.id, "done")
                .await? =>
        {
            Ok(Leave::Given)
        }
        _ => Ok(Leave::None),
    }
}

async fn refused(
    pages: &Pages,
    current_operator: &CurrentOperator,
    why: &str,
) -> Result<Response, ErrorPage> {
    let page = said(pages, current_operator, why).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

async fn said(
    pages: &Pages,
    current_operator: &CurrentOperator,
    why: &str,
) -> Result<Response, ErrorPage> {
    let w = DayMessages::of(current_operator.lang);
    let layout = Layout::around(pages, current_operator, Part::Day, w.title).await?;
    Ok(crate::error_page::said(layout, why))
}

type Rows = mpsc::Receiver<Result<Vec<Summary>, StoreError>>;

/// Reads page after page, for as long as someone takes them.
fn read(pages: Pages, mut filter: Filter, counter: Counter) -> Rows {
    let (rows, taken) = mpsc::channel(PAGES_WAITING);
    tokio::spawn(async move {
        loop {
            let page = pages.store().list(filter.clone()).await;
            let more = page.as_ref().is_ok_and(|page| page.more);
            counter.read(page.as_ref().map_or(0, |page| page.payments.len()));
            filter.before = page
                .as_ref()
                .ok()
                .and_then(|page| page.payments.last())
                .map(|last| last.id.clone());
            if rows.send(page.map(|page| page.payments)).await.is_err() || !more {
                return;
            }
        }
    });
    taken
}

fn csv(lang: Lang, w: &'static DayMessages, rows: Rows, running: Running) -> Body {
    let head = [UTF8_MARK.as_bytes(), &line(headings(w).iter().copied())].concat();
    let stream =
        futures_util::stream::unfold((Some(head), rows, running), move |state| async move {
            let (head, mut rows, running) = state;
            if let Some(head) = head {
                return Some((Ok(Bytes::from(head)), (None, rows, running)));
            }
            // A file that breaks off must not look whole: an error ends the download as one.
            let page = rows.recv().await?;
            let text = page.map(|page| {
                let lines = page
                    .iter()
                    .map(|one| line(cells(lang, one).iter().map(|one| &**one)));
                Bytes::from(lines.collect::<Vec<_>>().concat())
            });
            Some((text.map_err(std::io::Error::other), (None, rows, running)))
        });
    Body::from_stream(stream)
}

fn line<'a>(cells: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    // Into memory nothing fails.
    let _ = writer.write_record(cells.map(|cell| harmless(cell).into_owned()));
    writer.into_inner().unwrap_or_default()
}

/// A workbook is only whole when it is finished, so it is written to a file that no one else sees and
/// that is gone when it was sent.
fn xlsx(lang: Lang, w: &'static DayMessages, rows: Rows, running: Running) -> Body {
    let (chunks, sent) = mpsc::channel::<Result<Bytes, std::io::Error>>(PAGES_WAITING);
    tokio::task::spawn_blocking(move || {
        let failed = |why: &dyn std::fmt::Display| {
            tracing::error!(%why, "a workbook could not be written");
            std::io::Error::other("the file could not be written")
        };
        let written = workbook(lang, w, rows, &chunks).map_err(|why| failed(&why));
        match written {
            Ok(file) => send(&file, &chunks),
            Err(why) => drop(chunks.blocking_send(Err(why))),
        }
    });
    let stream = futures_util::stream::unfold((sent, running), |(mut sent, running)| async {
        let chunk = sent.recv().await?;
        Some((chunk, (sent, running)))
    });
    Body::from_stream(stream)
}

type Failed = Box<dyn std::error::Error + Send + Sync>;
type Chunks = mpsc::Sender<Result<Bytes, std::io::Error>>;

fn workbook(
    lang: Lang,
    w: &'static DayMessages,
    mut rows: Rows,
    chunks: &Chunks,
) -> Result<tempfile::NamedTempFile, Failed> {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet_with_constant_memory()?;
    for (column, name) in (0..).zip(headings(w)) {
        sheet.write_string(0, column, name)?;
    }
    let mut at = 0;
    while let Some(page) = rows.blocking_recv() {
        // Whoever asked has hung up.
        if chunks.is_closed() {
            break;
        }
        for one in page? {
            at += 1;
            for (column, cell) in (0..).zip(cells(lang, &one)) {
                // Text is never a formula here, no matter what it begins with.
                match cell.parse::<f64>() {
                    Ok(number) if is_amount(column) => sheet.write_number(at, column, number)?,
                    _ => sheet.write_string(at, column, cell)?,
                };
            }
        }
    }
    let file = tempfile::NamedTempFile::new()?;
    book.save(file.path())?;
    Ok(file)
}

fn send(file: &tempfile::NamedTempFile, chunks: &Chunks) {
    use std::io::Read as _;
    let mut from = match std::fs::File::open(file.path()) {
        Ok(from) => from,
        Err(why) => return drop(chunks.blocking_send(Err(why))),
    };
    loop {
        let mut chunk = vec![0; CHUNK];
        let read = from.read(&mut chunk).map(|read| {
            chunk.truncate(read);
            Bytes::from(chunk)
        });
        let over = read.as_ref().map_or(true, Bytes::is_empty);
        if read.as_ref().is_ok_and(Bytes::is_empty) || chunks.blocking_send(read).is_err() || over {
            return;
        }
    }
}

fn headings(w: &DayMessages) -> [&'static str; 16] {
    [
        w.h_when,
        w.h_shop,
        w.h_order,
        w.h_state,
        w.h_currency,
        w.h_amount,
        w.h_cancelled,
        w.h_buyer,
        w.h_phone,
        w.h_last4,
        w.h_issuer,
        w.h_app_no,
        w.h_tno,
        w.h_kcp_order,
        w.h_by,
        w.h_id,
    ]
}

/// Whether a column holds amounts.
fn is_amount(column: u16) -> bool {
    matches!(column, 5 | 6)
}

fn cells(lang: Lang, one: &Summary) -> [String; 16] {
    let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        write::time(one.created_at),
        one.shop.to_string(),
        one.order_no.clone(),
        messages::state(lang, one.status).into(),
        one.currency.clone(),
        write::decimal(one.amount, &one.currency),
        write::decimal(one.cancelled, &one.currency),
        or_empty(&one.buyer_name),
        or_empty(&one.buyer_phone),
        one.last4.clone(),
        or_empty(&one.issuer),
        or_empty(&one.app_no),
        or_empty(&one.tno),
        one.kcp_order_no.clone(),
        one.by.clone(),
        one.id.to_string(),
    ]
}

/// A cell that no spreadsheet takes for a formula. Those of Asia take the wide signs for the narrow.
fn harmless(cell: &str) -> std::borrow::Cow<'_, str> {
    const SIGNS: [char; 11] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r', '\n'];
    if cell.starts_with(SIGNS) {
        format!("'{cell}").into()
    } else {
        cell.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_runs_in_a_spreadsheet() {
        for bad in ["=1+1", "+82-10", "-1", "@x", "\tx", "\r=1", "＝1"] {
            assert!(harmless(bad).starts_with('\''), "{bad:?}");
        }
        assert_eq!(harmless("홍길동"), "홍길동");
        let text = line(["=cmd|'/c calc'!A1", "a,\"b\"", "c"].into_iter());
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text, "'=cmd|'/c calc'!A1,\"a,\"\"b\"\"\",c\r\n");
    }
}
