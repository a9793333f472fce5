//! The proof that a ledger is whole: every chain, every fold, every projection row, every guard.

mod claims;

use jiff::Timestamp;

use crate::{
    aside,
    error::{Finding, StoreError},
    feed,
    record::{self, RawEntry, Row},
    retention, sql,
    store::Engine,
    value::Cells,
};

/// How many payments are walked at a time.
const STRETCH: i64 = 500;

/// Walks everything; the first thing that is wrong ends the walk.
pub(crate) async fn walk(engine: &Engine) -> Result<(u64, u64), StoreError> {
    let (mut payments, mut rows) = (0, 0);
    let mut last = String::new();
    loop {
        let stretch = engine
            .rows(sql::WALK, vec![last.clone().into(), STRETCH.into()])
            .await?;
        let Some(end) = stretch.last() else { break };
        last = end.text(0)?;
        // Asked after the rows were read: whoever takes buyers away meanwhile owns up to it beforehand.
        let forgotten = retention::forgotten(engine).await?;
        let forgotten = forgotten.map(retention::beginning).transpose()?;
        for payment in stretch.chunk_by(|a, b| a.0.first() == b.0.first()) {
            rows += check(payment, forgotten)?;
            payments += 1;
        }
    }
    if let Some(orphan) = engine.rows(sql::ORPHANS, Vec::new()).await?.first() {
        let what = "no payment row belongs to it";
        return Err(Finding::in_row(&orphan.text(0)?, orphan.int(1)?, what).into());
    }
    claims::walk(engine).await?;
    feed::verify(engine).await?;
    Ok((payments, rows))
}

/// Checks one payment, given as rows of [`sql::WALK`]; returns how long its journal is.
/// Before `forgotten`, buyers may have been taken away.
fn check(rows: &[Cells], forgotten: Option<Timestamp>) -> Result<u64, StoreError> {
    let Some(first) = rows.first() else {
        return Ok(0);
    };
    let id = first.id(0)?;
    let place = Finding::in_projection(id.as_str(), "").place;
    let kept = Row::read(first).map_err(|why| why.at(&place))?;
    if first.is_null(Row::WIDTH) {
        return Err(Finding::in_projection(id.as_str(), "it has no journal").into());
    }
    let journal = (1..).zip(rows).map(|(n, row)| {
        let place = Finding::in_row(id.as_str(), n, "").place;
        RawEntry::read(row, Row::WIDTH).map_err(|why| why.at(&place))
    });
    let journal = journal.collect::<Result<Vec<_>, _>>()?;
    let is_gone = |row: &RawEntry| row.aside.as_deref().is_some_and(aside::is_gone);
    let owned_up = |row: &RawEntry| forgotten.is_some_and(|day| row.at < day.as_microsecond());
    if let Some(row) = journal.iter().find(|row| is_gone(row) && !owned_up(row)) {
        let what = "its buyer was taken away, and no audit row tells of it";
        return Err(Finding::in_row(id.as_str(), row.seq, what).into());
    }
    if let Some(book) = record::fold(&id, journal)? {
        // When the engine looks next is its own affair, not something the journal tells.
        let told = Row {
            due_at: kept.due_at,
            ..Row::of(&book.payment, book.head, None)
        };
        if kept != told {
            return Err(Finding::in_projection(id.as_str(), difference(&kept, &told)).into());
        }
    }
    Ok(rows.len() as u64)
}

/// Names the first column that differs, without its content: it may be a buyer's name.
fn difference(kept: &Row, told: &Row) -> String {
    let (kept, told) = (format!("{kept:#?}"), format!("{told:#?}"));
    let column = kept
        .lines()
        .zip(told.lines())
        .find(|(kept, told)| kept != told)
        .map(|(kept, _)| kept.trim());
    let column = column
        .and_then(|line| line.split(':').next())
        .unwrap_or("it");
    format!("`{column}` is not what its journal tells")
}
