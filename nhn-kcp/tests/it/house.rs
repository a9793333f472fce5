//! What the tests share: a sandbox, a client of it, and things to sell.

use std::time::Duration;

use jiff::civil::{Date, date};
use kcp_sandbox::Sandbox;
use nhn_kcp::{
    Amount, Approval, ApproveError, AuthenticatedKeyIn, Cancel, CancelReason, Card, CardNumber,
    Client, Credentials, Expiry, Gateway, HolderNo, HolderProof, Inquiry, Money, Order, OrderNo,
    PasswordPrefix, SiteCode, Timeouts, Tno, UnauthenticatedKeyIn,
};

pub(crate) const CARD: &str = "4111111111111111";

/// A sandbox and a client of its shop.
pub(crate) struct House {
    pub(crate) sandbox: Sandbox,
    pub(crate) client: Client,
}

impl House {
    pub(crate) async fn start() -> Self {
        Self::of(Sandbox::start().await.unwrap())
    }

    pub(crate) fn of(sandbox: Sandbox) -> Self {
        let client = client_of(&sandbox, patient());
        Self { sandbox, client }
    }

    /// A client that does not wait, for answers that do not come.
    pub(crate) fn hasty(&self) -> Client {
        client_of(
            &self.sandbox,
            Timeouts {
                answer: Duration::from_millis(150),
                ..patient()
            },
        )
    }

    pub(crate) async fn approve(&self, order_no: &str, won: u64) -> Result<Approval, ApproveError> {
        self.client.approve(sale(order_no, won)).await
    }
}

/// Long enough for a loaded machine.
pub(crate) fn patient() -> Timeouts {
    let minute = Duration::from_mins(1);
    Timeouts {
        connect: minute,
        answer: minute,
        idle: minute,
    }
}

pub(crate) fn client_of(sandbox: &Sandbox, timeouts: Timeouts) -> Client {
    let gateway = Gateway::sandbox(sandbox.url()).unwrap();
    let site_code = SiteCode::parse(&sandbox.credentials().site_cd).unwrap();
    Client::builder(site_code, credentials_of(sandbox), gateway)
        .timeouts(timeouts)
        .trust_roots(sandbox.ca_pem().as_bytes())
        .build()
        .unwrap()
}

pub(crate) fn credentials_of(sandbox: &Sandbox) -> Credentials {
    let made = sandbox.credentials();
    let (cert, key) = (made.cert_pem.as_bytes(), made.key_pem.as_bytes());
    Credentials::from_pem(cert, key, &made.key_password).unwrap()
}

/// Waits until the sandbox has come so far.
pub(crate) async fn until(seen: impl Fn() -> bool) {
    let wait = async {
        while !seen() {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_mins(1), wait).await;
    assert!(waited.is_ok(), "not seen within a minute");
}

pub(crate) fn today() -> Date {
    date(2026, 11, 23)
}

pub(crate) fn won(units: u64) -> Amount {
    Amount::new(units).unwrap()
}

pub(crate) fn order(order_no: &str, units: u64) -> Order {
    Order::new(
        OrderNo::parse(order_no).unwrap(),
        Money::won(units).unwrap(),
    )
}

pub(crate) fn card(number: &str) -> Card {
    Card::new(
        CardNumber::parse(number).unwrap(),
        Expiry::parse("2099-12").unwrap(),
    )
}

pub(crate) fn proof() -> HolderProof {
    let holder_no = HolderNo::parse("951010").unwrap();
    HolderProof::new(holder_no, PasswordPrefix::parse("00").unwrap())
}

pub(crate) fn sale(order_no: &str, units: u64) -> UnauthenticatedKeyIn {
    UnauthenticatedKeyIn::new(order(order_no, units), card(CARD), today()).unwrap()
}

pub(crate) fn sale_with(order: Order, number: &str) -> UnauthenticatedKeyIn {
    UnauthenticatedKeyIn::new(order, card(number), today()).unwrap()
}

pub(crate) fn proved_sale(order: Order) -> AuthenticatedKeyIn {
    AuthenticatedKeyIn::new(order, card(CARD), proof(), today()).unwrap()
}

pub(crate) fn reason() -> CancelReason {
    CancelReason::parse("고객 요청, \"단순 변심\"").unwrap()
}

pub(crate) fn full(tno: &Tno) -> Cancel {
    Cancel::full(tno.clone(), reason())
}

pub(crate) fn partial(tno: &Tno, amount: u64, left: u64) -> Cancel {
    Cancel::partial(tno.clone(), won(amount), won(left), reason()).unwrap()
}

pub(crate) fn inquiry(tno: &Tno) -> Inquiry {
    Inquiry::by_tno(tno.clone())
}
