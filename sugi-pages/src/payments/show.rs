//! `GET /payments/{id}`: the result first, then what can be done, then what happened.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    response::Response,
};
use nhn_kcp::{Currency, pan::Rule};
use serde::Deserialize;
use sugi_access::{ApprovalRequest, ApprovalRequestState, Role};
use sugi_api::Did;
use sugi_core::{Kind, Payment, Status, todo::ClockDoubt};
use sugi_engine::Shop;

use super::{
    cancel::form_key,
    find, lost,
    messages::PaymentMessages,
    notice::{At, Notice},
    receipt,
    timeline::{self, Happening},
};
use crate::{
    Pages,
    current_operator::CurrentOperator,
    error_page::ErrorPage,
    form::Form,
    lang::{Lang, fill},
    layout::{Layout, Part, html},
    messages,
    say::{self, Said},
    write,
};

/// What became of what was sent from here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Back {
    pub(super) said: String,
}

#[derive(Template)]
#[template(path = "payment.html")]
struct PaymentPage {
    layout: Layout,
    w: &'static PaymentMessages,
    id: String,
    said: Said,
    state: &'static str,
    notice: Option<&'static str>,
    /// What is wrong with a field, when a form was sent and refused.
    wrong: Option<(At, &'static str)>,
    facts: Vec<(&'static str, String)>,
    timeline: Vec<Happening>,
    cancel: Option<CancelForm>,
    close: Option<CloseForm>,
    remaining: Option<RemainingForm>,
    cancelling: Option<String>,
    /// Something that was asked for here waits for a second person.
    waits: Option<&'static str>,
    receipt: bool,
    may_key_in: bool,
    /// The page is worth looking at again soon.
    settling: bool,
    /// What is sent from this page is one thing, however often it is sent.
    key: String,
}

/// What can be cancelled.
struct CancelForm {
    /// All that is left, as it is said.
    all: String,
    /// What stands around an amount.
    around: &'static str,
    /// All that is left, as it is typed.
    amount: String,
    /// What keys a telephone shows for it.
    keys: &'static str,
    currency: String,
    /// What is wrong with an amount that is none.
    wrong: &'static str,
    hint: String,
    whole_only: bool,
    parts: Option<Parts>,
    two: Option<String>,
    reason: String,
}

/// What is left of each tax part, as it is typed in.
struct Parts {
    supply: String,
    vat: String,
    free: String,
}

/// How a doubt can be closed.
struct CloseForm {
    absent_hint: Option<String>,
    two: bool,
    is_absent: bool,
    tno: String,
    keep: bool,
    note: String,
}

/// What is left where a cancel does not end: for who has seen it at KCP.
struct RemainingForm {
    /// From when on it is taken, when that is to come.
    hint: String,
    two: bool,
    amount: String,
    keys: &'static str,
    currency: String,
    note: String,
}

impl PaymentPage {
    /// What is wrong with a field.
    fn at(&self, field: At) -> Option<&'static str> {
        self.wrong
            .filter(|(at, _)| *at == field)
            .map(|(_, text)| text)
    }
}

/// Into which form of the page something was typed before.
#[derive(Clone, Copy)]
pub(crate) enum Typed<'a> {
    Cancel(&'a Form),
    Close(&'a Form),
}

/// What was typed on the page before, and what is said of it.
#[derive(Default)]
struct Filled<'a> {
    typed: Option<Typed<'a>>,
    notice: Option<Notice>,
    /// Its session was over, and now it is here again.
    again: bool,
}

impl Filled<'_> {
    fn form(&self) -> Option<&Form> {
        let (Typed::Cancel(form) | Typed::Close(form)) = self.typed?;
        Some(form)
    }

    fn cancel(&self) -> Option<&Form> {
        self.form()
            .filter(|_| matches!(self.typed, Some(Typed::Cancel(_))))
    }

    fn close(&self) -> Option<&Form> {
        self.form()
            .filter(|_| matches!(self.typed, Some(Typed::Close(_))))
    }

    /// What was typed into a field of a form; what stands there else, if nothing was sent.
    fn or(form: Option<&Form>, name: &str, else_: String) -> String {
        form.map_or(else_, |form| form.shown(name, Rule::Text).into())
    }
}

pub(crate) async fn show(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
    Path(id): Path<String>,
    query: Result<Query<Back>, QueryRejection>,
) -> Result<Response, ErrorPage> {
    let payment = find(&pages, &current_operator, &id).await?;
    let back = query.map(|Query(back)| back).unwrap_or_default();
    let filled = Filled {
        notice: Notice::parse(&back.said),
        ..Filled::default()
    };
    page(&pages, &current_operator, payment, filled).await
}

/// The page with what was sent from it and not done, to be mended where it is wrong.
pub(crate) async fn refused(
    pages: &Pages,
    current_operator: &CurrentOperator,
    address: &str,
    notice: Notice,
    typed: Typed<'_>,
) -> Result<Response, ErrorPage> {
    let filled = Filled {
        typed: Some(typed),
        notice: Some(notice),
        again: false,
    };
    let mut response = at(pages, current_operator, address, filled).await?;
    *response.status_mut() = notice.status();
    response.extensions_mut().insert(Did(notice.code().into()));
    Ok(response)
}

/// The page with what was typed before its session was over.
pub(crate) async fn opened_again(
    pages: &Pages,
    current_operator: &CurrentOperator,
    address: &str,
    typed: Typed<'_>,
) -> Result<Response, ErrorPage> {
    let filled = Filled {
        typed: Some(typed),
        notice: None,
        again: true,
    };
    at(pages, current_operator, address, filled).await
}

async fn at(
    pages: &Pages,
    current_operator: &CurrentOperator,
    address: &str,
    filled: Filled<'_>,
) -> Result<Response, ErrorPage> {
    // As it stands now: what was refused may be so because it changed.
    let id = address.rsplit('/').next().unwrap_or_default();
    let payment = find(pages, current_operator, id).await?;
    page(pages, current_operator, payment, filled).await
}

async fn page(
    pages: &Pages,
    current_operator: &CurrentOperator,
    payment: Payment,
    filled: Filled<'_>,
) -> Result<Response, ErrorPage> {
    let journal = pages.store().journal(&payment.id).await?;
    let (lang, w) = (
        current_operator.lang,
        PaymentMessages::of(current_operator.lang),
    );
    let title = fill(w.title, &[payment.request.order_no.as_str()]);
    let mut layout = Layout::around(pages, current_operator, Part::Payments, title).await?;
    layout.seen = payment.seq.to_string();
    if filled.form().is_some() {
        layout.path = format!("/payments/{}", payment.id);
        layout.address = Some(layout.path.clone());
    }
    let cancelling = cancelling(lang, w, &payment);
    let cancel = CancelForm::of(pages, current_operator, w, &payment, &filled);
    let close = CloseForm::of(pages, current_operator, w, &payment, &filled);
    let remaining = RemainingForm::of(pages, current_operator, w, &payment, &filled);
    // It is said at its field, where the page has that.
    let wrong = filled.notice.filter(|_| filled.form().is_some());
    let wrong = wrong.and_then(|notice| Some((notice.at()?, notice.text(lang))));
    let has_field = match wrong {
        Some((At::Amount, _)) => cancel.as_ref().is_some_and(|cancel| !cancel.whole_only),
        Some((At::Parts, _)) => cancel.as_ref().is_some_and(|cancel| cancel.parts.is_some()),
        Some((At::Reason, _)) => cancel.is_some(),
        Some((At::Tno, _)) => close.is_some(),
        Some((At::Note, _)) => close.is_some() || remaining.is_some(),
        Some((At::Remaining, _)) => remaining.is_some(),
        None => false,
    };
    let notice = filled
        .notice
        .filter(|_| !has_field)
        .map(|notice| notice.text(lang));
    // What was asked for with another content cannot be asked for under the same key.
    let key = filled
        .form()
        .filter(|_| filled.notice != Some(Notice::Used));
    let key = key.and_then(form_key);
    Ok(html(&PaymentPage {
        w,
        said: say::of(lang, &payment),
        state: messages::state(lang, payment.status()),
        notice: notice.or(filled.again.then_some(w.again_signed_in)),
        wrong: wrong.filter(|_| has_field),
        facts: {
            let mut facts = facts(lang, w, &payment);
            facts.extend(held_open(pages, lang, w, &payment));
            facts
        },
        timeline: timeline::of(lang, &payment, &journal),
        cancel,
        close,
        remaining,
        settling: !is_settled(payment.status()) || cancelling.is_some(),
        cancelling,
        waits: (layout.approval_requests.iter())
            .any(|approval_request| waits(approval_request, &payment))
            .then_some(w.waits),
        layout,
        receipt: receipt::has_slip(&payment),
        // Not while this one may have charged the caller.
        may_key_in: current_operator.operator().may(Role::KeyIn) && is_settled(payment.status()),
        key: key.unwrap_or_else(sugi_clock::new_secret),
        id: payment.id.to_string(),
    }))
}

fn waits(approval_request: &ApprovalRequest, payment: &Payment) -> bool {
    approval_request.what.payment() == Some(&payment.id)
        && matches!(approval_request.state, ApprovalRequestState::Open)
}

fn is_settled(status: Status) -> bool {
    !matches!(
        status,
        Status::Requested | Status::Approving | Status::InDoubt | Status::Reversing
    )
}

fn facts(
    lang: Lang,
    w: &'static PaymentMessages,
    payment: &Payment,
) -> Vec<(&'static str, String)> {
    let (request, order) = (&payment.request, &payment.request.order);
    let currency = order.money.currency.to_string();
    let money = |amount| write::money(lang, amount, &currency);
    let mut facts = vec![(w.amount, money(order.money.amount.get()))];
    let mut fact = |name, text: Option<String>| {
        facts.extend(
            text.filter(|text| !text.is_empty())
                .map(|text| (name, text)),
        );
    };
    if let sugi_core::State::Approved { remaining, .. } = &payment.state {
        let part = payment.cancelled_amount() > 0;
        fact(w.remaining, part.then(|| money(*remaining)));
    }
    let parts = match order.tax {
        Some(nhn_kcp::TaxSplit::Mixed(parts)) => Some(timeline::parts(w.split, parts, &currency)),
        Some(nhn_kcp::TaxSplit::TaxFree) => Some(w.free.into()),
        _ => None,
    };
    fact(w.tax, parts);
    fact(w.order_no, Some(request.order_no.to_string()));
    fact(w.kcp_order_no, Some(order.order_no.to_string()));
    fact(
        w.product,
        order.goods_name.as_ref().map(ToString::to_string),
    );
    let buyer = [
        order.buyer.name.as_ref().map(ToString::to_string),
        order.buyer.phone.as_ref().map(ToString::to_string),
        order.buyer.mail.as_ref().map(ToString::to_string),
    ];
    let buyer: Vec<String> = buyer.into_iter().flatten().collect();
    fact(w.buyer, Some(buyer.join(" · ")));
    fact(w.card, Some(request.card.to_string()));
    let kind = match request.kind {
        Kind::Authenticated => w.authenticated,
        Kind::Unauthenticated => w.unauthenticated,
    };
    fact(w.kind, Some(kind.into()));
    let months = match order.installments.months() {
        0 => w.lump.into(),
        months => fill(w.months_n, &[&months.to_string()]),
    };
    fact(w.months, Some(months));
    if let Some(approval) = payment.approval() {
        let company = |company: &nhn_kcp::Company| company.name.clone();
        fact(w.app_no, approval.app_no.clone());
        let app_time = approval.app_time.map(|at| write::time(at.to_timestamp()));
        fact(w.app_time, app_time);
        fact(w.issuer, approval.issuer.as_ref().map(company));
        fact(w.acquirer, approval.acquirer.as_ref().map(company));
        fact(w.tno, Some(approval.tno.to_string()));
    }
    if let sugi_core::State::Declined(refusal) = &payment.state {
        fact(
            w.code,
            Some(format!("{} {}", refusal.code, refusal.message)),
        );
    }
    if let sugi_core::State::InDoubt(doubt) = &payment.state {
        fact(w.doubt, Some(lost::why(lang, &doubt.lost.why)));
        fact(w.other_amount, payment.other_amount().map(money));
        fact(w.tno_seen, doubt.lost.tno.as_ref().map(ToString::to_string));
        let inquiries = fill(w.inquiries, &[&doubt.inquiries.to_string()]);
        fact(w.timeline, (doubt.inquiries > 0).then_some(inquiries));
    }
    fact(w.shop, Some(request.shop.to_string()));
    fact(w.by, Some(request.by.to_string()));
    fact(w.when, Some(write::time(payment.created_at)));
    facts
}

/// Why a payment in doubt is not closed by time: the clock.
fn held_open(
    pages: &Pages,
    lang: Lang,
    w: &'static PaymentMessages,
    payment: &Payment,
) -> Option<(&'static str, String)> {
    let why = match pages.engine().clock_doubt(payment)? {
        ClockDoubt::Unmeasured => w.clock_unmeasured.into(),
        ClockDoubt::Wrong(ahead) => fill(w.clock_wrong, &[&write::span(lang, ahead.abs())]),
    };
    Some((w.held_open, why))
}

/// The cancel that has not ended.
fn cancelling(lang: Lang, w: &PaymentMessages, payment: &Payment) -> Option<String> {
    let sugi_core::State::Approved {
        pending: Some(pending),
        ..
    } = &payment.state
    else {
        return None;
    };
    let currency = payment.request.order.money.currency.to_string();
    let amount = write::money(lang, pending.0.amount.get(), &currency);
    Some(fill(w.cancelling, &[&amount]))
}

impl CancelForm {
    fn of(
        pages: &Pages,
        current_operator: &CurrentOperator,
        w: &PaymentMessages,
        payment: &Payment,
        filled: &Filled<'_>,
    ) -> Option<Self> {
        let sugi_core::State::Approved {
            approval,
            remaining,
            pending: None,
            ..
        } = &payment.state
        else {
            return None;
        };
        let form = filled.cancel();
        if *remaining == 0 || !current_operator.operator().may(Role::Cancel) {
            return None;
        }
        let shops = pages.engine().shops();
        let shop = shops.iter().find(|shop| shop.id == payment.request.shop);
        let parts_taken = shop.is_some_and(|shop| shop.contract.partial_cancel);
        let currency = payment.request.order.money.currency.to_string();
        let money = |amount| write::money(current_operator.lang, amount, &currency);
        let above = pages.access().rules().second_person.cancel_above;
        Some(Self {
            all: money(*remaining),
            around: write::around(current_operator.lang, &currency),
            amount: Filled::or(form, "amount", write::typed(*remaining, &currency)),
            reason: Filled::or(form, "reason", String::new()),
            keys: keys(payment.request.order.money.currency),
            wrong: if currency == "KRW" {
                w.e_amount
            } else {
                w.e_amount_dollars
            },
            hint: fill(w.cancel_hint, &[&money(*remaining)]),
            whole_only: !parts_taken || approval.partial_cancel == Some(false),
            parts: payment.tax_left().map(|left| Parts {
                supply: Filled::or(form, "supply", write::typed(left.supply, &currency)),
                vat: Filled::or(form, "vat", write::typed(left.vat, &currency)),
                free: Filled::or(form, "free", write::typed(left.free, &currency)),
            }),
            two: above.map(|above| match currency.as_str() {
                "KRW" => fill(w.cancel_two, &[&money(above)]),
                _ => w.cancel_two_dollars.into(),
            }),
            currency,
        })
    }
}

impl CloseForm {
    fn of(
        pages: &Pages,
        current_operator: &CurrentOperator,
        w: &PaymentMessages,
        payment: &Payment,
        filled: &Filled<'_>,
    ) -> Option<Self> {
        if payment.status() != Status::InDoubt || !current_operator.operator().may(Role::Close) {
            return None;
        }
        let engine = pages.engine();
        let known = |shop: &Arc<Shop>| shop.id == payment.request.shop;
        engine.shops().iter().any(known).then_some(())?;
        // Nothing to say when it never can be: then KCP gave a number for it.
        let absent_hint = match engine.may_attest_absence(payment) {
            Ok(()) => Some(String::new()),
            Err(Some(at)) => Some(fill(w.close_absent_hint, &[&write::time(at)])),
            Err(None) => None,
        };
        let form = filled.close();
        Some(Self {
            absent_hint,
            two: pages.access().rules().second_person.close,
            is_absent: form.is_some_and(|form| form.get("found") == "absent"),
            tno: Filled::or(form, "tno", String::new()),
            keep: form.is_some_and(|form| form.get("outcome") == "keep"),
            note: Filled::or(form, "note", String::new()),
        })
    }
}

impl RemainingForm {
    /// Where a cancel or a reversal has not ended and inquiries do not tell how it stands.
    fn of(
        pages: &Pages,
        current_operator: &CurrentOperator,
        w: &PaymentMessages,
        payment: &Payment,
        filled: &Filled<'_>,
    ) -> Option<Self> {
        let engine = pages.engine();
        let hint = match engine.may_attest_remaining(payment) {
            Ok(()) => String::new(),
            Err(Some(at)) => fill(w.close_absent_hint, &[&write::time(at)]),
            Err(None) => return None,
        };
        if !current_operator.operator().may(Role::Close) {
            return None;
        }
        let currency = payment.request.order.money.currency;
        let form = filled.close();
        Some(Self {
            hint,
            two: pages.access().rules().second_person.close,
            amount: Filled::or(form, "remaining", String::new()),
            keys: keys(currency),
            currency: currency.to_string(),
            note: Filled::or(form, "note", String::new()),
        })
    }
}

/// What keys a telephone shows for an amount.
fn keys(currency: Currency) -> &'static str {
    match currency {
        Currency::Krw => "numeric",
        Currency::Usd => "decimal",
    }
}
