//! One moment of a ledger, on a connection of its own: what is compared with each other comes from it,
//! whatever is written meanwhile.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{Connection, ErrorCode};

use crate::{
    error::{IntegrityViolation, StoreError, broke_off},
    postgres::{Link, words},
    sqlite,
    value::{Cells, Value},
};

#[derive(Debug)]
pub(crate) enum Snapshot {
    Sqlite(Arc<Mutex<Connection>>),
    Postgres(Box<Link>),
}

impl Snapshot {
    /// What a statement that reads finds.
    pub(crate) async fn rows(
        &self,
        sql: Cow<'static, str>,
        values: Vec<Value<'static>>,
    ) -> Result<Vec<Cells>, StoreError> {
        match self {
            Self::Sqlite(db) => {
                let db = Arc::clone(db);
                let answer = tokio::task::spawn_blocking(move || {
                    let db = db.lock().unwrap_or_else(PoisonError::into_inner);
                    sqlite::rows(&db, &sql, &values).map_err(broken)
                });
                answer.await.unwrap_or_else(|why| {
                    Err(StoreError::Failed {
                        why: broke_off(&why).into(),
                    })
                })
            }
            Self::Postgres(link) => link.rows(&sql, &values).await.map_err(|why| {
                let is_broken = why.code().is_some_and(|code| code.code().starts_with("XX"));
                if is_broken {
                    let place = "the database".into();
                    let what = words(&why);
                    return IntegrityViolation { place, what }.into();
                }
                why.into()
            }),
        }
    }
}

/// A file that SQLite cannot make sense of is a finding, not a failure.
fn broken(why: rusqlite::Error) -> StoreError {
    match why.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => IntegrityViolation {
            place: "the database's file".into(),
            what: why.to_string(),
        }
        .into(),
        _ => why.into(),
    }
}
