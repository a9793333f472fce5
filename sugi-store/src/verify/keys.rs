//! Idempotency keys against the journals: each payment that was made by a key tells so in its first row, and
//! nothing else holds a key. One that is gone would let the same request make a second payment.

use std::collections::{HashMap, HashSet};

use sha2::{Digest as _, Sha256};

use super::events::{Bag, half};
use crate::{
    error::{IntegrityViolation, StoreError},
    sql,
    store::{Engine, Key},
};

/// How many keys are walked at a time.
const STRETCH: i64 = 500;

/// A payment that was made by a key.
#[derive(Debug)]
pub(super) struct Made<'a> {
    pub(super) payment: &'a str,
    /// [`Key::digest`] of its key.
    pub(super) key: &'a str,
}

impl Made<'_> {
    pub(super) fn digest(&self) -> u128 {
        let mut hash = Sha256::new();
        for text in [self.payment, self.key] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        half(hash)
    }
}

/// All keys that are held.
pub(super) async fn all(engine: &Engine) -> Result<Bag, StoreError> {
    let mut bag = Bag::default();
    each(engine, &mut |made, _| bag.add(made.digest())).await?;
    Ok(bag)
}

/// Names the first key that is not as the journals tell; `told` is keys by their payments.
pub(super) async fn wrong(
    engine: &Engine,
    told: &HashMap<String, String>,
) -> Result<IntegrityViolation, StoreError> {
    let (mut held, mut first) = (HashSet::new(), None);
    each(engine, &mut |made, scope| {
        let is_told = told.get(made.payment).is_some_and(|key| key == made.key);
        if !is_told && first.is_none() {
            first = Some(IntegrityViolation {
                place: format!("idempotency row of {scope} for {}", made.payment),
                what: "the journal of that payment tells of no such key".into(),
            });
        }
        if is_told {
            held.insert(made.payment.to_owned());
        }
    })
    .await?;
    let missing = told.keys().filter(|payment| !held.contains(*payment)).min();
    Ok(match (first, missing) {
        (Some(first), _) => first,
        (None, missing) => IntegrityViolation::in_projection(
            missing.map_or("", String::as_str),
            "the idempotency key that its journal tells of is not there",
        ),
    })
}

async fn each(
    engine: &Engine,
    take: &mut (dyn FnMut(&Made<'_>, &str) + Send),
) -> Result<(), StoreError> {
    let mut last = (String::new(), String::new());
    loop {
        let values = vec![last.0.into(), last.1.into(), STRETCH.into()];
        let stretch = engine.rows(sql::KEYS, values).await?;
        let Some(end) = stretch.last() else {
            return Ok(());
        };
        last = (end.text(0)?, end.text(1)?);
        for row in &stretch {
            let key = Key {
                scope: row.text(0)?,
                key: row.text(1)?,
                request: row.text(2)?,
            };
            let (payment, digest) = (row.text(3)?, key.digest());
            let made = Made {
                payment: &payment,
                key: &digest,
            };
            take(&made, &key.scope);
        }
    }
}
