//! Exports that are being made: a few at a time, and how far each of them is.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use serde_json::{Value, json};
use sugi_api::Unaudited;
use sugi_core::Actor;

use crate::{Pages, current_operator::CurrentOperator, error_page::ErrorPage};

/// Exports at a time: each walks the ledger for as long as whoever asked takes it.
const AT_ONCE: usize = 4;
/// How many that ended are remembered, for whoever watched them.
const REMEMBERED: usize = 32;

/// The exports of this process.
#[derive(Debug, Default)]
pub(crate) struct Exports(Mutex<VecDeque<Arc<Progress>>>);

/// How far an export is.
#[derive(Debug)]
struct Progress {
    /// By which name it is watched; empty if no one does.
    name: String,
    by: Actor,
    done: AtomicU64,
    total: u64,
    over: AtomicBool,
}

/// An export that is being made. It is over when this is dropped, however it ends.
#[derive(Debug)]
pub(super) struct Running(Arc<Progress>);

impl Exports {
    /// Begins one, if there is room.
    pub(super) fn begin(&self, name: &str, by: &Actor, total: u64) -> Option<Running> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |one: &Arc<Progress>| one.over.load(Ordering::Relaxed);
        if all.iter().filter(|one| !over(one)).count() == AT_ONCE {
            return None;
        }
        if all.len() == REMEMBERED + AT_ONCE
            && let Some(oldest) = all.iter().position(over)
        {
            all.remove(oldest);
        }
        let sane = (32..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_hexdigit());
        let progress = Arc::new(Progress {
            name: if sane { name.into() } else { String::new() },
            by: by.clone(),
            done: AtomicU64::new(0),
            total,
            over: AtomicBool::new(false),
        });
        all.push_back(Arc::clone(&progress));
        Some(Running(progress))
    }

    fn find(&self, name: &str, by: &Actor) -> Option<Arc<Progress>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = |one: &&Arc<Progress>| !name.is_empty() && one.name == name && one.by == *by;
        all.iter().rev().find(mine).cloned()
    }
}

impl Running {
    /// The same export, for who counts.
    pub(super) fn counter(&self) -> Counter {
        Counter(Arc::clone(&self.0))
    }
}

/// Counts an export's rows without keeping it from being over.
pub(super) struct Counter(Arc<Progress>);

impl Counter {
    pub(super) fn read(&self, rows: usize) {
        self.0.done.fetch_add(rows as u64, Ordering::Relaxed);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

/// `GET /day/export/{name}`: how far one's own export is. Another node's is not known here; then a page
/// shows no bar, and the file comes all the same.
pub(crate) async fn show(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
    Path(name): Path<String>,
) -> Result<(Extension<Unaudited>, Json<Value>), ErrorPage> {
    let found = pages
        .0
        .exports
        .find(&name, &current_operator.operator().name);
    let one = found.ok_or(ErrorPage::NotFound)?;
    let far = json!({
        "done": one.done.load(Ordering::Relaxed),
        "total": one.total,
        "over": one.over.load(Ordering::Relaxed),
    });
    Ok((Extension(Unaudited), Json(far)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_at_a_time_and_each_is_over_when_it_is_dropped() {
        let (exports, kim) = (Exports::default(), "kim".parse().unwrap());
        let mut running: Vec<_> = (0..AT_ONCE)
            .map(|n| exports.begin(&format!("{n:032x}"), &kim, 10).unwrap())
            .collect();
        assert!(exports.begin("", &kim, 1).is_none(), "no room");
        running[0].counter().read(7);
        let name = format!("{:032x}", 0);
        let seen = exports.find(&name, &kim).unwrap();
        assert_eq!(seen.done.load(Ordering::Relaxed), 7);
        assert!(!seen.over.load(Ordering::Relaxed));
        assert!(exports.find(&name, &"lee".parse().unwrap()).is_none());
        assert!(exports.find("", &kim).is_none());
        drop(running.remove(0));
        assert!(seen.over.load(Ordering::Relaxed));
        for _ in 0..1_000 {
            assert!(exports.begin("not a name", &kim, 1).is_some());
        }
        assert!(exports.0.lock().unwrap().len() <= REMEMBERED + AT_ONCE);
    }
}
