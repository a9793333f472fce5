//! `POST /v1/payments`: take a payment.

use std::time::Duration;

use axum::{extract::State, response::Response};
use http::StatusCode;
use nhn_kcp::{
    Amount, Buyer, BuyerMail, BuyerName, BuyerPhone, Card, CardNumber, Currency, Expiry, GoodsName,
    HolderNo, HolderProof, Installments, Invalid, Money, Order, OrderNo, PasswordPrefix, TaxSplit,
};
use serde::Deserialize;
use sugi_core::{Payment, Status};
use sugi_engine::{Outcome, PayError, Sale};
use utoipa::ToSchema;

use crate::{
    Api,
    auth::Caller,
    body::{Json, Object, SecretText, Whole},
    detached,
    document::{Problems, WriteProblems},
    idempotency::{self, IdempotencyKey},
    keys::Scope,
    prefer::Prefer,
    problem::{Code, Problem},
    text::{no_card_in_order_no, no_card_number},
};

use super::{answer, is_decided, never_sent, tax::NewTax, view::View, wait_until};

/// A payment to be taken.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPayment, example = json!({
    "shop": "main", "order_no": "A-1", "amount": 1004, "currency": "KRW", "product": "테스트 상품",
    "buyer": { "name": "홍길동", "email": "test@kcp.co.kr", "phone": "01000000000" },
    "card": { "number": "4111111111111111", "expiry": "2030-12",
              "holder_proof": { "birth_or_business_no": "951010", "password_prefix": "00" } },
    "installment_months": 0
}))]
pub(crate) struct New {
    /// The shop that sells; see `GET /v1/shops`.
    #[schema(pattern = "^[a-z0-9_-]{1,32}$", example = "main")]
    shop: String,
    /// Your order number. Unique among the payments of the shop that are alive: after a decline the
    /// same order can be paid by a new payment. Must not look like a card number.
    #[schema(pattern = "^[!#-%(-+\\-./0-:=?-\\[\\]-_a-{}~]{1,40}$", example = "A-1")]
    order_no: String,
    /// In the currency's smallest unit: won, or US cents.
    #[schema(value_type = u64, minimum = 1, maximum = 999_999_999_999_u64, example = 1004)]
    amount: Whole,
    /// `KRW` when left out. The shop's contract has to take it; see `GET /v1/shops`.
    #[schema(inline, value_type = Option<super::wording::CurrencyWord>)]
    currency: Option<String>,
    /// What is sold; the buyer reads it on the receipt. At most 100 bytes of UTF-8 without control
    /// characters; a Korean letter takes 3 bytes.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    product: Option<String>,
    #[schema(value_type = Option<NewBuyer>)]
    buyer: Option<Object<NewBuyer>>,
    #[schema(value_type = NewCard)]
    card: Object<NewCard>,
    /// Months of instalments: 0 (or left out) for a lump sum, else 2 to 12. Only for won, and from
    /// 50,000 won on.
    #[schema(value_type = Option<u8>, minimum = 0, maximum = 12)]
    installment_months: Option<Whole>,
    #[schema(value_type = Option<NewTax>)]
    tax: Option<Object<NewTax>>,
}

/// Who buys. All of it can be left out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBuyer {
    /// The buyer's name.
    #[schema(
        min_length = 1,
        max_length = 30,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
        example = "홍길동"
    )]
    name: Option<String>,
    /// The buyer's e-mail address, in ASCII. KCP sends the result there.
    #[schema(
        min_length = 3,
        max_length = 50,
        pattern = "^[!-?A-~]+@[!-?A-~]+$",
        example = "test@kcp.co.kr"
    )]
    email: Option<String>,
    /// The buyer's phone number: digits with hyphens, spaces, points and parentheses, and an optional `+` in
    /// front. It is kept as it is written, and found by its digits.
    #[schema(
        max_length = 20,
        pattern = "^(\\+[0-9]|[- .()]*[0-9])[- .()0-9]*$",
        example = "01000000000"
    )]
    phone: Option<String>,
}

/// The card. It is kept in memory until the approval is sent, and nowhere else.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCard {
    /// The digits on the card, without spaces or hyphens.
    #[schema(value_type = String, pattern = "^[0-9]{13,16}$", example = "4111111111111111")]
    number: SecretText,
    /// The month that it is valid to, year first. Must not be over.
    #[schema(value_type = String, pattern = "^20[0-9]{2}-(0[1-9]|1[0-2])$", example = "2030-12")]
    expiry: SecretText,
    /// With it the payment is authenticated (인증), without it not (비인증).
    #[schema(value_type = Option<NewProof>)]
    holder_proof: Option<Object<NewProof>>,
}

/// What proves that the buyer holds the card.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewProof {
    /// The holder's birth date (`YYMMDD`), or a company's business number (10 digits).
    #[schema(
        value_type = String,
        pattern = "^([0-9]{2}((0[13578]|1[02])(0[1-9]|[12][0-9]|3[01])|(0[2469]|11)(0[1-9]|[12][0-9]|30))|[0-9]{10})$",
        example = "951010"
    )]
    birth_or_business_no: SecretText,
    /// The first two digits of the card's password.
    #[schema(value_type = String, pattern = "^[0-9]{2}$", example = "00")]
    password_prefix: SecretText,
}

/// Take a payment
///
/// Sends one approval to KCP and answers with KCP's word: 201 with the state `approved` or
/// `declined`, or 202 when the answer was lost and the payment is `in_doubt`. A payment in doubt is
/// settled by itself; get it from its address, and do not charge again.
///
/// With `Prefer: wait=n` the answer waits up to n seconds for a word that stands; while a caller
/// waits so, an approval whose answer was lost and that is found alive can be kept. A caller that
/// hangs up changes nothing else.
///
/// Past a velocity limit of the shop the answer is 429 `velocity_limited`, with the limit's name and
/// `Retry-After`; nothing is sent. Asking again with a key that made a payment is never refused so.
///
/// The same `Idempotency-Key` with the same body never makes a second payment: the answer is the
/// payment as it is now, with `Idempotency-Replayed: true`.
#[utoipa::path(
    post, path = "/v1/payments", tag = "payments", operation_id = "create_payment",
    params(
        ("Idempotency-Key" = String, Header, description = "Your key for this request; kept as long as the payment.",
            min_length = 1, max_length = 255, pattern = "^[!-~]+$"),
        ("Prefer" = Option<String>, Header, description = "`wait=n`: how many seconds to wait, 0 to 60.",
            example = "wait=10"),
    ),
    request_body(content = New, description = "The payment.", content_type = "application/json"),
    responses(
        (status = 201, description = "Decided: approved or declined.", body = View,
            headers(("Location" = String, description = "The payment's address."),
                ("Idempotency-Replayed" = String, description = "`true` when the key made this before."),
                ("Preference-Applied" = String, description = "The wait that was given."))),
        (status = 202, description = "Not decided yet, or in doubt: get it from its address.", body = View,
            headers(("Location" = String, description = "The payment's address."),
                ("Idempotency-Replayed" = String, description = "`true` when the key made this before."),
                ("Preference-Applied" = String, description = "The wait that was given."))),
        (status = 502, description = "KCP was not reached; nothing was sent, nothing was charged.",
            body = crate::problem::Body, content_type = "application/problem+json"),
        Problems, WriteProblems,
    ),
    security(("api_key" = ["pay"])),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    caller: Caller,
    key: Result<IdempotencyKey, Problem>,
    prefer: Prefer,
    body: Result<Json<New>, Problem>,
) -> Result<Response, Problem> {
    caller.may(Scope::Pay)?;
    let key = key?;
    let sale = sale(body?.0, &caller, key)?;
    let (engine, clock) = (api.0.app.engine.clone(), api.0.app.clock.clone());
    let paying = async move {
        engine
            .pay(sale)
            .await
            .map_err(|why| refused(why, clock.now()))
    };
    let outcome = detached(paying).await?;
    let response = match outcome {
        Outcome::Begun(payment_handle) => {
            let payment = match prefer.wait() {
                Some(max_wait) => payment_handle.final_outcome(max_wait).await,
                None => payment_handle.first_result().await,
            };
            respond(&payment)?
        }
        Outcome::Replayed(payment) => {
            let payment = wait_again(&api, *payment, prefer.wait()).await?;
            if matches!(payment.status(), Status::Requested | Status::Approving) {
                let detail = "the first request with this Idempotency-Key has not ended";
                return Err(Problem::new(Code::StillRunning, detail)
                    .payment(&payment.id)
                    .retry_after(1));
            }
            idempotency::replayed(
                respond(&payment).unwrap_or_else(axum::response::IntoResponse::into_response),
            )
        }
    };
    Ok(prefer.applied(response))
}

fn respond(payment: &Payment) -> Result<Response, Problem> {
    never_sent(payment).map_or_else(|| Ok(answer(payment, StatusCode::CREATED)), Err)
}

/// Who asks again may wait as well.
async fn wait_again(
    api: &Api,
    payment: Payment,
    max_wait: Option<Duration>,
) -> Result<Payment, Problem> {
    let Some(max_wait) = max_wait.filter(|_| !is_decided(payment.status())) else {
        return Ok(payment);
    };
    wait_until(api, payment, max_wait, |payment, _| {
        is_decided(payment.status())
    })
    .await
}

/// The sale that is asked for: every value through its rule.
fn sale(new: New, caller: &Caller, key: IdempotencyKey) -> Result<Sale, Problem> {
    // The card first, so that its digits are wiped before anything else can fail.
    let NewCard {
        number,
        expiry,
        holder_proof,
    } = new.card.0;
    let card = CardNumber::parse(number.as_str())
        .and_then(|number| Ok(Card::new(number, Expiry::parse(expiry.as_str())?)));
    drop((number, expiry));
    let proof = holder_proof.map(|Object(proof)| {
        let holder_no = HolderNo::parse(proof.birth_or_business_no.as_str())?;
        Ok(HolderProof::new(
            holder_no,
            PasswordPrefix::parse(proof.password_prefix.as_str())?,
        ))
    });
    let shop: sugi_core::ShopId = new.shop.parse().map_err(|why: sugi_core::BadName| {
        Problem::new(Code::InvalidValue, why.to_string())
            .field("shop")
            .rule("must be 1 to 32 of a-z, 0-9, - and _")
    })?;
    caller.may_use(&shop)?;

    let invalid = |why: Invalid| Problem::invalid(&why);
    let currency = new
        .currency
        .map_or(Ok(Currency::Krw), |text| text.parse())
        .map_err(invalid)?;
    let money = Money {
        amount: Amount::new(new.amount.0).map_err(invalid)?,
        currency,
    };
    let mut order = Order::new(OrderNo::parse(&new.order_no).map_err(invalid)?, money);
    no_card_in_order_no("order_no", &new.order_no)?;
    order.goods_name = text("product", new.product, GoodsName::parse)?;
    if let Some(Object(buyer)) = new.buyer {
        order.buyer = Buyer {
            name: text("buyer.name", buyer.name, BuyerName::parse)?,
            mail: text("buyer.email", buyer.email, BuyerMail::parse)?,
            phone: text("buyer.phone", buyer.phone, BuyerPhone::parse)?,
        };
    }
    // More than fit are too many, which is the same rule.
    let months = new
        .installment_months
        .map_or(0, |months| u8::try_from(months.0).unwrap_or(u8::MAX));
    order.installments = Installments::new(months).map_err(invalid)?;
    let split = |Object(tax): Object<NewTax>| TaxSplit::of(money.amount, tax.parts());
    order.tax = new.tax.map(split).transpose().map_err(invalid)?;
    Ok(Sale {
        shop,
        order,
        card: card.map_err(invalid)?,
        proof: proof.transpose().map_err(invalid)?,
        by: caller.key.name.clone(),
        from: Some(caller.from),
        key: Some((caller.key.name.to_string(), key.0)),
    })
}

fn text<T>(
    field: &str,
    text: Option<String>,
    parse: fn(&str) -> Result<T, Invalid>,
) -> Result<Option<T>, Problem> {
    let Some(text) = text else { return Ok(None) };
    no_card_number(field, &text)?;
    parse(&text)
        .map(Some)
        .map_err(|why| Problem::invalid_at(field, &why))
}

fn refused(why: PayError, now: jiff::Timestamp) -> Problem {
    let said = why.to_string();
    match why {
        // Not by its name: what was sent for one may be anything.
        PayError::UnknownShop(_) => {
            Problem::new(Code::UnknownShop, "there is no shop of that name here").field("shop")
        }
        PayError::Contract { .. } => Problem::new(Code::NotInContract, said),
        PayError::Currency { takes, .. } => Problem::new(Code::NotInContract, said)
            .field("currency")
            .rule(format!("must be {takes}")),
        PayError::Invalid(why) => Problem::invalid(&why),
        PayError::OrderLive { payment, .. } => Problem::new(Code::OrderLive, said)
            .field("order_no")
            .payment(&payment),
        PayError::KeyReused { payment } => Problem::new(Code::KeyReused, said)
            .field("Idempotency-Key")
            .payment(&payment),
        PayError::Busy(_) => Problem::new(Code::ShopBusy, said).retry_after(1),
        PayError::CircuitBreaker { until, .. } => {
            Problem::new(Code::KcpUnsteady, said).retry_at(until, now)
        }
        PayError::VelocityLimited { by, until } => Problem::new(Code::VelocityLimited, said)
            .limit(by)
            .retry_at(until, now),
        PayError::Stopping => Problem::new(Code::Stopping, said).retry_after(1),
        PayError::Store(why) => why.into(),
    }
}
