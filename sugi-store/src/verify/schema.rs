//! The tables and indexes that there are against those that this program makes. An index that is gone
//! changes no answer, only how long one takes; a unique one that is gone guards nothing any more.

use std::{collections::BTreeMap, sync::OnceLock};

use rusqlite::Connection;

use crate::{
    error::{IntegrityViolation, StoreError},
    migrations,
    snapshot::Snapshot,
    sql::check as sql,
    sqlite,
    store::Engine,
    value::Cells,
};

/// What this program makes.
struct Made {
    schema: Vec<Cells>,
    steps: Vec<Cells>,
    tables: Tables,
}

static MADE: OnceLock<Made> = OnceLock::new();

fn made() -> Result<&'static Made, StoreError> {
    if let Some(made) = MADE.get() {
        return Ok(made);
    }
    let mut ours = Connection::open_in_memory()?;
    migrations::run(&mut ours)?;
    let schema = sqlite::rows(&ours, sql::SQLITE_SCHEMA, &[])?;
    let steps = sqlite::rows(&ours, sql::STEPS, &[])?;
    let tables = tables(&ours, &schema)?;
    Ok(MADE.get_or_init(|| Made {
        schema,
        steps,
        tables,
    }))
}

pub(super) async fn check(engine: &Engine) -> Result<(), StoreError> {
    let made = made()?;
    if let Engine::Snapshot(Snapshot::Postgres(_)) = engine {
        postgres(engine, &made.schema, &made.tables).await?;
    } else {
        let found = engine.rows(sql::SQLITE_SCHEMA, Vec::new()).await?;
        compare("", &named(&made.schema)?, &named(&found)?)?;
    }
    let seen = engine.rows(sql::STEPS, Vec::new()).await?;
    let steps = &made.steps;
    let is_same = seen.len() == steps.len() && seen.iter().zip(steps).all(|(a, b)| a.0 == b.0);
    if !is_same {
        let what = "its rows are not the steps that this program takes";
        return Err(violation("migration", what));
    }
    Ok(())
}

/// Every table, and the columns that tell its rows apart.
pub(crate) fn keys() -> Result<&'static BTreeMap<String, String>, StoreError> {
    Ok(&made()?.tables.keys)
}

/// Statements by what they make.
fn named(rows: &[Cells]) -> Result<BTreeMap<String, String>, StoreError> {
    let row = |row: &Cells| Ok((format!("{} {}", row.text(0)?, row.text(1)?), row.text(2)?));
    rows.iter().map(row).collect()
}

/// Names the first thing that is missing, is another, or is there and does things by itself.
fn compare(
    kind: &str,
    made: &BTreeMap<String, String>,
    found: &BTreeMap<String, String>,
) -> Result<(), StoreError> {
    for (name, sql) in made {
        match found.get(name) {
            None => return Err(violation(&format!("{kind}{name}"), "it is missing")),
            Some(other) if other != sql => {
                let what = "it is not the one that this program makes";
                return Err(violation(&format!("{kind}{name}"), what));
            }
            Some(_) => {}
        }
    }
    let acts = |name: &&String| name.starts_with("trigger ") || name.starts_with("view ");
    match found
        .keys()
        .filter(acts)
        .find(|name| !made.contains_key(*name))
    {
        Some(name) => Err(violation(name, "this program makes no such thing")),
        None => Ok(()),
    }
}

/// The columns of tables, each with its type and whether it may be null, and the keys of primary keys.
#[derive(Default)]
struct Tables {
    columns: BTreeMap<String, String>,
    keys: BTreeMap<String, String>,
}

fn tables(ours: &Connection, made: &[Cells]) -> Result<Tables, StoreError> {
    let mut tables = Tables::default();
    for row in made
        .iter()
        .filter(|row| row.text(0).is_ok_and(|kind| kind == "table"))
    {
        let table = row.text(1)?;
        let columns = sqlite::rows(ours, &format!("pragma table_xinfo({table})"), &[])?;
        let mut keys = Vec::new();
        for column in &columns {
            let (name, kind) = (column.text(1)?, column.text(2)?);
            let (is_full, key) = (column.int(3)? == 1, column.int(5)?);
            if key > 0 {
                keys.push((key, name.clone()));
            }
            let null = if is_full || key > 0 { "NO" } else { "YES" };
            // SQLite's word for it, in a table that is strict.
            let kind = kind.to_lowercase();
            let kind = if kind == "int" { "bigint" } else { &kind };
            let what = format!("{kind} {null}");
            tables.columns.insert(format!("{table}.{name}"), what);
        }
        keys.sort();
        let keys: Vec<_> = keys.into_iter().map(|(_, name)| name).collect();
        tables.keys.insert(table, keys.join(", "));
    }
    Ok(tables)
}

async fn postgres(engine: &Engine, made: &[Cells], tables: &Tables) -> Result<(), StoreError> {
    let columns = engine.rows(sql::COLUMNS, Vec::new()).await?;
    let column = |row: &Cells| {
        let name = format!("{}.{}", row.text(0)?, row.text(1)?);
        Ok((name, format!("{} {}", row.text(2)?, row.text(3)?)))
    };
    let columns = columns
        .iter()
        .map(column)
        .collect::<Result<_, StoreError>>()?;
    compare("column ", &tables.columns, &columns)?;
    let (mut keys, mut found) = (BTreeMap::new(), BTreeMap::new());
    for row in &engine.rows(sql::INDEXES, Vec::new()).await? {
        if row.int(7)? == 1 {
            keys.insert(row.text(1)?, row.text(3)?);
        }
        found.insert(row.text(0)?, bare(&row.text(6)?));
    }
    compare("primary key of ", &tables.keys, &keys)?;
    let indexes = made
        .iter()
        .filter(|row| row.text(0).is_ok_and(|kind| kind == "index"));
    let indexes = indexes.map(|row| Ok((row.text(1)?, bare(&row.text(2)?))));
    compare(
        "index ",
        &indexes.collect::<Result<_, StoreError>>()?,
        &found,
    )?;
    match engine.rows(sql::TRIGGERS, Vec::new()).await?.first() {
        Some(row) => {
            let place = format!("trigger {}", row.text(0)?);
            Err(violation(&place, "this program makes no such thing"))
        }
        None => Ok(()),
    }
}

/// A statement that makes an index without what the two engines write differently.
fn bare(sql: &str) -> String {
    sql.to_lowercase()
        .replace("::text", "")
        .replace(" using btree ", " ")
        .replace(['(', ')', ' ', '\n', '"'], "")
}

fn violation(place: &str, what: &str) -> StoreError {
    IntegrityViolation {
        place: place.into(),
        what: what.into(),
    }
    .into()
}
