//! `GET /v1/shops`: the shops that payments can be taken for.

use axum::{Json, extract::State};
use jiff::Timestamp;
use serde::Serialize;
use sugi_engine::{Engine, Shop};
use utoipa::ToSchema;

use crate::{
    Api, auth::Caller, document::Problems, keys::Scope, payments::wording::CurrencyWord,
    problem::Problem,
};

/// The shops that the key may use.
#[derive(Serialize, ToSchema)]
#[schema(as = Shops)]
pub(crate) struct Found {
    shops: Vec<View>,
}

/// A shop.
#[derive(Serialize, ToSchema)]
#[schema(as = Shop)]
struct View {
    /// As payments name it.
    #[schema(example = "main")]
    id: String,
    /// KCP's code for it (`site_cd`).
    #[schema(example = "T0000")]
    site_code: String,
    /// Whether no real money can move: the code is one of KCP's for tests.
    test: bool,
    contract: Contract,
    certificate: Certificate,
    clock: ClockView,
}

/// What the shop's contract with KCP allows.
#[derive(Serialize, ToSchema)]
#[schema(as = Contract)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a line of the contract"
)]
struct Contract {
    /// Payments with the holder's proof (인증).
    authenticated: bool,
    /// Payments without it (비인증).
    unauthenticated: bool,
    /// The most months of instalments; 0 for none.
    installment_months_max: u8,
    /// Cancellations of a part.
    partial_cancel: bool,
    /// Amounts split for tax.
    tax_split: bool,
    /// What amounts may be in.
    #[schema(example = json!(["KRW"]))]
    currencies: Vec<CurrencyWord>,
    /// Looking a lost payment up by its order number.
    order_lookup: bool,
}

/// The certificate that KCP knows the shop by.
#[derive(Serialize, ToSchema)]
#[schema(as = Certificate)]
struct Certificate {
    #[schema(value_type = String, format = DateTime)]
    not_before: Timestamp,
    /// Payments stop when this has passed.
    #[schema(value_type = String, format = DateTime)]
    not_after: Timestamp,
    /// Whether it has passed, or will within 30 days.
    expires_soon: bool,
}

/// This machine's calendar beside KCP's, as KCP's answers to the shop tell it.
#[derive(Serialize, ToSchema)]
#[schema(as = Clock)]
struct ClockView {
    /// `right`, `wrong` or `unmeasured`. Unless it is right, no lost payment is closed by time.
    #[schema(example = "right")]
    calendar: &'static str,
    /// How far it is ahead, in seconds; negative when it is behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    ahead_seconds: Option<i64>,
}

/// List the shops
#[utoipa::path(
    get, path = "/v1/shops", tag = "shops", operation_id = "list_shops",
    responses((status = 200, description = "The shops that the key may use, by id.", body = Found), Problems),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<Found>, Problem> {
    caller.may(Scope::Read)?;
    let soon = api.0.app.clock.now() + jiff::SignedDuration::from_hours(30 * 24);
    let mine = api
        .0
        .app
        .engine
        .shops()
        .into_iter()
        .filter(|shop| caller.key.may_use(&shop.id));
    let mut shops: Vec<_> = mine
        .map(|shop| View::of(&api.0.app.engine, &shop, soon))
        .collect();
    shops.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(Json(Found { shops }))
}

impl View {
    fn of(engine: &Engine, shop: &Shop, soon: Timestamp) -> Self {
        let credentials = shop.client.credentials();
        Self {
            id: shop.id.to_string(),
            site_code: shop.client.site_code().to_string(),
            test: shop.client.site_code().is_test(),
            contract: Contract {
                authenticated: shop.contract.authenticated,
                unauthenticated: shop.contract.unauthenticated,
                installment_months_max: shop.contract.installments,
                partial_cancel: shop.contract.partial_cancel,
                tax_split: shop.contract.tax_split,
                currencies: shop.contract.currencies.iter().map(Into::into).collect(),
                order_lookup: shop.policy.order_lookup,
            },
            certificate: Certificate {
                not_before: credentials.not_before(),
                not_after: credentials.not_after(),
                expires_soon: credentials.not_after() <= soon,
            },
            clock: ClockView {
                calendar: engine.calendar_at(shop).as_str(),
                ahead_seconds: engine.ahead_of_kcp(shop).map(|ahead| ahead.as_secs()),
            },
        }
    }
}
