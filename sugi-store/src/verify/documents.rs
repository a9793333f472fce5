//! Documents against the chain of their changes: each is as its last change left it.

use std::collections::BTreeMap;

use crate::{
    chain::Hash,
    document::{self, Document, Kind},
    error::{IntegrityViolation, StoreError},
    sql::check as sql,
    store::Engine,
};

/// How many rows are read at a time.
const STRETCH: i64 = 500;

/// Kind and name of a document.
type Name = (String, String);
/// Its version and its digest; version 0 is one that was taken away.
type Last = (i64, String);

pub(super) async fn walk(engine: &Engine) -> Result<(), StoreError> {
    let mut left = changes(engine).await?;
    let mut last = (String::new(), String::new());
    loop {
        let values = vec![last.0.into(), last.1.into(), STRETCH.into()];
        let stretch = engine.rows(sql::DOCUMENT_WALK, values).await?;
        let Some(end) = stretch.last() else { break };
        last = (end.text(0)?, end.text(1)?);
        for row in &stretch {
            let name = (row.text(0)?, row.text(1)?);
            let Some(kind) = Kind::parse(&name.0) else {
                return Err(violation(&name, "there is no such kind of document"));
            };
            if !kind.is_chained() {
                continue;
            }
            let document = Document {
                key: row.text(1)?,
                owner: row.text(2)?,
                version: row.int(3)?,
                body: row.text(4)?,
            };
            match left.remove(&name) {
                Some((version, digest))
                    if version == document.version
                        && digest == document::digest(kind, &document) => {}
                Some((0, _)) | None => return Err(violation(&name, "no change of ours made it")),
                Some(_) => {
                    return Err(violation(
                        &name,
                        "it is not what its last change made of it",
                    ));
                }
            }
        }
    }
    match left.iter().find(|(_, (version, _))| *version > 0) {
        Some((name, _)) => Err(violation(
            name,
            "it is gone, and no change of ours took it away",
        )),
        None => Ok(()),
    }
}

/// Walks the chain; what it left of each document.
async fn changes(engine: &Engine) -> Result<BTreeMap<Name, Last>, StoreError> {
    let at = |n: i64, what: &str| {
        StoreError::from(IntegrityViolation {
            place: format!("document_change row {n}"),
            what: what.into(),
        })
    };
    let (mut all, mut end) = (BTreeMap::new(), (0, Hash::START));
    loop {
        let stretch = engine.rows(sql::CHANGE_WALK, vec![end.0.into(), STRETCH.into()]);
        let stretch = stretch.await?;
        if stretch.is_empty() {
            break;
        }
        for row in &stretch {
            let n = end.0 + 1;
            if row.int(0)? != n {
                return Err(at(n, "it is missing"));
            }
            let (kind, key, version, digest) =
                (row.text(1)?, row.text(2)?, row.int(3)?, row.text(4)?);
            let hash = end.1.next_change(n, version, [&kind, &key, &digest]);
            if Hash::from_hex(&row.text(5)?) != Some(hash) {
                return Err(at(n, "its hash does not fit it and the row before"));
            }
            end = (n, hash);
            all.insert((kind, key), (version, digest));
        }
    }
    match engine.rows(sql::CHANGES_BELOW, Vec::new()).await?.first() {
        Some(row) => Err(at(row.int(0)?, "rows are numbered from 1")),
        None => Ok(all),
    }
}

fn violation((kind, key): &Name, what: &str) -> StoreError {
    IntegrityViolation {
        place: format!("{kind} {key}"),
        what: what.into(),
    }
    .into()
}
