//! The proof that a ledger is whole: every chain, every fold, every projection row.

use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    error::{Finding, StoreError},
    record::{self, Row},
    sql, sqlite,
};

/// How many payments are walked before the next names are asked for.
const STRETCH: i64 = 1_000;

/// Walks everything; the first thing that is wrong ends the walk.
pub(crate) fn walk(db: &Connection) -> Result<(u64, u64), StoreError> {
    let (mut payments, mut rows) = (0, 0);
    let mut last = String::new();
    loop {
        let ids = sqlite::ids(db, sql::IDS, params![last, STRETCH])?;
        let Some(end) = ids.last() else { break };
        last = end.to_string();
        for id in &ids {
            let journal = sqlite::journal(db, id.as_str())?;
            rows += journal.len() as u64;
            let Some(book) = record::fold(id, journal)? else {
                return Err(Finding::in_projection(id.as_str(), "it has no journal").into());
            };
            let kept = row(db, id.as_str())?;
            // When the engine looks next is its own affair, not something the journal tells.
            let told = Row { due_at: kept.due_at, ..Row::of(&book.payment, book.head, None) };
            if kept != told {
                return Err(Finding::in_projection(id.as_str(), difference(&kept, &told)).into());
            }
            payments += 1;
        }
    }
    let orphan: Option<(String, i64)> =
        db.prepare_cached(sql::ORPHANS)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    match orphan {
        Some((payment, seq)) => Err(Finding::in_row(&payment, seq, "no payment row belongs to it").into()),
        None => Ok((payments, rows)),
    }
}

fn row(db: &Connection, id: &str) -> Result<Row, StoreError> {
    Ok(db.prepare_cached(sql::ROW)?.query_row([id], |row| {
        Ok(Row {
            id: id.into(),
            seq: row.get(0)?,
            head: row.get(1)?,
            status: row.get(2)?,
            cancelled: row.get(3)?,
            tno: row.get(4)?,
            app_no: row.get(5)?,
            issuer: row.get(6)?,
            due_at: row.get(7)?,
            doubt_since: row.get(8)?,
            updated_at: row.get(9)?,
            shop: row.get(10)?,
            order_no: row.get(11)?,
            ordr_idxx: row.get(12)?,
            amount: row.get(13)?,
            currency: row.get(14)?,
            buyer_name: row.get(15)?,
            buyer_phone: row.get(16)?,
            last4: row.get(17)?,
            actor: row.get(18)?,
            created_at: row.get(19)?,
        })
    })?)
}

/// Names the first column that differs, without its content: it may be a buyer's name.
fn difference(kept: &Row, told: &Row) -> String {
    let (kept, told) = (format!("{kept:#?}"), format!("{told:#?}"));
    let column = kept.lines().zip(told.lines()).find(|(kept, told)| kept != told).map(|(kept, _)| kept.trim());
    let column = column.and_then(|line| line.split(':').next()).unwrap_or("it");
    format!("`{column}` is not what its journal tells")
}
