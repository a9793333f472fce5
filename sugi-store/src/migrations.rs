//! The schema, as a list of steps that only ever grows.

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Finding, StoreError};

/// Each step is run once, in its own transaction, and never changed after a release.
const STEPS: &[(&str, &str)] = &[("0001 ledger", include_str!("../migrations/0001_ledger.sql"))];

/// Brings a database to the newest schema.
///
/// # Errors
/// When a step fails, or the database is newer than this program.
pub(crate) fn run(db: &mut Connection) -> Result<(), StoreError> {
    db.execute_batch("create table if not exists migration (n bigint primary key, name text not null)")?;
    let done: i64 = db.query_row("select coalesce(max(n), 0) from migration", [], |row| row.get(0))?;
    let done = usize::try_from(done).unwrap_or(usize::MAX);
    if done > STEPS.len() {
        let what = format!("schema step {done} is newer than this program knows ({}); use a newer sugi", STEPS.len());
        return Err(Finding { place: "migration".into(), what }.into());
    }
    for (n, (name, sql)) in STEPS.iter().enumerate().skip(done) {
        let step = db.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        step.execute_batch(sql)?;
        step.execute("insert into migration (n, name) values ($1, $2)", (n as i64 + 1, name))?;
        step.commit()?;
    }
    Ok(())
}
