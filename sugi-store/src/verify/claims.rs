//! The guards against the payments that they guard: every order is claimed, and its claim counts exactly
//! those of its payments that are alive.

use crate::{
    error::{IntegrityViolation, StoreError},
    sql,
    store::Engine,
    value::Cells,
};

/// How many claims are walked at a time.
const STRETCH: i64 = 500;

/// Walks the guards; the first thing that is wrong ends the walk.
pub(super) async fn walk(engine: &Engine) -> Result<(), StoreError> {
    if let Some(row) = first(engine, sql::UNCLAIMED).await? {
        let what = "its order is claimed by nobody";
        return Err(IntegrityViolation::in_projection(&row.text(0)?, what).into());
    }
    if let Some(row) = first(engine, sql::STRAY_KEYS).await? {
        let place = format!("idempotency row of {} for {}", row.text(0)?, row.text(1)?);
        let what = "that payment is not there".into();
        return Err(IntegrityViolation { place, what }.into());
    }
    let (mut site_cd, mut order_no) = (String::new(), String::new());
    loop {
        let values = vec![site_cd.into(), order_no.into(), STRETCH.into()];
        let stretch = engine.rows(sql::CLAIMS, values).await?;
        let Some(end) = stretch.last() else {
            return Ok(());
        };
        (site_cd, order_no) = (end.text(0)?, end.text(1)?);
        for row in &stretch {
            let place = format!("order_claim row ({}, {})", row.text(0)?, row.text(1)?);
            if let Some(what) = check(row).map_err(|why| why.at(&place))? {
                return Err(IntegrityViolation { place, what }.into());
            }
        }
    }
}

/// What is wrong with a row of [`sql::CLAIMS`].
fn check(row: &Cells) -> Result<Option<String>, StoreError> {
    let (counted, payments, living) = (row.int(2)?, row.int(3)?, row.int(4)?);
    if payments == 0 {
        return Ok(Some("the order has no payment".into()));
    }
    let differs = || format!("`living` is {counted}, and {living} of its payments are alive");
    Ok((counted != living).then(differs))
}

async fn first(engine: &Engine, sql: &'static str) -> Result<Option<Cells>, StoreError> {
    Ok(engine.rows(sql, Vec::new()).await?.into_iter().next())
}
