//! The guards against the payments that they guard: every order number is claimed, by a payment of it,
//! and held exactly while a payment of it is alive.
//!
//! What of a guard no journal tells is not compared: the wording of an idempotency key, and which of
//! several dead attempts claimed an order last.

use crate::{
    error::{Finding, StoreError},
    record, sql,
    store::Engine,
    value::Cells,
};

/// How many claims are walked at a time.
const STRETCH: i64 = 500;

/// Walks the guards; the first thing that is wrong ends the walk.
pub(super) async fn walk(engine: &Engine) -> Result<(), StoreError> {
    if let Some(row) = first(engine, sql::UNCLAIMED).await? {
        let what = "its order number is claimed by nobody";
        return Err(Finding::in_projection(&row.text(0)?, what).into());
    }
    if let Some(row) = first(engine, sql::STRAY_KEYS).await? {
        let place = format!("idempotency row of {} for {}", row.text(0)?, row.text(1)?);
        let what = "that payment is not there".into();
        return Err(Finding { place, what }.into());
    }
    let (mut shop, mut number) = (String::new(), String::new());
    loop {
        let values = vec![
            std::mem::take(&mut shop).into(),
            std::mem::take(&mut number).into(),
            STRETCH.into(),
        ];
        let stretch = engine.rows(sql::CLAIMS, values).await?;
        let Some(end) = stretch.last() else {
            return Ok(());
        };
        (shop, number) = (end.text(0)?, end.text(1)?);
        for row in &stretch {
            let (shop, number) = (row.text(0)?, row.text(1)?);
            let place = || format!("order_claim row ({shop}, {number})");
            let told = check(row).map_err(|why| why.at(&place()))?;
            match told {
                None => {}
                Some(Wrong::Surely(what)) => {
                    return Err(Finding {
                        place: place(),
                        what,
                    }
                    .into());
                }
                // Where a merchant numbered an order as we had numbered an attempt at another, either
                // of both may have touched the claim last.
                Some(Wrong::UnlessShared(what)) => {
                    let values = vec![shop.clone().into(), number.clone().into()];
                    if engine.rows(sql::SHARED_NUMBER, values).await?.is_empty() {
                        return Err(Finding {
                            place: place(),
                            what,
                        }
                        .into());
                    }
                }
            }
        }
    }
}

enum Wrong {
    Surely(String),
    UnlessShared(String),
}

/// Checks one row of [`sql::CLAIMS`].
fn check(row: &Cells) -> Result<Option<Wrong>, StoreError> {
    let surely = |what: &str| Ok(Some(Wrong::Surely(what.into())));
    let (number, live, attempts) = (row.text(1)?, row.int(3)?, row.int(4)?);
    let Some(order_no) = row.maybe_text(5)? else {
        return surely("the payment that holds it is not there");
    };
    let (at_kcp, status) = (row.text(6)?, row.text(7)?);
    if number != order_no && number != at_kcp {
        return surely("the payment that holds it is of another order");
    }
    if (attempts == 1) != (number == at_kcp) || attempts < 1 {
        return surely("`attempts` is not that of the payment that holds it");
    }
    if live != 0 && live != 1 {
        return surely("`live` is neither 0 nor 1");
    }
    let holder_lives = status.parse().is_ok_and(record::is_live);
    let what = "`live` is not what its payments tell";
    if number == order_no {
        let told = row.int(8)?;
        return Ok((live != told).then(|| Wrong::UnlessShared(what.into())));
    }
    // The number of a later attempt is looked at only when that attempt moves.
    if holder_lives && live == 0 {
        return surely(what);
    }
    Ok(None)
}

async fn first(engine: &Engine, sql: &'static str) -> Result<Option<Cells>, StoreError> {
    Ok(engine.rows(sql, Vec::new()).await?.into_iter().next())
}
