//! Others sell under the same site code, and KCP's answers name what is not ours: none of it is ever
//! taken for this payment, kept, or reversed.

use kcp_sandbox::FaultKind;
use nhn_kcp::{Client, Credentials, Gateway};
use sugi_core::{Event, Payment, PaymentId, State, Status, VoidReason};
use sugi_engine::{
    OrderNumbers, Outcome, PayError, Resolution, ResolveAsk, ResolveError, Sale, Shop,
};

use crate::{House, PATIENCE, QUIET, sale};

impl House {
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
            Outcome::Begun(ticket) => Payment::clone(&*ticket.last_word(PATIENCE).await),
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
    let house = House::new().await;
    house.pay("A-0").await;

    house.stranger_sells("A-1").await;
    house.fault(FaultKind::LoseRequest);
    let payment = house.pay("A-1").await;
    assert_eq!(payment.status(), Status::InDoubt);
    let payment = house.settled(&payment.id).await;
    assert_eq!(payment.state, State::Void(VoidReason::Absent));

    // Nor is it given out as the approval that a caller waits for.
    house.stranger_sells("A-2").await;
    house.fault(FaultKind::LoseRequest);
    let payment = house.pay_and_wait("A-2").await;
    assert_eq!(payment.state, State::Void(VoidReason::Absent));
    // Nor does a person make it ours by its number.
    let tno = house.stranger_sells("A-3").await;
    house.fault(FaultKind::LoseAnswer);
    let payment = house.pay("A-3").await;
    let told = house.person_says(&payment.id, &tno, true).await;
    assert!(
        matches!(
            told,
            Err(ResolveError::NotConfirmed(_) | ResolveError::NotInDoubt(_))
        ),
        "{told:?}"
    );
    assert_eq!(house.settled(&payment.id).await.status(), Status::Reversed);
    house.agrees().await;
}

/// Two shops of one site code have their order numbers in common, for KCP does not know shops.
#[tokio::test]
async fn an_order_is_the_site_codes() {
    let house = House::new().await;
    let mut other = house.shop();
    other.id = "other".parse().unwrap();
    house.engine().set_shops([house.shop(), other]);
    let at_other = |order_no| Sale {
        shop: "other".parse().unwrap(),
        ..sale(order_no, 1004)
    };
    let first = house.pay("A-1").await;
    let again = house.engine().pay(at_other("A-1")).await;
    assert!(
        matches!(&again, Err(PayError::OrderLive { payment, .. }) if *payment == first.id),
        "{again:?}"
    );
    let Outcome::Begun(ticket) = house.engine().pay(at_other("A-2")).await.unwrap() else {
        panic!()
    };
    ticket.first_word().await;
    house.agrees().await;
}

/// KCP answers one sale with the number of another. That other one stays as it is, whoever waits.
#[tokio::test]
async fn a_transaction_of_another_payment_is_never_taken() {
    let house = House::new().await;
    let first = house.pay("A-1").await;
    let tno = first.approval().unwrap().tno.to_string();
    let main = "main".parse().unwrap();
    for (n, waits) in (1..).zip([false, true]) {
        house.fault(FaultKind::OthersTno { tno: tno.clone() });
        let order_no = format!("B-{n}");
        let second = if waits {
            house.pay_and_wait(&order_no).await
        } else {
            house.pay(&order_no).await
        };
        assert_ne!(second.status(), Status::Approved, "{second:?}");
        // What it was told is evidence in its journal, and an alarm.
        let journal = house.engine().store().journal(&second.id).await.unwrap();
        let told = journal.iter().find_map(|row| match &row.event {
            Event::Lost(lost) => Some(lost.why.clone()),
            _ => None,
        });
        let told = told.unwrap();
        assert!(
            told.contains(&tno) && told.contains(first.id.as_str()),
            "{told}"
        );
        assert_eq!(house.engine().counts().foreign[&main], n);
        // Its own transaction is found by its order, and reversed: nobody was told of it.
        assert_eq!(house.settled(&second.id).await.status(), Status::Reversed);
    }
    assert_eq!(house.settled(&first.id).await.status(), Status::Approved);
    house.agrees().await;
}

#[tokio::test]
async fn a_person_cannot_give_one_transaction_to_two_payments() {
    let house = House::with(false).await;
    let first = house.pay("A-1").await;
    let tno = first.approval().unwrap().tno.to_string();
    house.fault(FaultKind::OthersTno { tno: tno.clone() });
    let second = house.pay("A-2").await;
    let second = house.settled(&second.id).await;
    assert_eq!(second.status(), Status::InDoubt, "nothing here can tell");
    let told = house.person_says(&second.id, &tno, false).await;
    assert!(
        matches!(&told, Err(ResolveError::NotConfirmed(_))),
        "{told:?}"
    );
    let own = house.sandbox.books_beginning("A-2-").transactions[0]
        .tno
        .clone();
    let second = house.person_says(&second.id, &own, false).await.unwrap();
    assert_eq!(second.status(), Status::Reversed);
    assert_eq!(house.settled(&first.id).await.status(), Status::Approved);
    house.agrees().await;
}

/// KCP booked another amount than was asked for. What that is a person finds out; until then nothing of
/// it is given back.
#[tokio::test]
async fn another_amount_in_the_books_waits_for_a_person() {
    for order_lookup in [true, false] {
        let house = House::with(order_lookup).await;
        house.fault(FaultKind::WrongAmount {
            amount: None,
            books_too: true,
        });
        let payment = house.pay_and_wait("A-1").await;
        let payment = house.settled(&payment.id).await;
        assert_eq!(payment.status(), Status::InDoubt);
        let approval = payment.approval().unwrap();
        assert_eq!(approval.amount.get(), 1005, "what was found is told");
        let booked = &house.sandbox.books_beginning("A-1-").transactions[0];
        assert_eq!(booked.remaining, 1005);
        let tno = approval.tno.to_string();
        let payment = house.person_says(&payment.id, &tno, true).await.unwrap();
        assert_eq!(payment.status(), Status::Reversed, "it is never kept");
        house.agrees().await;
    }
}

/// A shop that has KCP told bare numbers has no look-up, so what others sell under them is never seen.
#[tokio::test]
async fn a_bare_number_is_never_looked_up() {
    let house = House::by_hand(true).await;
    house.pay("A-0").await;
    let mut shop = house.shop();
    shop.contract.order_numbers = OrderNumbers::Bare;
    house.engine().set_shops([shop]);
    house.stranger_sells("A-1").await;
    house.fault(FaultKind::LoseRequest);
    let payment = house.pay("A-1").await;
    let request = &payment.request;
    assert_eq!(request.order.order_no, request.order_no);
    // The configuration may change; what KCP was told does not.
    house.engine().set_shops([house.shop()]);
    house.clock.advance(QUIET);
    house.engine().recover().await.unwrap();
    let payment = house.settled(&payment.id).await;
    assert_eq!(payment.status(), Status::InDoubt);
    let what = Resolution::Absent {
        note: "partner site".into(),
    };
    let (by, key) = ("kim".parse().unwrap(), None);
    let ask = ResolveAsk { what, by, key };
    house.engine().resolve(&payment.id, ask).await.unwrap();
    house.agrees().await;
}

/// KCP keeps books by site code. A shop that gets another one leaves its payments with the old one.
#[tokio::test]
async fn a_payment_keeps_its_site_code() {
    let house = House::with(false).await;
    house.fault(FaultKind::LoseAnswer);
    let payment = house.pay("A-1").await;
    house.rests().await;
    let tno = house.sandbox.books_beginning("A-1-").transactions[0]
        .tno
        .clone();

    house.engine().set_shops([house.shop_at("T0007")]);
    let told = house.person_says(&payment.id, &tno, true).await;
    assert!(
        matches!(told, Err(ResolveError::UnknownShop(_))),
        "the other site code would know nothing of it: {told:?}"
    );
    let mut old = house.shop();
    old.id = "main-before".parse().unwrap();
    house.engine().set_shops([house.shop_at("T0007"), old]);
    let payment = house.person_says(&payment.id, &tno, true).await.unwrap();
    assert_eq!(payment.status(), Status::Approved);
    assert_eq!(payment.request.shop.as_str(), "main");
    house.agrees().await;
}
