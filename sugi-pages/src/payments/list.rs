//! `GET /payments`.

use askama::Template;
use axum::{
    Extension,
    extract::{Query, State, rejection::QueryRejection},
    response::{IntoResponse as _, Redirect, Response},
};
use jiff::{Timestamp, ToSpan as _, civil::Date};
use nhn_kcp::normal;
use serde::Deserialize;
use sugi_api::Audited;
use sugi_core::{PaymentId, Status};
use sugi_store::{Filter, StoreError, Summary};

use super::{
    messages::ListMessages,
    search::{self, Begun},
};
use crate::{
    Pages,
    current_operator::CurrentOperator,
    error_page::ErrorPage,
    lang::{Lang, fill},
    layout::{Layout, Part, html},
    messages, write,
};

/// How many payments a page shows.
const PAGE: usize = 50;

/// What is asked for. Whatever does not read as it should asks for nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PaymentListQuery {
    q: String,
    shop: String,
    state: String,
    from: String,
    until: String,
    before: String,
}

#[derive(Template)]
#[template(path = "payments.html")]
struct PaymentListPage {
    layout: Layout,
    w: &'static ListMessages,
    ask: PaymentListQuery,
    shops: Vec<String>,
    states: Vec<(&'static str, &'static str)>,
    problem: bool,
    too_many: bool,
    rows: Vec<PaymentRow>,
    older: Option<String>,
    narrowed: bool,
}

struct PaymentRow {
    href: String,
    when: String,
    order_no: String,
    state: &'static str,
    tone: &'static str,
    amount: String,
    cancelled: Option<String>,
    buyer: String,
    card: String,
    shop: String,
    by: String,
}

pub(crate) async fn show(
    State(pages): State<Pages>,
    current_operator: CurrentOperator,
    query: Result<Query<PaymentListQuery>, QueryRejection>,
) -> Result<Response, ErrorPage> {
    let (lang, w) = (
        current_operator.lang,
        ListMessages::of(current_operator.lang),
    );
    let mut ask = query.map(|Query(ask)| ask).unwrap_or_default();
    // A card number: the browser's history has its address already, and a proxy's log may. It gets no
    // further, and a page that is fetched anew does not ask for it again.
    if let Some(four) = search::last_four_of_card(&ask.q) {
        ask.q = four;
        return Ok(Redirect::to(&ask.address("")).into_response());
    }
    if let Ok(id) = ask.q.trim().parse::<PaymentId>() {
        return Ok(Redirect::to(&format!("/payments/{id}")).into_response());
    }
    let layout = Layout::around(&pages, &current_operator, Part::Payments, w.title).await?;
    let mut shops: Vec<String> = pages
        .engine()
        .shops()
        .iter()
        .filter(|shop| current_operator.operator().may_use(&shop.id))
        .map(|shop| shop.id.to_string())
        .collect();
    shops.sort();
    let filter = filter(&ask, &current_operator);
    let q = normal::text(&ask.q);
    let begun = Begun::of(pages.store(), &q).await?;
    let too_many = begun.too_many;
    let (rows, more) = match &filter {
        Some(filter) => find(&pages, &q, begun, filter).await?,
        None => (Vec::new(), false),
    };
    let last = rows.last().map(|last| last.id.to_string());
    let older = last.filter(|_| more).map(|last| ask.address(&last));
    let page = PaymentListPage {
        layout,
        w,
        problem: filter.is_none(),
        too_many,
        states: Status::ALL
            .map(|status| (status.as_str(), messages::state(lang, status)))
            .into(),
        narrowed: ask.narrows(),
        ask,
        shops,
        rows: rows
            .into_iter()
            .map(|row| PaymentRow::of(lang, w, row))
            .collect(),
        older,
    };
    Ok((Extension(Audited("payments".into())), html(&page)).into_response())
}

/// A page of what matches, the newest first, and whether there is more.
async fn find(
    pages: &Pages,
    text: &str,
    begun: Begun,
    filter: &Filter,
) -> Result<(Vec<Summary>, bool), StoreError> {
    let mut found = Vec::new();
    let mut more = false;
    for filter in search::alternatives(text, begun, filter) {
        let page = pages.store().list(filter).await?;
        more |= page.more;
        found.extend(page.payments);
    }
    let time = |one: &Summary| (one.created_at, one.id.clone());
    found.sort_by_cached_key(|one| std::cmp::Reverse(time(one)));
    found.dedup_by(|one, other| one.id == other.id);
    more |= found.len() > PAGE;
    found.truncate(PAGE);
    Ok((found, more))
}

/// What is asked for as a filter; `None` if a day is none.
fn filter(ask: &PaymentListQuery, current_operator: &CurrentOperator) -> Option<Filter> {
    let shop = ask.shop.parse().ok();
    let shop = shop.filter(|shop| current_operator.operator().may_use(shop));
    let shops = match shop {
        Some(shop) => [shop].into(),
        None => current_operator.operator().shops.clone(),
    };
    let statuses = ask.state.parse::<Status>().ok();
    Some(Filter {
        shops,
        statuses: statuses.into_iter().collect(),
        from: day(&ask.from, false)?,
        until: day(&ask.until, true)?,
        before: ask.before.parse().ok(),
        limit: PAGE,
        ..Filter::default()
    })
}

/// The first moment of a Korean day, or of the one after it. `None` when it is no day.
#[allow(clippy::option_option, reason = "no day given is no mistake")]
fn day(text: &str, after: bool) -> Option<Option<Timestamp>> {
    if text.trim().is_empty() {
        return Some(None);
    }
    let day: Date = text.trim().parse().ok()?;
    let day = if after {
        day.checked_add(1.day()).ok()?
    } else {
        day
    };
    write::KOREA.to_timestamp(day.at(0, 0, 0, 0)).ok().map(Some)
}

impl PaymentListQuery {
    fn narrows(&self) -> bool {
        [&self.q, &self.shop, &self.state, &self.from, &self.until]
            .iter()
            .any(|text| !text.trim().is_empty())
    }

    /// The address of the page that goes on before a payment.
    fn address(&self, before: &str) -> String {
        let mut address = form_urlencoded::Serializer::for_suffix(String::from("/payments?"), 10);
        for (name, text) in [
            ("q", &*self.q),
            ("shop", &self.shop),
            ("state", &self.state),
            ("from", &self.from),
            ("until", &self.until),
            ("before", before),
        ] {
            if !text.is_empty() {
                address.append_pair(name, text);
            }
        }
        address.finish()
    }
}

impl PaymentRow {
    fn of(lang: Lang, w: &ListMessages, one: Summary) -> Self {
        let money = |amount| write::money(lang, amount, &one.currency);
        let cancelled = (one.cancelled > 0 && one.cancelled < one.amount)
            .then(|| fill(w.cancelled, &[&money(one.cancelled)]));
        Self {
            href: format!("/payments/{}", one.id),
            when: write::time(one.created_at),
            state: messages::state(lang, one.status),
            tone: messages::tone(one.status),
            amount: money(one.amount),
            cancelled,
            order_no: one.order_no,
            buyer: one.buyer_name.unwrap_or_default(),
            card: match one.issuer {
                Some(issuer) => format!("{issuer} {}", one.last4),
                None => format!("•••• {}", one.last4),
            },
            shop: one.shop.to_string(),
            by: one.by,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_koreas() {
        let at = |text, after| day(text, after).unwrap().unwrap().to_string();
        assert_eq!(at("2026-11-23", false), "2026-11-22T15:00:00Z");
        assert_eq!(at("2026-11-23", true), "2026-11-23T15:00:00Z");
        assert_eq!(day(" ", false), Some(None));
        for text in ["x", "2026-13-01", "9999-12-32"] {
            assert_eq!(day(text, true), None, "{text}");
        }
    }

    #[test]
    fn the_next_page_asks_for_the_same() {
        let ask = PaymentListQuery {
            q: "홍 &".into(),
            ..PaymentListQuery::default()
        };
        assert_eq!(
            ask.address("pay_1"),
            "/payments?q=%ED%99%8D+%26&before=pay_1"
        );
        assert!(ask.narrows() && !PaymentListQuery::default().narrows());
    }
}
