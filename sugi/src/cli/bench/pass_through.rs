//! What a service would be that only passes payments on: the same server and the same client, no
//! ledger, no key, no idempotency. It is the measure, not an example to follow.

use std::{path::PathBuf, sync::Arc};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use nhn_kcp::{
    AuthenticatedKeyIn, Buyer, Card, CardNumber, Client, Expiry, HolderNo, HolderProof,
    Installments, Invalid, Money, Order, PasswordPrefix, korean_date,
};
use serde::{Deserialize, Serialize};
use sugi_api::Limits;
use sugi_clock::Clock;

use crate::{
    cli::{Failure, sandbox::until_stopped},
    config::Config,
    print,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration, of which the first shop is used
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// A payment, as the API takes it.
#[derive(Deserialize)]
struct New {
    order_no: String,
    amount: u64,
    product: String,
    buyer: NewBuyer,
    card: NewCard,
    installment_months: u8,
}

#[derive(Deserialize)]
struct NewBuyer {
    name: String,
    email: String,
    phone: String,
}

#[derive(Deserialize)]
struct NewCard {
    number: String,
    expiry: String,
    holder_proof: NewProof,
}

#[derive(Deserialize)]
struct NewProof {
    birth_or_business_no: String,
    password_prefix: String,
}

/// What it answers.
#[derive(Serialize)]
struct View {
    state: &'static str,
    order_no: String,
    amount: u64,
    tno: String,
    app_no: Option<String>,
    app_time: Option<jiff::Timestamp>,
    issuer: Option<String>,
}

struct Line {
    client: Client,
    clock: Clock,
}

pub(super) async fn run(args: Args) -> Result<(), Failure> {
    let config = Config::read(&args.config)?;
    let shops = config.shops()?;
    let shop = shops.first().ok_or_else(|| Failure::new("no shop"))?;
    let line = Arc::new(Line {
        client: shop.client.clone(),
        clock: Clock::real(),
    });
    let router = Router::new()
        .route("/v1/payments", post(pass_on))
        .with_state(line);
    let listening = config.listening().await?;
    print::talk(&format!("listening on http://{}", listening.local_addr()?));
    sugi_api::serve(listening, router, Limits::default(), until_stopped()).await;
    Ok(())
}

async fn pass_on(
    State(line): State<Arc<Line>>,
    Json(new): Json<New>,
) -> Result<(StatusCode, Json<View>), (StatusCode, String)> {
    let request = key_in(&new, &line.clock)
        .map_err(|why| (StatusCode::UNPROCESSABLE_ENTITY, why.to_string()))?;
    let approval = line.client.approve(request).await;
    let approval = approval.map_err(|why| (StatusCode::BAD_GATEWAY, why.to_string()))?;
    let view = View {
        state: "approved",
        order_no: new.order_no,
        amount: approval.amount.get(),
        tno: approval.tno.to_string(),
        app_no: approval.app_no,
        app_time: approval.app_time.map(nhn_kcp::KcpTime::to_timestamp),
        issuer: approval.issuer.map(|issuer| issuer.name),
    };
    Ok((StatusCode::CREATED, Json(view)))
}

fn key_in(new: &New, clock: &Clock) -> Result<AuthenticatedKeyIn, Invalid> {
    let proof = &new.card.holder_proof;
    AuthenticatedKeyIn::new(
        Order {
            goods_name: Some(new.product.parse()?),
            buyer: Buyer {
                name: Some(new.buyer.name.parse()?),
                mail: Some(new.buyer.email.parse()?),
                phone: Some(new.buyer.phone.parse()?),
            },
            installments: Installments::new(new.installment_months)?,
            ..Order::new(new.order_no.parse()?, Money::won(new.amount)?)
        },
        Card::new(
            CardNumber::parse(&new.card.number)?,
            Expiry::parse(&new.card.expiry)?,
        ),
        HolderProof::new(
            HolderNo::parse(&proof.birth_or_business_no)?,
            PasswordPrefix::parse(&proof.password_prefix)?,
        ),
        korean_date(clock.now()),
    )
}
