//! Cancels a payment in parts, loses an answer on the way, and finds out by inquiry.
//!
//! `cargo run -p nhn-kcp --example cancel`

#![allow(clippy::print_stdout, reason = "an example talks")]

use std::error::Error;

use kcp_sandbox::{Fault, FaultKind, Operation, Sandbox};
use nhn_kcp::{
    Amount, Cancel, CancelError, CancelMeaning, CancelReason, Card, CardNumber, Client,
    Credentials, Expiry, Gateway, Inquiry, Money, Order, OrderNo, SiteCode, UnauthenticatedKeyIn,
    korean_date,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start().await?;
    let client = client(&sandbox)?;
    let today = korean_date(sandbox.now());
    let order = Order::new(OrderNo::parse("CANCEL-1")?, Money::won(10_000)?);
    let card = Card::new(
        CardNumber::parse("4111111111111111")?,
        Expiry::parse("2099-12")?,
    );
    let tno = client
        .approve(UnauthenticatedKeyIn::new(order, card, today)?)
        .await?
        .tno;
    println!("approved 10,000 won, tno {tno}");

    let reason = CancelReason::parse("고객 요청")?;
    let part = |amount, left| -> Result<Cancel, nhn_kcp::Invalid> {
        Cancel::partial(
            tno.clone(),
            Amount::new(amount)?,
            Amount::new(left)?,
            reason.clone(),
        )
    };
    let done = client.cancel(&part(2_000, 10_000)?).await?;
    println!("cancelled 2,000 won, {} left", done.remaining);

    // The cancel is carried out, and the answer is lost.
    sandbox.fault(Fault::new(FaultKind::LoseAnswer).on(Operation::Cancel))?;
    match client.cancel(&part(3_000, 8_000)?).await {
        Err(CancelError::Unknown(lost)) => println!("cancel of 3,000 won: unknown, {lost}"),
        other => println!("{other:?}"),
    }
    let seen = client.inquire(&Inquiry::by_tno(tno.clone())).await?;
    println!(
        "KCP says: {:?}, {:?} left, so it was done",
        seen.state, seen.remaining
    );

    // Saying that 8,000 are left is now wrong, and nothing is cancelled by mistake.
    match client.cancel(&part(3_000, 8_000)?).await {
        Err(CancelError::Refused(no))
            if no.code.cancel_meaning() == CancelMeaning::RemainderMismatch =>
        {
            println!("refused: {no}");
        }
        other => println!("{other:?}"),
    }

    // After a partial cancel the rest goes as a partial cancel too.
    let done = client.cancel(&part(5_000, 5_000)?).await?;
    println!("cancelled the rest, {} left", done.remaining);
    Ok(())
}

fn client(sandbox: &Sandbox) -> Result<Client, Box<dyn Error>> {
    let made = sandbox.credentials();
    let (cert, key) = (made.cert_pem.as_bytes(), made.key_pem.as_bytes());
    let credentials = Credentials::from_pem(cert, key, &made.key_password)?;
    let site_code = SiteCode::parse(&made.site_cd)?;
    Ok(Client::builder(site_code, credentials, Gateway::sandbox(sandbox.url())?).build()?)
}
