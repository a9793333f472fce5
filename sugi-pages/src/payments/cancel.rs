//! `POST /payments/{id}/cancel`: give money back.

use std::time::Duration;

use axum::{
    extract::{Path, State},
    response::Response,
};
use nhn_kcp::{
    Amount, CancelReason, TaxParts,
    pan::{self, Rule},
};
use sugi_access::{ApprovalRequestState, Asked, Role, What};
use sugi_core::{Payment, PaymentId, State as Stands};
use sugi_engine::{CancelAsk, CancelError, Engine};

use super::{
    detached, find,
    notice::{Notice, back},
    show::{self, Typed},
};
use crate::{
    Pages,
    current_operator::CurrentOperator,
    error_page::ErrorPage,
    form::{Form, NoAmount},
    kept::Sent,
};

/// How long the browser waits for KCP's first word.
const MAX_WAIT: Duration = Duration::from_secs(10);

pub(crate) async fn cancel(
    State(pages): State<Pages>,
    Path(id): Path<String>,
    Sent {
        current_operator,
        form,
    }: Sent,
) -> Result<Response, ErrorPage> {
    let payment = find(&pages, &current_operator, &id).await?;
    let page = format!("/payments/{}", payment.id);
    let notice = match read(&current_operator, &payment, &form) {
        Ok(ask) => begin(&pages, &current_operator, payment, ask).await?,
        Err(notice) => Some(notice),
    };
    match notice.filter(|notice| notice.is_refusal()) {
        Some(refused) => {
            let typed = Typed::Cancel(&form);
            show::refused(&pages, &current_operator, &page, refused, typed).await
        }
        None => Ok(back(&page, notice)),
    }
}

/// Cancels, or asks a second person to. `None`: it is on its way, and the page tells how it ends.
async fn begin(
    pages: &Pages,
    current_operator: &CurrentOperator,
    payment: Payment,
    ask: CancelAsk,
) -> Result<Option<Notice>, ErrorPage> {
    let access = pages.access();
    let (money, shop) = (payment.request.order.money, &payment.request.shop);
    let alone = access.cancel_alone(money.currency).unwrap_or(u64::MAX);
    let own = current_operator.operator().may_refund(money.currency);
    let most = alone.min(own);
    let (engine, id, asked) = (pages.engine().clone(), payment.id.clone(), ask.clone());
    let cancelled = detached(async move {
        let cancelled = engine.cancel_up_to(&id, asked, most).await;
        if cancelled.is_ok() {
            first_result(&engine, &id).await;
        }
        cancelled
    });
    match cancelled.await? {
        // Beyond what they may refund at all, a second person does not make it theirs.
        Err(CancelError::Above { refunded, .. })
            if refunded_then(&ask, money.amount, refunded) > own =>
        {
            Ok(Some(Notice::Limit))
        }
        Err(CancelError::Above { .. }) => {
            let what = What::Cancel {
                seen: ask.amount.is_none().then(|| left(&payment)),
                shop: shop.clone(),
                payment: payment.id,
                amount: ask.amount.map(Amount::get),
                tax: ask.tax,
                reason: ask.reason.to_string(),
            };
            Ok(Some(
                request_approval(pages, current_operator, what, ask.key).await?,
            ))
        }
        cancelled => Ok(cancelled.err().as_ref().map(Notice::from)),
    }
}

/// How much of a sale would be refunded with this cancel, where so much is refunded already.
fn refunded_then(ask: &CancelAsk, sale: Amount, refunded: u64) -> u64 {
    // All that is left makes it all of the sale.
    ask.amount
        .map_or(sale.get(), |amount| refunded.saturating_add(amount.get()))
}

/// Waits for KCP's first word on a cancel: mostly it is done in a moment, and then the page can say so
/// at once.
pub(crate) async fn first_result(engine: &Engine, payment: &PaymentId) {
    let ended = |payment: &Payment| !matches!(&payment.state, Stands::Approved { pending: Some(pending), .. } if pending.1.tries == 0);
    let _ = engine.watch(payment, MAX_WAIT, ended).await;
}

/// Writes down, once for a form, what waits for a second person.
pub(super) async fn request_approval(
    pages: &Pages,
    current_operator: &CurrentOperator,
    what: What,
    key: Option<(String, String)>,
) -> Result<Notice, ErrorPage> {
    let by = &current_operator.operator().name;
    let (_, key) = key.unwrap_or_default();
    let asked = pages.access().approval_request_once(what, by, &key).await?;
    Ok(match asked {
        Asked::Written(approval_request)
            if approval_request.state == ApprovalRequestState::Open =>
        {
            Notice::Wished
        }
        // The form asked for something else before, or what it asked for was decided.
        Asked::Written(_) | Asked::Else => Notice::Used,
        Asked::Another => Notice::Another,
        Asked::TooOften => Notice::TooOften,
    })
}

fn read(
    current_operator: &CurrentOperator,
    payment: &Payment,
    form: &Form,
) -> Result<CancelAsk, Notice> {
    if !current_operator.operator().may(Role::Cancel) {
        return Err(Notice::MayNot);
    }
    let money = payment.request.order.money;
    let given = form.money("amount", money.currency);
    let given = given.map_err(|NoAmount| Notice::Amount)?;
    let amount = given
        .map(Amount::new)
        .transpose()
        .map_err(|_| Notice::Amount)?;
    let moved = given.unwrap_or_else(|| left(payment));
    let operator = current_operator.operator();
    if !operator.may_use_currency(money.currency) {
        return Err(Notice::WonOnly);
    }
    if !operator.may_move(moved, money.currency) {
        return Err(Notice::Limit);
    }
    let reason = form.get("reason");
    if pan::holds(reason, Rule::Text) {
        return Err(Notice::Reason);
    }
    let reason = CancelReason::parse(reason).map_err(|_| Notice::Reason)?;
    // All of this follows from the form and the sale, never from what is left now: sent again after it
    // was done, the form has to ask for the same.
    let part = |name| {
        let part = form.money(name, money.currency);
        part.map_err(|NoAmount| Notice::Parts)
    };
    let parts = [part("supply")?, part("vat")?, part("free")?];
    let tax = match parts {
        // The whole sale takes all of every part.
        _ if amount.is_none_or(|amount| amount == money.amount) => None,
        [None, None, None] => None,
        [supply, vat, free] => Some(TaxParts {
            supply: supply.unwrap_or(0),
            vat: vat.unwrap_or(0),
            free: free.unwrap_or(0),
        }),
    };
    let by = current_operator.operator().name.clone();
    let key = form_key(form).ok_or(Notice::Used)?;
    Ok(CancelAsk {
        amount,
        seen: None,
        tax,
        reason,
        key: Some((format!("operator:{by}"), key)),
        by,
    })
}

/// What a cancel of all of it takes.
pub(crate) fn left(payment: &Payment) -> u64 {
    match &payment.state {
        Stands::Approved { remaining, .. } => *remaining,
        _ => payment.request.order.money.amount.get(),
    }
}

/// The key that the page was made with.
pub(crate) fn form_key(form: &Form) -> Option<String> {
    let key = form.get("key");
    let sane = (32..=64).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_alphanumeric());
    sane.then(|| key.to_owned())
}
