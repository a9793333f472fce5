//! The database's own integrity: whether every index holds every row of its table. What is proved behind
//! it is read by those indexes.

use crate::{
    error::{IntegrityViolation, StoreError},
    snapshot::Snapshot,
    sql::check as sql,
    store::Engine,
    value::Cells,
};

/// How many faults SQLite names at a time.
const FAULTS: &str = "pragma integrity_check(5)";

/// Checks all indexes; names those that could not be read.
pub(super) async fn check(engine: &Engine) -> Result<Vec<String>, StoreError> {
    match engine {
        Engine::Snapshot(Snapshot::Postgres(_)) => postgres(engine).await,
        _ => sqlite(engine).await.map(|()| Vec::new()),
    }
}

async fn sqlite(engine: &Engine) -> Result<(), StoreError> {
    let found = engine.rows(FAULTS, Vec::new()).await?;
    let faults: Vec<String> = found
        .iter()
        .map(|row| row.text(0))
        .collect::<Result<_, _>>()?;
    if faults == ["ok"] {
        return Ok(());
    }
    Err(violation("the database's file", faults.join("; ")))
}

/// An index of a PostgreSQL database.
struct Index {
    name: String,
    table: String,
    /// What stands behind the table's name in a statement that reads what the index holds.
    only: String,
    keys: String,
    is_unique: bool,
    is_valid: bool,
}

impl Index {
    fn read(row: &Cells) -> Result<Self, StoreError> {
        let predicate = row.text(2)?;
        Ok(Self {
            name: row.text(0)?,
            table: row.text(1)?,
            only: if predicate.is_empty() {
                String::new()
            } else {
                format!(" where {predicate}")
            },
            keys: row.text(3)?,
            is_unique: row.int(4)? == 1,
            is_valid: row.int(5)? == 1,
        })
    }
}

async fn postgres(engine: &Engine) -> Result<Vec<String>, StoreError> {
    let found = engine.rows(sql::INDEXES, Vec::new()).await?;
    let indexes: Vec<Index> = found.iter().map(Index::read).collect::<Result<_, _>>()?;
    let amcheck = engine.rows(sql::AMCHECK, Vec::new()).await?;
    let has_amcheck = amcheck
        .first()
        .is_some_and(|row| row.int(0).is_ok_and(|is| is == 1));
    let mut unread = Vec::new();
    for index in &indexes {
        let place = format!("index {}", index.name);
        if !index.is_valid {
            return Err(violation(&place, "PostgreSQL holds it for invalid"));
        }
        if has_amcheck {
            let name = vec![index.name.clone().into()];
            let checked = engine.rows(sql::CHECK_INDEX, name).await;
            checked.map_err(|why| match why {
                StoreError::Inconsistent(why) => violation(&place, why.what),
                other => other,
            })?;
        }
        let (rows, held) = compare(engine, index).await?;
        if held.is_none() && !has_amcheck {
            unread.push(index.name.clone());
        }
        if held.is_some_and(|held| held != rows) {
            let what = format!("it does not hold the rows of {}; reindex it", index.table);
            return Err(violation(&place, what));
        }
        if index.is_unique && is_twice(engine, index).await? {
            let what = format!("{} has rows twice that may be there once", index.table);
            return Err(violation(&place, what));
        }
    }
    plan(engine, sql::BY_INDEX_OR_SCAN).await?;
    Ok(unread)
}

/// How many rows there are and which, by their places.
type Held = (i64, String);

/// What a table holds of what is in an index, and what the index holds; `None` where the planner does not
/// read by it, because another one serves as well.
async fn compare(engine: &Engine, index: &Index) -> Result<(Held, Option<Held>), StoreError> {
    let Index {
        name,
        table,
        only,
        keys,
        ..
    } = index;
    plan(engine, sql::BY_SCAN).await?;
    let rows = held(engine, &format!("select ctid as x from {table}{only}")).await?;
    plan(engine, sql::BY_INDEX).await?;
    let by_index = format!("select ctid as x from {table}{only} order by {keys}");
    let plan = engine
        .rows(format!("explain {by_index}"), Vec::new())
        .await?;
    let is_used = plan.iter().any(|line| {
        line.text(0)
            .is_ok_and(|line| line.contains(&format!(" using {name} ")))
    });
    if !is_used {
        return Ok((rows, None));
    }
    Ok((rows, Some(held(engine, &by_index).await?)))
}

async fn held(engine: &Engine, places: &str) -> Result<Held, StoreError> {
    let found = engine.rows(sql::PLACES.replace("{places}", places), Vec::new());
    match found.await?.first() {
        Some(row) => Ok((row.int(0)?, row.text(1)?)),
        None => Ok((0, String::new())),
    }
}

/// Whether the table has something twice that the index is there to forbid.
async fn is_twice(engine: &Engine, index: &Index) -> Result<bool, StoreError> {
    plan(engine, sql::BY_SCAN).await?;
    let Index {
        table, only, keys, ..
    } = index;
    let twice = sql::TWICE
        .replace("{table}", &format!("{table}{only}"))
        .replace("{keys}", keys);
    let found = engine.rows(twice, Vec::new()).await?;
    Ok(found
        .first()
        .is_some_and(|row| row.int(0).is_ok_and(|rows| rows > 0)))
}

/// Says how what comes is read.
async fn plan(engine: &Engine, settings: &'static [&'static str]) -> Result<(), StoreError> {
    for setting in settings {
        engine.rows(*setting, Vec::new()).await?;
    }
    Ok(())
}

fn violation(place: &str, what: impl Into<String>) -> StoreError {
    IntegrityViolation {
        place: place.into(),
        what: what.into(),
    }
    .into()
}
