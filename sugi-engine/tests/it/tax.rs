//! Cancels of a sale that is split for tax: part by part, and what is left of each is never lost.

use kcp_sandbox::{Fault, FaultKind, Operation};
use nhn_kcp::{Amount, Cancel, TaxParts, TaxSplit};
use sugi_clock::Clock;
use sugi_core::{Event, Payment, PaymentId, State, Status};
use sugi_engine::{CancelAsk, CancelError, Engine, Outcome, Sale};

use crate::{MAX_WAIT, TestApp, sale};

const SALE: TaxParts = parts(800, 80, 124);

const fn parts(supply: u64, vat: u64, free: u64) -> TaxParts {
    TaxParts { supply, vat, free }
}

impl TestApp {
    /// A sale of 1,004 won: 800 supply, 80 VAT, 124 tax-free.
    async fn pay_split(&self, order_no: &str) -> PaymentId {
        let mut sale = sale(order_no, 1004);
        sale.order.tax = Some(TaxSplit::Mixed(SALE));
        self.begin(sale).await
    }

    async fn begin(&self, sale: Sale) -> PaymentId {
        let Outcome::Begun(payment_handle) = self.engine().pay(sale).await.unwrap() else {
            panic!()
        };
        let payment = payment_handle.first_result().await;
        assert_eq!(payment.status(), Status::Approved, "{:?}", payment.state);
        payment.id.clone()
    }

    async fn cancel_split(
        &self,
        id: &PaymentId,
        amount: Option<u64>,
        tax: Option<TaxParts>,
    ) -> Result<Payment, CancelError> {
        self.engine().cancel(id, ask(amount, tax)).await?;
        Ok(self.settled(id).await)
    }

    /// Cancels past us, with the shop's own key, as from KCP's partner site.
    async fn past_us(&self, order_no: &str, taken: TaxParts, left: TaxParts) {
        let tno = &self
            .sandbox
            .books_beginning(&format!("{order_no}-"))
            .transactions[0]
            .tno;
        let won = |parts: TaxParts| Amount::new(parts.total().unwrap()).unwrap();
        let (tno, reason) = (tno.parse().unwrap(), "past us".parse().unwrap());
        let cancel = Cancel::partial(tno, won(taken), won(left), reason).unwrap();
        let cancel = cancel.with_tax(taken, left).unwrap();
        self.shop().client.cancel(&cancel).await.unwrap();
    }

    /// What is left of each part in KCP's books.
    fn left_of_each(&self, order_no: &str) -> TaxParts {
        let books = self.sandbox.books_beginning(&format!("{order_no}-"));
        let left = books.transactions[0].tax_remaining.unwrap();
        parts(left.tax, left.vat, left.free)
    }
}

fn ask(amount: Option<u64>, tax: Option<TaxParts>) -> CancelAsk {
    CancelAsk {
        seen: None,
        amount: amount.map(|amount| Amount::new(amount).unwrap()),
        tax,
        reason: "고객 변심".parse().unwrap(),
        by: "lee".parse().unwrap(),
        key: None,
    }
}

#[tokio::test]
async fn a_shop_cancels_by_the_parts_of_its_own_books() {
    let test_app = TestApp::new().await;
    for (n, taxed) in [1_000, 999, 1_004, 10, 5, 1].into_iter().enumerate() {
        let order_no = format!("A-{n}");
        let mut sale = sale(&order_no, taxed + 400);
        sale.order.tax = Some(TaxSplit::Mixed(TaxParts::of_price(taxed, 400)));
        let id = test_app.begin(sale).await;
        // Supply as an invoice has it: the price without its eleventh, to the nearest won.
        let supply = (taxed * 10 + 5) / 11;
        let goods = parts(supply, taxed - supply, 0);
        let part = test_app.cancel_split(&id, Some(taxed), Some(goods)).await;
        assert_eq!(part.unwrap().tax_left(), Some(parts(0, 0, 400)), "{taxed}");
    }
    test_app.agrees().await;
}

#[tokio::test]
async fn part_by_part_and_then_the_rest() {
    let test_app = TestApp::new().await;
    let id = test_app.pay_split("A-1").await;
    let taken = parts(200, 20, 100);
    let part = test_app.cancel_split(&id, Some(320), Some(taken)).await;
    assert_eq!(part.unwrap().tax_left(), Some(parts(600, 60, 24)));
    assert_eq!(test_app.left_of_each("A-1"), parts(600, 60, 24));
    // The rest divides as what is left, so no one has to say how.
    let rest = test_app.cancel_split(&id, None, None).await.unwrap();
    assert_eq!(rest.status(), Status::Cancelled);
    assert_eq!(test_app.left_of_each("A-1"), parts(0, 0, 0));
    test_app.agrees().await;
}

#[tokio::test]
async fn the_whole_needs_no_parts() {
    let test_app = TestApp::new().await;
    for (order_no, amount, tax) in [
        ("A-1", None, None),
        ("A-2", Some(1004), None),
        ("A-3", Some(1004), Some(SALE)),
    ] {
        let id = test_app.pay_split(order_no).await;
        let all = test_app.cancel_split(&id, amount, tax).await.unwrap();
        assert_eq!(all.status(), Status::Cancelled, "{order_no}");
    }
    test_app.agrees().await;
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_a_look_and_the_parts_are_known() {
    let test_app = TestApp::new().await;
    for (n, (kind, after_books)) in [
        (FaultKind::LoseAnswer, true),
        (FaultKind::LoseRequest, false),
        (FaultKind::Http500 { status: 500 }, false),
        (FaultKind::Garbage, true),
    ]
    .into_iter()
    .enumerate()
    {
        let order_no = format!("A-{n}");
        let id = test_app.pay_split(&order_no).await;
        let fault = Fault::new(kind.clone()).on(Operation::Cancel);
        let fault = fault.after_books(after_books);
        test_app.sandbox.fault(fault).unwrap();
        let taken = parts(200, 20, 100);
        let part = test_app.cancel_split(&id, Some(320), Some(taken)).await;
        let part = part.unwrap();
        assert_eq!(part.tax_left(), Some(parts(600, 60, 24)), "{kind:?}");
        assert_eq!(test_app.left_of_each(&order_no), parts(600, 60, 24));
        let journal = test_app.engine().store().journal(&id).await.unwrap();
        let looked = |event: &Event| matches!(event, Event::Inquired(_));
        assert!(journal.iter().any(|row| looked(&row.event)), "{kind:?}");
    }
    test_app.agrees().await;
}

#[tokio::test]
async fn wrong_parts_are_refused_before_anything_is_written() {
    let test_app = TestApp::new().await;
    let id = test_app.pay_split("A-1").await;
    let refused = async |amount, tax| {
        let refused = test_app.engine().cancel(&id, ask(amount, tax)).await;
        refused.unwrap_err()
    };
    let missing = refused(Some(100), None).await;
    assert!(
        matches!(missing, CancelError::PartsMissing { left } if left == SALE),
        "{missing}"
    );
    let odd = refused(Some(101), Some(parts(80, 8, 12))).await;
    assert!(matches!(odd, CancelError::Parts(_)), "{odd}");
    let much = refused(Some(125), Some(parts(0, 0, 125))).await;
    assert!(matches!(much, CancelError::PartsTooMuch { .. }), "{much}");
    let loose = refused(None, Some(SALE)).await;
    assert!(matches!(loose, CancelError::PartsWithoutAmount), "{loose}");
    let journal = test_app.engine().store().journal(&id).await.unwrap();
    assert_eq!(journal.len(), 3, "requested, approve_sent, approved");

    let plain = test_app.begin(sale("A-2", 1004)).await;
    let parts = ask(Some(100), Some(parts(80, 8, 12)));
    let not_split = test_app.engine().cancel(&plain, parts).await;
    assert!(
        matches!(not_split, Err(CancelError::NotSplit)),
        "{not_split:?}"
    );
    test_app.agrees().await;
}

#[tokio::test]
async fn a_shop_whose_contract_lost_the_split_cancels_whole() {
    let mut test_app = TestApp::new().await;
    let id = test_app.pay_split("A-1").await;
    test_app.rests().await;
    test_app.engine = None;
    let mut shop = test_app.shop();
    shop.contract.tax_split = false;
    let store = sugi_store::Store::open(test_app.dir.path()).unwrap();
    test_app.engine = Some(Engine::new(store, [shop], Clock::real()));
    let part = ask(Some(100), Some(parts(80, 8, 12)));
    let refused = test_app.engine().cancel(&id, part).await;
    assert!(
        matches!(refused, Err(CancelError::WholeOnly(why)) if why.contains("tax split")),
        "{refused:?}"
    );
    test_app.cancel_split(&id, None, None).await.unwrap();
    test_app.agrees().await;
}

#[tokio::test]
async fn one_key_makes_one_cancel_of_the_same_parts() {
    let test_app = TestApp::new().await;
    let id = test_app.pay_split("A-1").await;
    let keyed = |amount, tax| CancelAsk {
        key: Some(("shop".into(), "c-1".into())),
        ..ask(amount, tax)
    };
    let taken = Some(parts(80, 8, 12));
    let first = test_app.engine().cancel(&id, keyed(Some(100), taken)).await;
    test_app.settled(&id).await;
    let again = test_app.engine().cancel(&id, keyed(Some(100), taken)).await;
    assert_eq!(again.unwrap(), first.unwrap());
    for (amount, tax) in [
        (Some(100), Some(parts(80, 7, 13))),
        (Some(100), None),
        (None, None),
    ] {
        let other = test_app.engine().cancel(&id, keyed(amount, tax)).await;
        assert!(matches!(other, Err(CancelError::KeyReused)), "{other:?}");
    }
    assert_eq!(test_app.settled(&id).await.cancelled_amount(), 100);
    test_app.agrees().await;
}

#[tokio::test]
async fn once_somebody_gave_back_past_us_a_person_says_how_the_rest_divides() {
    let test_app = TestApp::new().await;
    let id = test_app.pay_split("A-1").await;
    test_app.past_us("A-1", parts(0, 0, 124), SALE).await;

    // Ours is refused, because less is left than we thought; from then on we know that.
    let taken = parts(80, 8, 12);
    let payment = test_app.cancel_split(&id, Some(100), Some(taken)).await;
    let State::Approved {
        remaining: 880,
        refused: Some(_),
        ..
    } = payment.unwrap().state
    else {
        panic!()
    };
    let unknown = test_app.engine().cancel(&id, ask(None, None)).await;
    assert!(
        matches!(unknown, Err(CancelError::PartsMissing { .. })),
        "{unknown:?}"
    );
    // A wrong guess is refused by KCP, at once and for good.
    let payment = test_app.cancel_split(&id, Some(100), Some(taken)).await;
    let State::Approved {
        refused: Some(refused),
        pending: None,
        ..
    } = payment.unwrap().state
    else {
        panic!()
    };
    assert_eq!(refused.1.as_ref().unwrap().code.as_str(), "8099");
    let rest = test_app.cancel_split(&id, Some(880), Some(parts(800, 80, 0)));
    assert_eq!(rest.await.unwrap().status(), Status::Cancelled);
    test_app.agrees().await;
}

#[tokio::test]
async fn a_reversal_of_what_somebody_cancelled_in_part_waits_for_them_to_cancel_the_rest() {
    let test_app = TestApp::new().await;
    // The answer is lost, and before we can look someone gives a part back at KCP's partner site.
    test_app.fault(FaultKind::LoseAnswer);
    let blind = Fault::new(FaultKind::LoseAnswer).on(Operation::Inquire);
    test_app.sandbox.fault(blind.times(1_000)).unwrap();
    let mut split = sale("A-1", 1004);
    split.order.tax = Some(TaxSplit::Mixed(SALE));
    let Outcome::Begun(payment_handle) = test_app.engine().pay(split).await.unwrap() else {
        panic!()
    };
    let id = payment_handle.first_result().await.id.clone();
    test_app.past_us("A-1", parts(0, 0, 124), SALE).await;
    test_app.sandbox.clear_faults();

    // No one here knows which parts the rest is of, so KCP does not take ours.
    let refused = |payment: &Payment| matches!(&payment.state, State::Reversing { cancel_attempt, .. } if cancel_attempt.refusal.is_some());
    let seen = test_app.engine().watch(&id, MAX_WAIT, refused).await;
    let seen = seen.unwrap().unwrap();
    assert_eq!(seen.status(), Status::Reversing, "{:?}", seen.state);
    let rest = parts(800, 80, 0);
    test_app.past_us("A-1", rest, rest).await;
    assert_eq!(test_app.settled(&id).await.status(), Status::Reversed);
    test_app.agrees().await;
}
