//! Keying a card in at a browser that runs no script.

use kcp_sandbox::{FaultKind, Operation};
use sugi_store::DeedFilter;

use crate::{browser::Browser, house::House, html};

/// A sale as it is keyed in.
fn sale<'a>(key: &'a str, order_no: &'a str, card: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("key", key),
        ("shop", "main"),
        ("order_no", order_no),
        ("amount", "12,000"),
        ("card", card),
        ("expiry", "12/30"),
        ("proof", "with"),
        ("holder", "951010"),
        ("password", "00"),
        ("months", "0"),
        ("buyer", "홍길동"),
        ("anyway", ""),
    ]
}

/// The key of a fresh form.
async fn key(kim: &Browser) -> String {
    kim.form_key("/keyin").await
}

const CARD: &str = "4111-1111-1111-1111";

fn approvals(house: &House, order_no: &str) -> usize {
    house.sandbox.books_of(order_no).transactions.len()
}

/// Sends the form and returns the address of the payment that came of it.
async fn charge(kim: &mut Browser, form: &[(&str, &str)]) -> String {
    let answer = kim.post("/keyin", form).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    answer.header("location").unwrap().to_owned()
}

#[tokio::test]
async fn a_sale_is_made_once_however_often_its_form_is_sent() {
    let house = House::new().await;
    let mut kim = house.sign_in("kim").await;
    let key = key(&kim).await;
    let form = sale(&key, "K-1", CARD);
    let to = charge(&mut kim, &form).await;
    let page = kim.page(&to).await;
    assert!(page.contains("승인되었습니다"), "{page}");
    assert!(
        page.contains("12,000원 결제가 승인되었습니다. 끝자리 1111"),
        "{page}"
    );
    assert!(html::faults(&page).is_empty());
    // Reloaded, and gone back to and sent again.
    for _ in 0..2 {
        assert_eq!(charge(&mut kim, &form).await, to);
    }
    assert_eq!(approvals(&house, "K-1"), 1);
    let paid = house.settled(&to).await;
    assert_eq!(paid.request.by.as_str(), "kim");
}

#[tokio::test]
async fn a_decline_and_a_lost_answer_are_called_what_they_are() {
    let house = House::new().await;
    let mut kim = house.sign_in("kim").await;
    let first = key(&kim).await;
    let mut wrong = sale(&first, "K-1", CARD);
    wrong.retain(|(name, _)| *name != "password");
    wrong.push(("password", "99"));
    let to = charge(&mut kim, &wrong).await;
    let page = kim.page(&to).await;
    assert!(
        page.contains("CC63") && !page.contains("승인되었습니다"),
        "{page}"
    );
    // What was declined is in nobody's way: the same card again is no sale made twice.
    let second = key(&kim).await;
    let to = charge(&mut kim, &sale(&second, "K-1", CARD)).await;
    assert!(kim.page(&to).await.contains("승인되었습니다"));

    house.fault(FaultKind::LoseAnswer, Operation::Approve);
    let third = key(&kim).await;
    let mut other = sale(&third, "K-2", "5555555555554444");
    other.retain(|(name, _)| *name != "buyer");
    let to = charge(&mut kim, &other).await;
    let page = kim.clone().in_lang("en").page(&to).await;
    assert!(
        page.contains("n doubt") && !page.contains("Nothing was charged"),
        "{page}"
    );
    assert_eq!(approvals(&house, "K-2"), 1, "KCP has it");
}

#[tokio::test]
async fn a_sale_like_an_earlier_one_wants_a_reason_and_the_audit_keeps_it() {
    let house = House::new().await;
    let mut kim = house.sign_in("kim").await;
    let first = key(&kim).await;
    let earlier = charge(&mut kim, &sale(&first, "K-1", CARD)).await;
    let second = key(&kim).await;
    let form = sale(&second, "K-2", CARD);
    let answer = kim.post("/keyin", &form).await;
    assert_eq!(answer.status, 409, "{answer:?}");
    assert!(
        answer.text.contains("방금 같은 결제가 있었습니다"),
        "{}",
        answer.text
    );
    assert!(answer.text.contains(&earlier), "it names the earlier one");
    assert_eq!(approvals(&house, "K-2"), 0);
    assert!(!answer.text.contains(CARD), "the card is keyed in again");

    let mut again = form;
    again.pop();
    again.push(("anyway", "두 장을 사셨습니다"));
    let to = charge(&mut kim, &again).await;
    assert_ne!(to, earlier);
    assert_eq!(approvals(&house, "K-2"), 1);
    house.access.flush().await;
    let of_it = DeedFilter {
        subject: to.strip_prefix("/payments/").map(Into::into),
        ..DeedFilter::default()
    };
    let deeds = house.engine.store().deeds(&of_it).await.unwrap();
    let why = deeds.iter().find(|row| row.deed.action == "key in again");
    let why = &why.expect("the reason is in the audit").deed;
    assert_eq!(
        (&*why.actor, &*why.outcome, &*why.origin),
        ("operator:kim", "두 장을 사셨습니다", "127.0.0.1")
    );
}

#[tokio::test]
async fn what_is_wrong_is_said_at_its_field_and_no_card_comes_back() {
    let house = House::new().await;
    let mut kim = house.sign_in("kim").await;
    let key = key(&kim).await;
    for (field, bad, said) in [
        ("amount", "0", "1원 이상"),
        ("card", "4111", "13~16자리"),
        ("expiry", "13/30", "월과 연도"),
        ("expiry", "12/20", "유효기간이 지난"),
        ("holder", "95101", "YYMMDD"),
        ("password", "0", "앞 두 자리"),
        ("months", "1", "할부"),
        ("order_no", "K 1", "주문번호는"),
        ("buyer", "4111111111111111", "카드번호"),
        ("anyway", "4111 1111 1111 1111", "카드번호"),
        ("shop", "nowhere", "상점"),
    ] {
        let mut form = sale(&key, "K-1", CARD);
        form.retain(|(name, _)| *name != field);
        form.push((field, bad));
        let answer = kim.post("/keyin", &form).await;
        assert_eq!(answer.status, 422, "{field} {bad}: {answer:?}");
        assert!(answer.text.contains(said), "{field} {bad}: {}", answer.text);
        assert!(html::faults(&answer.text).is_empty(), "{field} {bad}");
        for digits in ["4111111111111111", "1111 1111", "1111-1111", "951010"] {
            assert!(!answer.text.contains(digits), "{field}: {digits} came back");
        }
    }
    assert_eq!(approvals(&house, "K-1"), 0);
}
