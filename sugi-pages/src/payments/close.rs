//! `POST /payments/{id}/close`: close a doubt by what a person has found out, or state what is left where a
//! cancel does not end.

use axum::{
    extract::{Path, State},
    response::Response,
};
use nhn_kcp::{
    Tno,
    pan::{self, Rule},
};
use sugi_access::{Role, What};
use sugi_core::Payment;
use sugi_engine::{Resolution, ResolveAsk};

use super::{
    cancel::{form_key, request_approval},
    detached, find,
    notice::{Notice, back},
    show::{self, Typed},
};
use crate::{
    Pages, current_operator::CurrentOperator, error_page::ErrorPage, form::Form, kept::Sent,
};

/// The most characters of a note.
const NOTE_MAX: usize = 200;

pub(crate) async fn close(
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
            let typed = Typed::Close(&form);
            show::refused(&pages, &current_operator, &page, refused, typed).await
        }
        None => Ok(back(&page, notice)),
    }
}

async fn begin(
    pages: &Pages,
    current_operator: &CurrentOperator,
    payment: Payment,
    ask: ResolveAsk,
) -> Result<Option<Notice>, ErrorPage> {
    let access = pages.access();
    if access.rules().second_person.close {
        let what = approval_request(&payment, ask.what);
        return Ok(Some(
            request_approval(pages, current_operator, what, ask.key).await?,
        ));
    }
    let engine = pages.engine().clone();
    let closed = detached(async move { engine.resolve(&payment.id, ask).await }).await?;
    Ok(closed.err().as_ref().map(Notice::from))
}

/// A resolution as something that waits for a second person.
fn approval_request(payment: &Payment, what: Resolution) -> What {
    let (payment, shop) = (payment.id.clone(), payment.request.shop.clone());
    match what {
        Resolution::Live { tno, note, keep } => What::Close {
            payment,
            shop,
            tno: Some(tno.to_string()),
            keep,
            note,
        },
        Resolution::Absent { note } => What::Close {
            payment,
            shop,
            tno: None,
            keep: false,
            note,
        },
        Resolution::Remaining { amount, note } => What::Remaining {
            payment,
            shop,
            amount,
            note,
        },
    }
}

fn read(
    current_operator: &CurrentOperator,
    payment: &Payment,
    form: &Form,
) -> Result<ResolveAsk, Notice> {
    if !current_operator.operator().may(Role::Close) {
        return Err(Notice::MayNot);
    }
    let note = form.get("note");
    let fits = (1..=NOTE_MAX).contains(&note.chars().count())
        && !note.chars().any(char::is_control)
        && !pan::holds(note, Rule::Text);
    if !fits {
        return Err(Notice::Note);
    }
    let note = note.to_owned();
    let what = match form.get("found") {
        "absent" => Resolution::Absent { note },
        "remaining" => {
            let amount = form.money("remaining", payment.request.order.money.currency);
            // Nothing left is said with a nought: an empty field says nothing.
            let amount = amount.ok().flatten().ok_or(Notice::Remaining)?;
            Resolution::Remaining { amount, note }
        }
        _ => {
            let tno = Tno::parse(&form.digits("tno")).map_err(|_| Notice::Tno)?;
            let keep = form.get("outcome") == "keep";
            Resolution::Live { tno, note, keep }
        }
    };
    let by = current_operator.operator().name.clone();
    let key = form_key(form).ok_or(Notice::Used)?;
    Ok(ResolveAsk {
        what,
        key: Some((format!("operator:{by}"), key)),
        by,
    })
}
