//! The same over TLS.

use kcp_sandbox::Sandbox;
use nhn_kcp::{ApproveError, Client, Gateway, NotSent, SiteCode};

use crate::house::{House, credentials_of, full, inquiry, sale};

#[tokio::test]
async fn everything_works_over_tls() {
    let house = House::of(Sandbox::builder().tls(true).start().await.unwrap());
    assert!(house.sandbox.url().starts_with("https://"));
    for round in 0..3 {
        let tno = house
            .approve(&format!("S-{round}"), 1004)
            .await
            .unwrap()
            .tno;
        house.client.inquire(&inquiry(&tno)).await.unwrap();
        house.client.cancel(&full(&tno)).await.unwrap();
    }
}

#[tokio::test]
async fn an_unknown_authority_is_not_sent_to() {
    let sandbox = Sandbox::builder().tls(true).start().await.unwrap();
    let gateway = Gateway::sandbox(sandbox.url()).unwrap();
    let site_code = SiteCode::parse("T0000").unwrap();
    let client = Client::builder(site_code, credentials_of(&sandbox), gateway)
        .build()
        .unwrap();
    let error = client.approve(sale("A-1", 1000)).await.unwrap_err();
    assert!(
        matches!(&error, ApproveError::NotSent(NotSent::Tls(_))),
        "{error:?}"
    );
    assert!(sandbox.books().transactions.is_empty());
}
