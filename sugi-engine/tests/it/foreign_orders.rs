//! Others sell under the same site code, and KCP's answers name what is not ours: none of it is ever
//! taken for this payment, kept, or reversed.

use kcp_sandbox::FaultKind;
use nhn_kcp::{Client, Credentials, Gateway};
use sugi_core::{Event, Payment, PaymentId, State, Status, VoidReason};
use sugi_engine::{
    OrderNumbers, Outcome, PayError, Resolution, ResolveAsk, ResolveError, Sale, Shop,
};

use crate::{MAX_WAIT, QUIET, TestApp, sale};

impl TestApp {
    /// What a person who has a number tells.
    async fn person_says(
        &self,
        id: &PaymentId,
        tno: &str,
        keep: bool,
    ) -> Result<Payment, ResolveError> {
        let what = Resolution::Live {
            tno: tno.parse().unwrap(),
            note: "partner site".into(),
            keep,
        };
        let (by, key) = ("kim".parse().unwrap(), None);
        let ask = ResolveAsk { what, by, key };
        self.engine().resolve(id, ask).await?;
        Ok(self.settled(id).await)
    }

    /// Begins a sale and waits for as long as it takes to know what became of it.
    async fn pay_and_wait(&self, order_no: &str) -> Payment {
        match self.engine().pay(sale(order_no, 1004)).await.unwrap() {
            Outcome::Begun(payment_handle) => {
                Payment::clone(&*payment_handle.final_outcome(MAX_WAIT).await)
            }
            Outcome::Replayed(payment) => *payment,
        }
    }

    /// The shop under another site code.
    fn shop_at(&self, site_cd: &str) -> Shop {
        let ours = self.sandbox.credentials();
        let (cert, key) = (ours.cert_pem.as_bytes(), ours.key_pem.as_bytes());
        let key = Credentials::from_pem(cert, key, &ours.key_password).unwrap();
        let gateway = Gateway::sandbox(self.sandbox.url()).unwrap();
        let client = Client::builder(site_cd.parse().unwrap(), key, gateway).build();
        let mut shop = self.shop();
        shop.client = client.unwrap();
        shop
    }
}

/// A web shop of the same merchant sells under the same order number with the same card for the same
/// amount, and the request of ours never arrives. KCP has an approval by that number, and it is not ours.
#[tokio::test]
async fn what_a_stranger_sold_is_neither_reversed_nor_kept() {
    let test_app = TestApp::new().await;
    test_app.pay("A-0").await;

    test_app.stranger_sells("A-1").await;
    test_app.fault(FaultKind::LoseRequest);
    let payment = test_app.pay("A-1").await;
    assert_eq!(payment.status(), Status::InDoubt);
    let payment = test_app.settled(&payment.id).await;
    assert_eq!(payment.state, State::Void(VoidReason::Absent));

    // Nor is it given out as the approval that a caller waits for.
    test_app.stranger_sells("A-2").await;
    test_app.fault(FaultKind::LoseRequest);
    let payment = test_app.pay_and_wait("A-2").await;
    assert_eq!(payment.state, State::Void(VoidReason::Absent));
    // Nor does a person make it ours by its number.
    let tno = test_app.stranger_sells("A-3").await;
    test_app.fault(FaultKind::LoseAnswer);
    let payment = test_app.pay("A-3").await;
    let told = test_app.person_says(&payment.id, &tno, true).await;
    assert!(
        matches!(
            told,
            Err(ResolveError::NotConfirmed(_) | ResolveError::NotInDoubt(_))
        ),
        "{told:?}"
    );
    assert_eq!(
        test_app.settled(&payment.id).await.status(),
        Status::Reversed
    );
    test_app.agrees().await;
}

/// Two shops of one site code have their order numbers in common, for KCP does not know shops.
#[tokio::test]
async fn an_order_is_the_site_codes() {
    let test_app = TestApp::new().await;
    let mut other = test_app.shop();
    other.id = "other".parse().unwrap();
    test_app.engine().set_shops([test_app.shop(), other]);
    let at_other = |order_no| Sale {
        shop: "other".parse().unwrap(),
        ..sale(order_no, 1004)
    };
    let first = test_app.pay("A-1").await;
    let again = test_app.engine().pay(at_other("A-1")).await;
    assert!(
        matches!(&again, Err(PayError::OrderLive { payment, .. }) if *payment == first.id),
        "{again:?}"
    );
    let Outcome::Begun(payment_handle) = test_app.engine().pay(at_other("A-2")).await.unwrap()
    else {
        panic!()
    };
    payment_handle.first_result().await;
    test_app.agrees().await;
}

/// KCP answers one sale with the number of another. That other one stays as it is, with or without a waiting caller.
#[tokio::test]
async fn a_transaction_of_another_payment_is_never_taken() {
    let test_app = TestApp::new().await;
    let first = test_app.pay("A-1").await;
    let tno = first.approval().unwrap().tno.to_string();
    let main = "main".parse().unwrap();
    for (n, waits) in (1..).zip([false, true]) {
        test_app.fault(FaultKind::OthersTno { tno: tno.clone() });
        let order_no = format!("B-{n}");
        let second = if waits {
            test_app.pay_and_wait(&order_no).await
        } else {
            test_app.pay(&order_no).await
        };
        assert_ne!(second.status(), Status::Approved, "{second:?}");
        // What it was told is evidence in its journal, and an alarm.
        let journal = test_app.engine().store().journal(&second.id).await.unwrap();
        let told = journal.iter().find_map(|row| match &row.event {
            Event::Lost(lost) => Some(lost.why.clone()),
            _ => None,
        });
        let told = told.unwrap();
        assert!(
            told.contains(&tno) && told.contains(first.id.as_str()),
            "{told}"
        );
        assert_eq!(test_app.engine().counts().foreign[&main], n);
        // Its own transaction is found by its order, and reversed: no one was told of it.
        assert_eq!(
            test_app.settled(&second.id).await.status(),
            Status::Reversed
        );
    }
    assert_eq!(test_app.settled(&first.id).await.status(), Status::Approved);
    test_app.agrees().await;
}

#[tokio::test]
async fn a_person_cannot_give_one_transaction_to_two_payments() {
    let test_app = TestApp::with(false).await;
    let first = test_app.pay("A-1").await;
    let tno = first.approval().unwrap().tno.to_string();
    test_app.fault(FaultKind::OthersTno { tno: tno.clone() });
    let second = test_app.pay("A-2").await;
    let second = test_app.settled(&second.id).await;
    assert_eq!(second.status(), Status::InDoubt, "nothing here can tell");
    let told = test_app.person_says(&second.id, &tno, false).await;
    assert!(
        matches!(&told, Err(ResolveError::NotConfirmed(_))),
        "{told:?}"
    );
    let own = test_app.sandbox.books_beginning("A-2-").transactions[0]
        .tno
        .clone();
    let second = test_app.person_says(&second.id, &own, false).await.unwrap();
    assert_eq!(second.status(), Status::Reversed);
    assert_eq!(test_app.settled(&first.id).await.status(), Status::Approved);
    test_app.agrees().await;
}

/// KCP booked another amount than was asked for. What that is a person finds out; until then nothing of
/// it is refunded.
#[tokio::test]
async fn another_amount_in_the_books_waits_for_a_person() {
    for order_lookup in [true, false] {
        let test_app = TestApp::with(order_lookup).await;
        test_app.fault(FaultKind::WrongAmount {
            amount: None,
            books_too: true,
        });
        let payment = test_app.pay_and_wait("A-1").await;
        let payment = test_app.settled(&payment.id).await;
        assert_eq!(payment.status(), Status::InDoubt);
        let approval = payment.approval().unwrap();
        assert_eq!(approval.amount.get(), 1005, "what was found is told");
        let booked = &test_app.sandbox.books_beginning("A-1-").transactions[0];
        assert_eq!(booked.remaining, 1005);
        let tno = approval.tno.to_string();
        let payment = test_app.person_says(&payment.id, &tno, true).await.unwrap();
        assert_eq!(payment.status(), Status::Reversed, "it is never kept");
        test_app.agrees().await;
    }
}

/// A shop that has KCP told bare numbers has no look-up, so what others sell under them is never seen.
#[tokio::test]
async fn a_bare_number_is_never_looked_up() {
    let test_app = TestApp::manual(true).await;
    test_app.pay("A-0").await;
    let mut shop = test_app.shop();
    shop.contract.order_numbers = OrderNumbers::Bare;
    test_app.engine().set_shops([shop]);
    test_app.stranger_sells("A-1").await;
    test_app.fault(FaultKind::LoseRequest);
    let payment = test_app.pay("A-1").await;
    let request = &payment.request;
    assert_eq!(request.order.order_no, request.order_no);
    // The configuration may change; what KCP was told does not.
    test_app.engine().set_shops([test_app.shop()]);
    test_app.clock.advance(QUIET);
    test_app.engine().recover().await.unwrap();
    let payment = test_app.settled(&payment.id).await;
    assert_eq!(payment.status(), Status::InDoubt);
    let what = Resolution::Absent {
        note: "partner site".into(),
    };
    let (by, key) = ("kim".parse().unwrap(), None);
    let ask = ResolveAsk { what, by, key };
    test_app.engine().resolve(&payment.id, ask).await.unwrap();
    test_app.agrees().await;
}

/// KCP keeps books by site code. A shop that gets another one leaves its payments with the old one.
#[tokio::test]
async fn a_payment_keeps_its_site_code() {
    let test_app = TestApp::with(false).await;
    test_app.fault(FaultKind::LoseAnswer);
    let payment = test_app.pay("A-1").await;
    test_app.rests().await;
    let tno = test_app.sandbox.books_beginning("A-1-").transactions[0]
        .tno
        .clone();

    test_app.engine().set_shops([test_app.shop_at("T0007")]);
    let told = test_app.person_says(&payment.id, &tno, true).await;
    assert!(
        matches!(told, Err(ResolveError::UnknownShop(_))),
        "the other site code would know nothing of it: {told:?}"
    );
    let mut old = test_app.shop();
    old.id = "main-before".parse().unwrap();
    test_app
        .engine()
        .set_shops([test_app.shop_at("T0007"), old]);
    let payment = test_app.person_says(&payment.id, &tno, true).await.unwrap();
    assert_eq!(payment.status(), Status::Approved);
    assert_eq!(payment.request.shop.as_str(), "main");
    test_app.agrees().await;
}

/// The books of another site code do not know the payment, so what they say of it is no evidence: it is not
/// asked there, no matter what the shop of its name has become.
#[tokio::test]
async fn no_other_site_code_is_asked_about_a_payment() {
    let test_app = TestApp::manual(true).await;
    test_app.pay("A-0").await;
    test_app.fault(FaultKind::LoseRequest);
    let payment = test_app.pay("A-1").await;
    assert_eq!(payment.status(), Status::InDoubt);

    test_app.engine().set_shops([test_app.shop_at("T0007")]);
    // Its worker leaves it alone, and so does the next one.
    test_app.rests().await;
    let rows = async || {
        let journal = test_app.engine().store().journal(&payment.id).await;
        journal.unwrap().len()
    };
    let before = rows().await;
    test_app.clock.advance(QUIET);
    test_app.engine().recover().await.unwrap();
    assert_eq!(
        test_app.settled(&payment.id).await.status(),
        Status::InDoubt
    );
    assert_eq!(rows().await, before);

    // By another name its own site code settles it, and vouches for the day with what it sold before.
    let mut old = test_app.shop();
    old.id = "main-before".parse().unwrap();
    let shops = [test_app.shop_at("T0007"), old];
    test_app.engine().set_shops(shops);
    test_app.engine().recover().await.unwrap();
    let payment = test_app.settled(&payment.id).await;
    assert_eq!(payment.state, State::Void(VoidReason::Absent));
    test_app.agrees().await;
}

/// Two shops of one site code sell the same orders. What one of them sold is in the way of keeping what the
/// other one lost.
#[tokio::test]
async fn a_payment_is_not_kept_beside_one_of_another_shop() {
    let test_app = TestApp::manual(false).await;
    let mut other = test_app.shop();
    other.id = "other".parse().unwrap();
    test_app.engine().set_shops([test_app.shop(), other]);
    test_app.fault(FaultKind::LoseAnswer);
    let first = test_app.pay("A-1").await;
    test_app.rests().await;
    let tno = test_app.sandbox.books_beginning("A-1-").transactions[0]
        .tno
        .clone();
    // Someone does not see it at KCP's partner site.
    test_app.clock.advance(QUIET);
    let what = Resolution::Absent {
        note: "partner site".into(),
    };
    let (by, key) = ("kim".parse().unwrap(), None);
    let ask = ResolveAsk { what, by, key };
    test_app.engine().resolve(&first.id, ask).await.unwrap();

    let again = Sale {
        shop: "other".parse().unwrap(),
        ..sale("A-1", 1004)
    };
    let Outcome::Begun(payment_handle) = test_app.engine().pay(again).await.unwrap() else {
        panic!()
    };
    let second = payment_handle.first_result().await;
    assert_eq!(second.status(), Status::Approved);
    let told = test_app.person_says(&first.id, &tno, true).await;
    assert!(
        matches!(&told, Err(ResolveError::OrderLive(other)) if *other == second.id),
        "{told:?}"
    );
    let first = test_app.person_says(&first.id, &tno, false).await.unwrap();
    assert_eq!(first.status(), Status::Reversed);
    test_app.agrees().await;
}

/// An order that stands under the old site code is not charged again under the new one.
#[tokio::test]
async fn an_order_is_its_shops_whatever_the_site_code() {
    let test_app = TestApp::with(false).await;
    let first = test_app.pay("A-1").await;
    assert_eq!(first.status(), Status::Approved);
    let mut old = test_app.shop();
    old.id = "main-before".parse().unwrap();
    test_app
        .engine()
        .set_shops([test_app.shop_at("T0007"), old]);
    let again = test_app.engine().pay(sale("A-1", 1004)).await;
    assert!(
        matches!(&again, Err(PayError::OrderLive { payment, .. }) if *payment == first.id),
        "{again:?}"
    );
    test_app.cancel(&first.id, None).await.unwrap();
    let second = test_app.pay("A-1").await;
    assert_eq!(second.request.site_cd.as_str(), "T0007");
    test_app.agrees().await;
}
