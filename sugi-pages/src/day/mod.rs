//! `/day`: a day, or a span of days, in numbers.

mod chart;
pub(crate) mod export;
mod messages;
pub(crate) mod running;
mod span;
mod sums;

use askama::Template;
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::Response,
};
use sugi_access::Role;
use sugi_store::GROUPS_MOST;

pub(crate) use self::span::SpanQuery;
use self::{
    chart::Chart,
    messages::DayMessages,
    sums::{Sums, SumsLine},
};
use crate::{
    Pages,
    current_operator::CurrentOperator,
    error_page::ErrorPage,
    lang::{Lang, fill},
    layout::{Layout, Part, html},
    write,
};

#[derive(Template)]
#[template(path = "day.html")]
struct DayPage {
    layout: Layout,
    w: &'static DayMessages,
    title: String,
    from: String,
    until: String,
    before: String,
    after: Option<String>,
    problem: Option<&'static str>,
    before_close: Vec<String>,
    totals: Vec<(&'static str, String, String)>,
    chart: Option<Chart>,
    tables: Vec<Table>,
    may_export: bool,
}

/// Numbers by shop, operator or issuer.
struct Table {
    name: &'static str,
    rows: Vec<DayRow>,
}

struct DayRow {
    name: String,
    count: String,
    gross: String,
    cancelled: String,
    net: String,
}

pub(crate) async fn show(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
    query: Result<Query<SpanQuery>, QueryRejection>,
) -> Result<Response, ErrorPage> {
    let (lang, w) = (
        current_operator.lang,
        DayMessages::of(current_operator.lang),
    );
    let layout = Layout::around(&pages, &current_operator, Part::Day, w.title).await?;
    let ask = query.map(|Query(ask)| ask).unwrap_or_default();
    let now = pages.access().clock().now();
    let (span, problem) = match ask.span(now) {
        Ok(span) => (span, None),
        Err(()) => (span::Span::today(now), Some(w.bad_span)),
    };
    let shops = &current_operator.operator().shops;
    let (from, until) = span.moments();
    let store = pages.store();
    let groups = store.report(from, until, shops).await?;
    let problem = if groups.len() >= GROUPS_MOST as usize {
        Some(w.too_much)
    } else {
        problem
    };
    let sums = Sums::of(&groups);
    let mut before_close = Vec::new();
    if let Some(alarm) = &layout.alarm {
        before_close.push(alarm.sentence.clone());
    }
    if sums.open > 0 {
        before_close.push(fill(w.still_open, &[&write::grouped(sums.open)]));
    }
    if let Some(waiting) = layout.waiting(Part::ApprovalRequests) {
        before_close.push(fill(w.waiting, &[waiting]));
    }
    Ok(html(&DayPage {
        title: span.title(),
        from: span.from.to_string(),
        until: span.until.to_string(),
        before: span.before(),
        after: span.after(now),
        problem,
        before_close,
        totals: totals(lang, w, &sums),
        chart: Chart::of(lang, w, &sums, span),
        tables: vec![
            table(lang, w.by_shop, &sums.by_shop),
            table(lang, w.by_operator, &sums.by_operator),
            table(lang, w.by_issuer, &sums.by_issuer),
        ],
        may_export: current_operator.operator().may(Role::Close),
        layout,
        w,
    }))
}

fn totals(lang: Lang, w: &'static DayMessages, sums: &Sums) -> Vec<(&'static str, String, String)> {
    let mut totals = Vec::new();
    for (currency, all) in &sums.by_currency {
        let money = |amount| write::money(lang, amount, currency);
        let count = write::grouped;
        totals.push((w.gross, count(all.count), money(all.gross)));
        totals.push((w.cancelled, count(all.cancels), money(all.cancelled)));
        totals.push((w.net, String::new(), money(all.net())));
        totals.push((w.declined, count(all.declined), money(all.declined_amount)));
        totals.push((w.undone, count(all.undone), money(all.undone_amount)));
        totals.push((w.doubt, count(all.doubts), money(all.doubt_amount)));
        totals.push((w.on_the_way, count(all.open), money(all.open_amount)));
    }
    totals
}

fn table(lang: Lang, name: &'static str, lines: &[(String, String, SumsLine)]) -> Table {
    let row = |(name, currency, line): &(String, String, SumsLine)| {
        let money = |amount| write::money(lang, amount, currency);
        DayRow {
            name: name.clone(),
            count: write::grouped(line.count),
            gross: money(line.gross),
            cancelled: money(line.cancelled),
            net: money(line.net()),
        }
    };
    Table {
        name,
        rows: lines.iter().map(row).collect(),
    }
}
