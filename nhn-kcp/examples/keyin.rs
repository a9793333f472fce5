//! Takes two key-in payments, one of each kind, from a sandbox in this process.
//!
//! `cargo run -p nhn-kcp --example keyin`

#![allow(clippy::print_stdout, reason = "an example talks")]

use std::error::Error;

use kcp_sandbox::Sandbox;
use nhn_kcp::{
    ApproveError, AuthenticatedKeyIn, BuyerMail, BuyerName, Card, CardNumber, Client, Credentials,
    Expiry, Gateway, GoodsName, HolderNo, HolderProof, Money, Order, OrderNo, PasswordPrefix,
    SiteCode, UnauthenticatedKeyIn, korean_date,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start().await?;
    let client = client(&sandbox)?;
    let today = korean_date(sandbox.now());

    let mut order = Order::new(OrderNo::parse("KEYIN-1")?, Money::won(1004)?);
    order.goods_name = Some(GoodsName::parse("사과, 배 선물 세트 🍎")?);
    order.buyer.name = Some(BuyerName::parse("홍길동")?);
    order.buyer.mail = Some(BuyerMail::parse("test@kcp.co.kr")?);
    let card = Card::new(
        CardNumber::parse("4111111111111111")?,
        Expiry::parse("2099-12")?,
    );
    let proof = HolderProof::new(HolderNo::parse("951010")?, PasswordPrefix::parse("00")?);
    tell(
        client
            .approve(AuthenticatedKeyIn::new(order, card, proof, today)?)
            .await,
    );

    let order = Order::new(OrderNo::parse("KEYIN-2")?, Money::won(1005)?);
    let card = Card::new(
        CardNumber::parse("4111111111111111")?,
        Expiry::parse("2099-12")?,
    );
    tell(
        client
            .approve(UnauthenticatedKeyIn::new(order, card, today)?)
            .await,
    );

    // A card of the sandbox that is always declined with CC61.
    let order = Order::new(OrderNo::parse("KEYIN-3")?, Money::won(1006)?);
    let card = Card::new(
        CardNumber::parse("9490991060100006")?,
        Expiry::parse("2099-12")?,
    );
    tell(
        client
            .approve(UnauthenticatedKeyIn::new(order, card, today)?)
            .await,
    );
    Ok(())
}

/// What to do in each of the four endings.
fn tell(answer: Result<nhn_kcp::Approval, ApproveError>) {
    match answer {
        Ok(approval) => println!("approved: {} won, tno {}", approval.amount, approval.tno),
        Err(ApproveError::Declined(refusal)) => println!("declined: {refusal}"),
        Err(ApproveError::NotSent(why)) => println!("nothing was sent, try again: {why}"),
        Err(ApproveError::Unknown(lost)) => println!("DO NOT CHARGE AGAIN, find out first: {lost}"),
    }
}

fn client(sandbox: &Sandbox) -> Result<Client, Box<dyn Error>> {
    let made = sandbox.credentials();
    // With KCP: Credentials::from_files("splCert.pem", "splPrikeyPKCS8.pem", password)
    let (cert, key) = (made.cert_pem.as_bytes(), made.key_pem.as_bytes());
    let credentials = Credentials::from_pem(cert, key, &made.key_password)?;
    let site_code = SiteCode::parse(&made.site_cd)?;
    Ok(Client::builder(site_code, credentials, Gateway::sandbox(sandbox.url())?).build()?)
}
