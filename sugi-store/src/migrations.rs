//! The schema, as a list of steps that only ever grows.
//!
//! Several nodes share one PostgreSQL and are replaced one after the other, so an old program runs
//! beside a new schema for a while. The rule is expand and contract: a step only adds (a table, an
//! index, a column that may be null or has a default), so that the program before it goes on
//! working; what no one uses any more is taken away one release later at the earliest.
//!
//! One text serves both engines. It knows two types, `text` and `bigint`. On PostgreSQL `text` is
//! made to sort by its bytes, as it always does on SQLite: ids and cursors must have one order
//! in any language of the database. On SQLite tables are made strict, as PostgreSQL's always are: a text
//! that is stored as bytes reads as the same text and is equal to none, so nothing that asks for it finds it.

use rusqlite::{Connection, TransactionBehavior};
use tokio_postgres::Client;

use crate::error::{IntegrityViolation, StoreError};

/// Each step is run once, in its own transaction, and never changed after a release.
const STEPS: &[(&str, &str)] = &[
    ("0001 ledger", include_str!("../migrations/0001_ledger.sql")),
    ("0002 access", include_str!("../migrations/0002_access.sql")),
    (
        "0003 reports",
        include_str!("../migrations/0003_reports.sql"),
    ),
    ("0004 lists", include_str!("../migrations/0004_lists.sql")),
    (
        "0005 erasable",
        include_str!("../migrations/0005_erasable.sql"),
    ),
    (
        "0006 public event",
        include_str!("../migrations/0006_public_event.sql"),
    ),
];

const TABLE: &str = "create table if not exists migration (\n    n bigint not null primary key,\n    name text not null\n);";
const DONE: &str = "select coalesce(max(n), 0) from migration";
const NOTE: &str = "insert into migration (n, name) values ($1, $2)";

/// Nodes that start at once take turns by this number; any would do that no one else uses.
const TURN: i64 = 0x7375_6769; // "sugi"

/// Brings a file to the newest schema.
///
/// # Errors
/// When a step fails, or the file is newer than this program.
pub(crate) fn run(db: &mut Connection) -> Result<(), StoreError> {
    db.execute_batch(&strict(TABLE))?;
    for (n, (name, sql)) in missing(db.query_row(DONE, [], |row| row.get(0))?)? {
        let step = db.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        step.execute_batch(&strict(sql))?;
        step.execute(NOTE, (n, name))?;
        step.commit()?;
    }
    Ok(())
}

/// Brings a database to the newest schema, one node at a time.
///
/// # Errors
/// When a step fails, or the database is newer than this program.
pub(crate) async fn run_postgres(client: &mut Client) -> Result<(), StoreError> {
    loop {
        let step = client.transaction().await?;
        // The only advisory lock there is: it ends with the transaction, no matter what becomes of us.
        step.execute("select pg_advisory_xact_lock($1)", &[&TURN])
            .await?;
        step.batch_execute(&bytewise(TABLE)).await?;
        let done: i64 = step.query_one(DONE, &[]).await?.get(0);
        let Some((n, (name, sql))) = missing(done)?.next() else {
            break;
        };
        step.batch_execute(&bytewise(sql)).await?;
        step.execute(NOTE, &[&n, name]).await?;
        step.commit().await?;
    }
    Ok(())
}

/// The steps that a database has not seen, by their numbers.
fn missing(
    done: i64,
) -> Result<impl Iterator<Item = (i64, &'static (&'static str, &'static str))>, StoreError> {
    let seen = usize::try_from(done).unwrap_or(usize::MAX);
    if seen > STEPS.len() {
        let what = format!(
            "schema step {done} is newer than this program knows ({}); use a newer sugi",
            STEPS.len()
        );
        return Err(IntegrityViolation {
            place: "migration".into(),
            what,
        }
        .into());
    }
    Ok((1..).zip(STEPS).skip(seen))
}

fn strict(sql: &str) -> String {
    // Not `integer`: as a primary key that would be the row's place.
    sql.replace(" bigint", " int")
        .replace("\n);", "\n) strict;")
}

fn bytewise(sql: &str) -> String {
    sql.replace(" text ", " text collate \"C\" ")
        .replace(" text,", " text collate \"C\",")
        .replace(" text;", " text collate \"C\";")
}
