//! `GET /v1/payments`: find payments, page by page.

use std::borrow::Cow;

use axum::{Extension, Json, extract::State};
use jiff::{Timestamp, civil::Date, tz::Offset};
use nhn_kcp::normal;
use serde::Serialize;
use sugi_core::{ShopId, Status};
use sugi_store::{Filter, Summary};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, OneOfBuilder, RefOr, Schema, SchemaFormat, Type},
};

use crate::{
    Api, Audited,
    auth::Caller,
    document::{ParameterProblems, Problems},
    keys::{ApiKey, Scope},
    problem::{Code, Problem},
    query::{Query, bad},
};

use super::{
    view::{BuyerView, CardView, money_may_have_moved},
    wording::{CurrencyWord, StateWord},
};

/// How many payments a page holds unless the caller says so.
const PAGE: usize = 50;

/// A page of payments, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = PaymentPage)]
pub(crate) struct Found {
    #[schema(max_items = 200)]
    payments: Vec<Line>,
    /// Give this as `before` to get the next page; `null` when there is none.
    #[schema(required = true)]
    next: Option<String>,
}

/// A shop, as a parameter.
#[derive(Serialize, ToSchema)]
#[schema(as = ShopId, value_type = String, pattern = "^[a-z0-9_-]{1,32}$")]
#[allow(dead_code, reason = "for the document")]
pub(crate) struct ShopWord(String);

/// A time, as a parameter.
pub(crate) struct Moment;

impl ToSchema for Moment {
    fn name() -> Cow<'static, str> {
        "Moment".into()
    }
}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        let text = |format| {
            let text = ObjectBuilder::new().schema_type(Type::String);
            text.format(Some(SchemaFormat::KnownFormat(format)))
        };
        let what = "A time (RFC 3339), or a day in Korea, which is its first moment.";
        let either = OneOfBuilder::new()
            .item(text(KnownFormat::Date))
            .item(text(KnownFormat::DateTime));
        RefOr::T(Schema::OneOf(either.description(Some(what)).build()))
    }
}

/// A payment in a list: what its own address tells, without the details.
#[derive(Serialize, ToSchema)]
#[schema(as = PaymentInList)]
pub(crate) struct Line {
    #[schema(pattern = "^pay_[0-9a-f]{32}$")]
    id: String,
    #[schema(inline)]
    state: StateWord,
    shop: String,
    order_no: String,
    /// The order number as KCP has it (`ordr_idxx`).
    kcp_order_no: String,
    amount: u64,
    cancelled_amount: u64,
    #[schema(inline)]
    currency: CurrencyWord,
    buyer: BuyerView,
    card: CardView,
    #[serde(skip_serializing_if = "Option::is_none")]
    tno: Option<String>,
    /// The card company's approval number.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_no: Option<String>,
    /// Who issued the card.
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    money_may_have_moved: bool,
    /// Since when it is in doubt.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    doubt_since: Option<Timestamp>,
    by: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// Find payments
///
/// The newest first, a page at a time. Everything that is given must hold, and texts must match
/// exactly. Only payments of shops that the key may use are found.
#[utoipa::path(
    get, path = "/v1/payments", tag = "payments", operation_id = "list_payments",
    params(
        ("shop" = Option<Vec<ShopWord>>, Query, description = "Of this shop; can be given more than once.", explode),
        ("state" = Option<Vec<StateWord>>, Query, description = "In this state; can be given more than once.", explode),
        ("order_no" = Option<String>, Query, description = "The merchant's order number.", max_length = 256, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f\\ufffd]*$"),
        ("kcp_order_no" = Option<String>, Query, description = "The order number as KCP has it.", max_length = 256, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f\\ufffd]*$"),
        ("buyer_name" = Option<String>, Query, description = "The buyer's name.", max_length = 256, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f\\ufffd]*$"),
        ("buyer_phone" = Option<String>, Query, description = "The buyer's phone number, however it is written: its digits are looked for, with `0` for `+82`.", max_length = 256, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f\\ufffd]*$"),
        ("last4" = Option<String>, Query, description = "The card's last four digits.", pattern = "^[0-9]{4}$"),
        ("app_no" = Option<String>, Query, description = "The approval number.", max_length = 256, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f\\ufffd]*$"),
        ("tno" = Option<String>, Query, description = "KCP's transaction number.", pattern = "^[0-9]{14}$"),
        ("from" = Option<Moment>, Query, description = "Made at or after: a time (RFC 3339), or a day in Korea (`2026-11-23`), which is its first moment.", example = "2026-11-23"),
        ("until" = Option<Moment>, Query, description = "Made before: likewise. For one whole day give the next day here.", example = "2026-11-24"),
        ("before" = Option<String>, Query, description = "`next` of the page before.", pattern = "^pay_[0-9a-f]{32}$"),
        ("limit" = Option<u16>, Query, description = "How many, 1 to 200; 50 when left out.", minimum = 1, maximum = 200),
    ),
    responses((status = 200, description = "A page of payments.", body = Found), Problems, ParameterProblems),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    query: Result<Query, Problem>,
) -> Result<(Extension<Audited>, Json<Found>), Problem> {
    caller.may(Scope::Read)?;
    let seen = Extension(Audited("payments".into()));
    let Some(filter) = filter(query?, &caller.key)? else {
        let (payments, next) = (Vec::new(), None);
        return Ok((seen, Json(Found { payments, next })));
    };
    let page = api.0.app.engine.store().list(filter).await?;
    let next = page
        .payments
        .last()
        .filter(|_| page.more)
        .map(|last| last.id.to_string());
    let payments = page.payments.into_iter().map(Line::of).collect();
    Ok((seen, Json(Found { payments, next })))
}

/// The filter that is asked for; `None` if nothing of it is the key's to see.
fn filter(mut query: Query, key: &ApiKey) -> Result<Option<Filter>, Problem> {
    let digits = |name, len| {
        move |text: String| {
            let right = text.len() == len && text.bytes().all(|b| b.is_ascii_digit());
            if right {
                Ok(text)
            } else {
                Err(bad(name, &format!("must be {len} digits")))
            }
        }
    };
    let before = query.one("before")?.map(|id| {
        id.parse()
            .map_err(|_| bad("before", "must be `next` of a page"))
    });
    let mut filter = Filter {
        order_nos: in_one_form(query.one("order_no")?),
        kcp_order_no: query.one("kcp_order_no")?,
        buyer_names: in_one_form(query.one("buyer_name")?),
        buyer_phone: query
            .one("buyer_phone")?
            .map(|phone| normal::phone_digits(&phone)),
        app_no: query.one("app_no")?,
        last4: query.one("last4")?.map(digits("last4", 4)).transpose()?,
        tno: query.one("tno")?.map(digits("tno", 14)).transpose()?,
        from: query
            .one("from")?
            .map(|text| moment("from", &text))
            .transpose()?,
        until: query
            .one("until")?
            .map(|text| moment("until", &text))
            .transpose()?,
        before: before.transpose()?,
        limit: query.one("limit")?.map_or(Ok(PAGE), |text| limit(&text))?,
        ..Filter::default()
    };
    for state in query.all("state") {
        let rule = "must be one of the states of a payment";
        let status = state.parse::<Status>().map_err(|()| bad("state", rule))?;
        if !filter.statuses.contains(&status) {
            filter.statuses.push(status);
        }
    }
    let shops = query.all("shop");
    query.end()?;
    let mut named = Vec::with_capacity(shops.len());
    for shop in &shops {
        let shop: ShopId = shop
            .parse()
            .map_err(|_| bad("shop", "must be 1 to 32 of a-z, 0-9, - and _"))?;
        if !key.may_use(&shop) {
            return Err(
                Problem::new(Code::ShopForbidden, "this key is for other shops").field("shop"),
            );
        }
        named.push(shop);
    }
    filter.shops = if named.is_empty() {
        key.shops.clone()
    } else {
        named.into_iter().collect()
    };
    // An empty span of time: nothing to ask.
    let empty = matches!((filter.from, filter.until), (Some(from), Some(until)) if from >= until);
    Ok((!empty).then_some(filter))
}

/// A text in the form in which others like it are kept.
fn in_one_form(text: Option<String>) -> Vec<String> {
    let text = text.map(|text| normal::text(&text).into_owned());
    text.into_iter().collect()
}

fn limit(text: &str) -> Result<usize, Problem> {
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    let number = text
        .parse()
        .ok()
        .filter(|limit| plain && (1..=Filter::MOST).contains(limit));
    number.ok_or_else(|| bad("limit", "must be a number from 1 to 200"))
}

/// A time, or the first moment of a day in Korea, which has had no summer time since 1988.
fn moment(name: &str, text: &str) -> Result<Timestamp, Problem> {
    let rule = "must be a time such as 2026-11-23T09:00:00+09:00, or a day such as 2026-11-23";
    let at = if text.len() == 10 {
        let day: Option<Date> = text.parse().ok();
        day.and_then(|day| Offset::constant(9).to_timestamp(day.at(0, 0, 0, 0)).ok())
    } else {
        // A + that was not percent-encoded arrives as a space.
        text.replace(' ', "+").parse().ok()
    };
    at.ok_or_else(|| bad(name, rule))
}

impl Line {
    pub(crate) fn of(summary: Summary) -> Self {
        Self {
            id: summary.id.to_string(),
            state: summary.status.into(),
            shop: summary.shop.to_string(),
            order_no: summary.order_no,
            kcp_order_no: summary.kcp_order_no,
            amount: summary.amount,
            cancelled_amount: summary.cancelled,
            currency: if summary.currency == "USD" {
                CurrencyWord::Usd
            } else {
                CurrencyWord::Krw
            },
            buyer: BuyerView {
                name: summary.buyer_name,
                email: None,
                phone: summary.buyer_phone,
            },
            card: CardView {
                masked: None,
                last4: summary.last4,
            },
            tno: summary.tno,
            app_no: summary.app_no,
            issuer: summary.issuer,
            money_may_have_moved: money_may_have_moved(summary.status),
            doubt_since: summary.doubt_since,
            by: summary.by,
            created_at: summary.created_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let day = moment("from", "2026-11-23").unwrap();
        assert_eq!(day.to_string(), "2026-11-22T15:00:00Z");
        assert_eq!(moment("from", "2026-11-23T00:00:00+09:00").unwrap(), day);
        assert_eq!(moment("from", "2026-11-23T00:00:00 09:00").unwrap(), day);
        for text in ["", "2026-13-01", "yesterday", "2026-11-23T00:00:00"] {
            assert!(moment("from", text).is_err(), "{text}");
        }
    }
}
