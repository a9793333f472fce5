//! `/approval_requests`: what waits for a second person.
//!
//! An approval request's name is the idempotency key of what it asks for. So what was confirmed is carried out once:
//! by whoever confirmed it, and if their process ended in between, by whoever presses again.

use std::fmt::Write as _;

use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::StatusCode;
use jiff::Timestamp;
use nhn_kcp::{Amount, CancelReason, Tno};
use sugi_access::{
    ApprovalRequest, ApprovalRequestError, ApprovalRequestState, Decision, Operator, What,
};
use sugi_api::Did;
use sugi_core::Payment;
use sugi_engine::{CancelAsk, Engine, Resolution, ResolveAsk};
use sugi_store::StoreError;

use crate::{
    Pages,
    current_operator::CurrentOperator,
    error_page::ErrorPage,
    form::Form,
    kept,
    lang::{Lang, fill, messages},
    layout::{Layout, Part, html},
    messages::Common,
    payments::{
        cancel::{first_result, left},
        detached,
        notice::{self, Notice},
    },
    write,
};

messages! {
    /// What waits for a second person.
    ApprovalRequestMessages {
        title "동료 확인 대기" "To confirm"
        lead "다른 담당자가 요청한 일입니다. 내용을 보고 확인하거나 반려하십시오. 본인이 요청한 것은 확인할 수 없습니다." "Somebody else asked for these. Look, then confirm or refuse. Nobody confirms what they asked for themselves."
        empty "기다리는 요청이 없습니다." "Nothing waits."
        by "{} 담당자, {} 전" "by {}, {} ago"
        cancel "{} 취소" "Cancel {}"
        cancel_all "남은 금액 전액 취소" "Cancel all that is left"
        close_live "확인 필요 종결: 거래번호 {}, {}" "Close a doubt: number {}, {}"
        close_absent "확인 필요 종결: KCP에 거래 없음" "Close a doubt: it is not at KCP"
        left "취소 결과 확정: KCP에 남은 금액 {}" "State what is left at KCP: {}"
        keep "승인 유지" "keep it"
        reverse "망취소" "reverse it"
        export "내보내기: {} (상점: {})" "Export: {} (shops: {})"
        order "주문 {}" "Order {}"
        reason "사유" "Reason"
        confirm "확인" "Confirm"
        refuse "반려" "Refuse"
        take_back "요청 철회" "Take it back"
        again "다시 실행" "Carry out"
        stale "목록이 바뀌었습니다." "The list has changed."
        fetch "내려받기" "Fetch"
        fetch_wait "확인되었습니다. 요청한 담당자가 한 번 내려받을 수 있습니다." "Confirmed. Who asked for it can fetch it once."
        waiting "확인되었으나 아직 실행되지 않았습니다." "Confirmed, and not carried out yet."
        own "본인의 요청입니다. 다른 담당자가 확인해야 합니다." "You asked for it. Somebody else has to confirm it."
        e_gone "없거나 하루가 지나 사라진 요청입니다. 다시 요청하십시오." "There is no such request, or it has waited longer than a day. Ask again."
        e_same "본인이 요청한 것은 확인할 수 없습니다." "Who asked cannot confirm."
        e_may_not "이 요청을 확인할 권한이 없습니다." "You do not have the role that this takes."
        e_won_only "한도는 원화이므로 한도가 있는 담당자는 달러를 취소할 수 없습니다. 한도가 없는 담당자에게 넘기십시오." "Your limit is in won, so you cancel no dollars. Hand it to somebody without a limit."
        e_limit "담당자의 한도를 넘는 취소입니다. 한도가 높은 담당자에게 넘기십시오." "It is above your limit. Hand it to somebody with a higher one."
        e_asker_inactive "요청한 담당자의 사용이 중지되었습니다. 반려하고, 필요하면 다른 담당자가 다시 요청하십시오. 처리된 것은 없습니다." "Who asked for it may not work here any more. Refuse it, and have somebody else ask if it is still wanted. Nothing was done."
        e_asker_role "요청한 담당자에게 이제 이 일의 권한이 없습니다. 반려하고, 필요하면 다른 담당자가 다시 요청하십시오. 처리된 것은 없습니다." "Who asked for it does not have the role for it any more. Refuse it, and have somebody else ask if it is still wanted. Nothing was done."
        e_asker_shop "요청한 담당자는 이제 이 상점을 쓸 수 없습니다. 반려하고, 필요하면 다른 담당자가 다시 요청하십시오. 처리된 것은 없습니다." "Who asked for it may not use this shop any more. Refuse it, and have somebody else ask if it is still wanted. Nothing was done."
        e_asker_limit "요청한 담당자의 지금 한도를 넘는 취소입니다. 반려하고, 필요하면 한도가 높은 담당자가 다시 요청하십시오. 처리된 것은 없습니다." "It is above the limit that who asked for it has now. Refuse it, and have somebody with a higher one ask if it is still wanted. Nothing was done."
        e_decided "이미 처리된 요청입니다." "It was decided already."
    }
}

#[derive(Template)]
#[template(path = "approval_requests.html")]
struct ApprovalRequestsPage {
    layout: Layout,
    w: &'static ApprovalRequestMessages,
    problem: Option<&'static str>,
    rows: Vec<ApprovalRequestRow>,
    /// What is on the list and how it stands: another one is another list.
    version: String,
}

#[allow(
    clippy::struct_excessive_bools,
    reason = "the page asks each of them by itself"
)]
struct ApprovalRequestRow {
    id: String,
    what: String,
    payment: Option<(String, String)>,
    reason: String,
    by: String,
    own: bool,
    may: bool,
    confirmed: bool,
    /// It is a file, which whoever asked for it fetches.
    is_file: bool,
    /// The days of an export that its asker can fetch now.
    fetch: Option<(String, String)>,
}

pub(crate) async fn show(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
) -> Result<Response, ErrorPage> {
    page(&pages, &current_operator, None).await
}

pub(crate) async fn decide(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, ErrorPage> {
    let (access, w) = (
        pages.access(),
        ApprovalRequestMessages::of(current_operator.lang),
    );
    // What one operator looks at is not decided in another's name.
    if !kept::is_for(&form, &current_operator) {
        return Err(ErrorPage::OtherOperator);
    }
    let approval_request = access
        .approval_request_of(&id)
        .await?
        .ok_or(ErrorPage::NotFound)?;
    let payment = payment_of(&pages, &approval_request).await?;
    if !shows(current_operator.operator(), &approval_request) {
        return Err(ErrorPage::NotFound);
    }
    // Who refuses or takes back moves nothing.
    if form.get("decision") != "refuse"
        && let Some(problem) = hindrance(
            &pages,
            &current_operator,
            w,
            &approval_request,
            payment.as_ref(),
        )
        .await?
    {
        return refuse(&pages, &current_operator, problem).await;
    }
    let decision = match form.get("decision") {
        "confirm" => Decision::Confirm,
        "refuse" => Decision::Refuse,
        // One that was confirmed and not carried out.
        _ => return carry_out(&pages, &current_operator, approval_request).await,
    };
    match access
        .decide(&id, current_operator.operator(), decision)
        .await
    {
        Ok(approval_request) if decision == Decision::Confirm => {
            carry_out(&pages, &current_operator, approval_request).await
        }
        Ok(_) => Ok((Extension(Did("refused".into())), to("/approvals")).into_response()),
        Err(ApprovalRequestError::Store(why)) => Err(why.into()),
        Err(why) => {
            let problem = match why {
                ApprovalRequestError::Gone | ApprovalRequestError::Store(_) => w.e_gone,
                ApprovalRequestError::SamePerson => w.e_same,
                ApprovalRequestError::MayNot => w.e_may_not,
                ApprovalRequestError::Decided => w.e_decided,
            };
            refuse(&pages, &current_operator, problem).await
        }
    }
}

/// The page again, with why nothing was done.
async fn refuse(
    pages: &Pages,
    current_operator: &CurrentOperator,
    problem: &'static str,
) -> Result<Response, ErrorPage> {
    let mut response = page(pages, current_operator, Some(problem)).await?;
    *response.status_mut() = StatusCode::CONFLICT;
    Ok(response)
}

/// Whether an approval request is there for an operator: one of their shops, or a file that they asked for.
pub(crate) fn shows(operator: &Operator, approval_request: &ApprovalRequest) -> bool {
    let ApprovalRequest { what, by, .. } = approval_request;
    what.is_for(&operator.shops) || (what.payment().is_none() && *by == operator.name)
}

async fn payment_of(
    pages: &Pages,
    approval_request: &ApprovalRequest,
) -> Result<Option<Payment>, ErrorPage> {
    let Some(id) = approval_request.what.payment() else {
        return Ok(None);
    };
    let book = pages.store().load(id).await?;
    Ok(book.map(|book| book.payment))
}

/// Does what was confirmed, in the name of who asked, under the approval request's own key.
async fn carry_out(
    pages: &Pages,
    current_operator: &CurrentOperator,
    approval_request: ApprovalRequest,
) -> Result<Response, ErrorPage> {
    if !matches!(
        approval_request.state,
        ApprovalRequestState::Confirmed { .. }
    ) || !current_operator
        .operator()
        .may(approval_request.what.role())
    {
        return Ok(to("/approvals"));
    }
    // An export is fetched by who asked for it.
    let Some(payment) = approval_request.what.payment() else {
        return Ok(to("/approvals"));
    };
    let page = format!("/payments/{payment}");
    let (access, engine) = (pages.access().clone(), pages.engine().clone());
    let confirmer = current_operator.operator().clone();
    let said = detached(async move {
        let asker = access.operator(&approval_request.by).await?;
        let (said, outcome) = run(&engine, &approval_request, asker.as_ref(), &confirmer).await?;
        // What may have been written, or stands in the way for a while only, can be asked for again.
        if !said.is_some_and(passes) {
            access
                .approval_request_done(&approval_request.id, outcome)
                .await?;
        }
        if let (None, What::Cancel { payment, .. }) = (said, &approval_request.what) {
            first_result(&engine, payment).await;
        }
        Ok::<_, StoreError>(said)
    });
    Ok(notice::back(&page, said.await??).into_response())
}

/// Whether what stands in the way passes: then the approval request stays confirmed, and an operator with the role presses again.
fn passes(said: Notice) -> bool {
    matches!(
        said,
        Notice::Ledger | Notice::Pending | Notice::TooEarly | Notice::UnknownShop
    )
}

/// The notice to show, and the outcome in a word.
async fn run(
    engine: &Engine,
    approval_request: &ApprovalRequest,
    asker: Option<&Operator>,
    confirmer: &Operator,
) -> Result<(Option<Notice>, &'static str), StoreError> {
    let key = Some(("approval_request".to_owned(), approval_request.id.clone()));
    let by = approval_request.by.clone();
    let notice = match &approval_request.what {
        What::Cancel {
            payment,
            amount,
            seen,
            tax,
            reason,
            ..
        } => {
            let parsed = amount.map(Amount::new).transpose().ok();
            let reason = CancelReason::parse(reason).ok();
            match (parsed, reason) {
                (Some(amount), Some(reason)) => {
                    let tax = *tax;
                    let ask = CancelAsk {
                        amount,
                        seen: *seen,
                        tax,
                        reason,
                        by,
                        key,
                    };
                    // What both may refund; the engine counts what was refunded before in the same step as it
                    // writes the cancel down.
                    let of = engine.store().load(payment).await?;
                    let of = of.map(|of| of.payment.request.order.money.currency);
                    let most = |operator: Option<&Operator>| match (operator, of) {
                        (Some(operator), Some(currency)) => operator.may_refund(currency),
                        _ => 0,
                    };
                    let most = most(asker).min(most(Some(confirmer)));
                    let cancelled = engine.cancel_up_to(payment, ask, most).await;
                    cancelled.err().as_ref().map(Notice::from)
                }
                _ => Some(Notice::Amount),
            }
        }
        What::Close {
            payment,
            tno,
            keep,
            note,
            ..
        } => {
            let what = match tno.as_deref().map(Tno::parse) {
                None => Resolution::Absent { note: note.clone() },
                Some(Ok(tno)) => Resolution::Live {
                    tno,
                    note: note.clone(),
                    keep: *keep,
                },
                Some(Err(_)) => return Ok((Some(Notice::Tno), "refused")),
            };
            let ask = ResolveAsk { what, by, key };
            let closed = engine.resolve(payment, ask).await;
            closed.err().as_ref().map(Notice::from)
        }
        What::Remaining {
            payment,
            amount,
            note,
            ..
        } => {
            let (amount, note) = (*amount, note.clone());
            let what = Resolution::Remaining { amount, note };
            let ask = ResolveAsk { what, by, key };
            let stated = engine.resolve(payment, ask).await;
            stated.err().as_ref().map(Notice::from)
        }
        What::Export { .. } => None,
    };
    Ok(match notice {
        None => (None, "done"),
        Some(notice) => (Some(notice), "refused"),
    })
}

/// Why it is not carried out: something about who says yes, or about who asked.
async fn hindrance(
    pages: &Pages,
    current_operator: &CurrentOperator,
    w: &'static ApprovalRequestMessages,
    approval_request: &ApprovalRequest,
    payment: Option<&Payment>,
) -> Result<Option<&'static str>, ErrorPage> {
    let problem = payment
        .and_then(|payment| beyond_limit(current_operator.operator(), approval_request, payment));
    if let Some(problem) = problem {
        return Ok(Some(match problem {
            Beyond::Won => w.e_won_only,
            Beyond::Limit => w.e_limit,
        }));
    }
    let access = pages.access();
    let asker = access.operator(&approval_request.by).await?;
    let Some(problem) = asker_problem(w, asker.as_ref(), approval_request, payment) else {
        return Ok(None);
    };
    // Confirmed before, it would wait for ever.
    if current_operator
        .operator()
        .may(approval_request.what.role())
    {
        access
            .approval_request_done(&approval_request.id, "refused")
            .await?;
    }
    Ok(Some(problem))
}

/// Why who asked could not do it themselves any more: it is done in their name.
fn asker_problem(
    w: &'static ApprovalRequestMessages,
    asker: Option<&Operator>,
    approval_request: &ApprovalRequest,
    payment: Option<&Payment>,
) -> Option<&'static str> {
    let Some(asker) = asker.filter(|asker| asker.active) else {
        return Some(w.e_asker_inactive);
    };
    if !asker.may(approval_request.what.role()) {
        return Some(w.e_asker_role);
    }
    if !approval_request.what.is_for(&asker.shops) {
        return Some(w.e_asker_shop);
    }
    let payment = payment?;
    if !asker.may_use(&payment.request.shop) {
        return Some(w.e_asker_shop);
    }
    beyond_limit(asker, approval_request, payment).map(|_| w.e_asker_limit)
}

enum Beyond {
    /// It is not in won, as the limit is.
    Won,
    Limit,
}

/// What is beyond someone's limit.
fn beyond_limit(
    operator: &Operator,
    approval_request: &ApprovalRequest,
    payment: &Payment,
) -> Option<Beyond> {
    let What::Cancel { amount, .. } = &approval_request.what else {
        return None;
    };
    let currency = payment.request.order.money.currency;
    let amount = amount.unwrap_or_else(|| left(payment));
    // One that was confirmed before may be among what is refunded by now; the engine knows it by its name.
    let refunded = match approval_request.state {
        ApprovalRequestState::Open => payment.cancelled_amount(),
        _ => 0,
    };
    let amount = amount.saturating_add(refunded);
    if !operator.may_use_currency(currency) {
        return Some(Beyond::Won);
    }
    (!operator.may_move(amount, currency)).then_some(Beyond::Limit)
}

async fn page(
    pages: &Pages,
    current_operator: &CurrentOperator,
    problem: Option<&'static str>,
) -> Result<Response, ErrorPage> {
    let w = ApprovalRequestMessages::of(current_operator.lang);
    let layout = Layout::around(pages, current_operator, Part::ApprovalRequests, w.title).await?;
    let mut rows = Vec::new();
    for approval_request in pages.access().open_approval_requests().await? {
        let payment = payment_of(pages, &approval_request).await?;
        if shows(current_operator.operator(), &approval_request) {
            rows.push(row(
                pages,
                current_operator,
                w,
                approval_request,
                payment.as_ref(),
            ));
        }
    }
    let mut version = String::new();
    for row in &rows {
        let _ = write!(version, "{} {};", row.id, row.confirmed);
    }
    let page = ApprovalRequestsPage {
        layout,
        w,
        problem,
        rows,
        version,
    };
    Ok(html(&page))
}

fn row(
    pages: &Pages,
    current_operator: &CurrentOperator,
    w: &ApprovalRequestMessages,
    approval_request: ApprovalRequest,
    payment: Option<&Payment>,
) -> ApprovalRequestRow {
    let lang = current_operator.lang;
    let now = pages.access().clock().now();
    let age = write::span(lang, now.duration_since(approval_request.at));
    let (what, reason) = tell(lang, w, &approval_request.what, payment);
    ApprovalRequestRow {
        payment: payment.map(|payment| {
            let order = fill(w.order, &[payment.request.order_no.as_str()]);
            (format!("/payments/{}", payment.id), order)
        }),
        what,
        reason,
        by: fill(w.by, &[approval_request.by.as_str(), &age]),
        own: approval_request.by == current_operator.operator().name,
        may: current_operator
            .operator()
            .may(approval_request.what.role()),
        confirmed: matches!(
            approval_request.state,
            ApprovalRequestState::Confirmed { .. }
        ),
        is_file: matches!(approval_request.what, What::Export { .. }),
        fetch: fetch(current_operator, &approval_request, now),
        id: approval_request.id,
    }
}

/// The days of an export that was confirmed, for who asked.
fn fetch(
    current_operator: &CurrentOperator,
    approval_request: &ApprovalRequest,
    now: Timestamp,
) -> Option<(String, String)> {
    let What::Export { query, .. } = &approval_request.what else {
        return None;
    };
    let mine = approval_request.by == current_operator.operator().name;
    let (from, until) = days(query)?;
    (mine && approval_request.is_confirmed(now)).then(|| (from.into(), until.into()))
}

/// The first and the last day of an export.
fn days(query: &str) -> Option<(&str, &str)> {
    query.strip_prefix("from=")?.split_once("&until=")
}

/// What is requested, and why.
fn tell(
    lang: Lang,
    w: &ApprovalRequestMessages,
    what: &What,
    payment: Option<&Payment>,
) -> (String, String) {
    match what {
        What::Cancel {
            amount,
            seen,
            reason,
            ..
        } => {
            let currency = payment.map(|payment| payment.request.order.money.currency.to_string());
            let currency = currency.unwrap_or_default();
            let text = match amount {
                Some(amount) => fill(w.cancel, &[&write::money(lang, *amount, &currency)]),
                None => seen.map_or_else(
                    || w.cancel_all.to_owned(),
                    |seen| format!("{} ({})", w.cancel_all, write::money(lang, seen, &currency)),
                ),
            };
            (text, reason.clone())
        }
        What::Close {
            tno, keep, note, ..
        } => {
            let text = match tno {
                Some(tno) => {
                    let outcome = if *keep { w.keep } else { w.reverse };
                    fill(w.close_live, &[tno, outcome])
                }
                None => w.close_absent.into(),
            };
            (text, note.clone())
        }
        What::Remaining { amount, note, .. } => {
            let currency = payment.map(|payment| payment.request.order.money.currency.to_string());
            let amount = write::money(lang, *amount, &currency.unwrap_or_default());
            (fill(w.left, &[&amount]), note.clone())
        }
        What::Export { query, shops } => {
            let days = match days(query) {
                Some((from, until)) if from == until => from.into(),
                Some((from, until)) => format!("{from} ~ {until}"),
                None => query.clone(),
            };
            let t = Common::of(lang);
            let shops = shops.in_words(t.all, t.none);
            (fill(w.export, &[&days, &shops]), String::new())
        }
    }
}

fn to(path: &str) -> Response {
    Redirect::to(path).into_response()
}
