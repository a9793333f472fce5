//! Keying a card in at a browser that runs no script.

use kcp_sandbox::{FaultKind, Operation};
use sugi_engine::Currencies;
use sugi_store::AuditFilter;

use crate::{
    browser::Browser,
    html,
    test_app::{TestApp, shop},
};

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

fn approvals(test_app: &TestApp, order_no: &str) -> usize {
    test_app
        .sandbox
        .books_beginning(&format!("{order_no}-"))
        .transactions
        .len()
}

/// Sends the form and returns the address of the payment that came of it.
async fn charge(kim: &mut Browser, form: &[(&str, &str)]) -> String {
    let answer = kim.post("/keyin", form).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    answer.header("location").unwrap().to_owned()
}

#[tokio::test]
async fn a_sale_is_made_once_however_often_its_form_is_sent() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
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
    assert_eq!(approvals(&test_app, "K-1"), 1);
    let paid = test_app.settled(&to).await;
    assert_eq!(paid.request.by.as_str(), "kim");
}

#[tokio::test]
async fn a_decline_and_a_lost_answer_are_called_what_they_are() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
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
    // What was declined is in no one's way: the same card again is no sale made twice.
    let second = key(&kim).await;
    let to = charge(&mut kim, &sale(&second, "K-1", CARD)).await;
    assert!(kim.page(&to).await.contains("승인되었습니다"));

    test_app.fault(FaultKind::LoseAnswer, Operation::Approve);
    let third = key(&kim).await;
    let mut other = sale(&third, "K-2", "5555555555554444");
    other.retain(|(name, _)| *name != "buyer");
    let to = charge(&mut kim, &other).await;
    let page = kim.clone().in_lang("en").page(&to).await;
    assert!(
        page.contains("n doubt") && !page.contains("Nothing was charged"),
        "{page}"
    );
    assert_eq!(approvals(&test_app, "K-2"), 1, "KCP has it");
}

#[tokio::test]
async fn a_sale_like_an_earlier_one_wants_a_reason_and_the_audit_keeps_it() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
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
    assert_eq!(approvals(&test_app, "K-2"), 0);
    assert!(!answer.text.contains(CARD), "the card is keyed in again");

    let named = format!(
        "name=\"anyway_of\" value=\"{}\"",
        &earlier["/payments/".len()..]
    );
    assert!(answer.text.contains(&named), "{named}: {}", answer.text);
    let again = with(anyway(form, &earlier), "anyway", "두 장을 사셨습니다");
    let to = charge(&mut kim, &again).await;
    assert_ne!(to, earlier);
    assert_eq!(approvals(&test_app, "K-2"), 1);
    test_app.access.flush().await;
    let of_it = AuditFilter {
        subject: to.strip_prefix("/payments/").map(Into::into),
        ..AuditFilter::default()
    };
    let audit_entries = test_app.engine.store().audit_entries(&of_it).await.unwrap();
    let why = audit_entries
        .iter()
        .find(|row| row.audit_entry.action == "key in again");
    let why = &why.expect("the reason is in the audit").audit_entry;
    assert_eq!(
        (&*why.actor, &*why.outcome, &*why.origin),
        ("operator:kim", "두 장을 사셨습니다", "127.0.0.1")
    );
}

#[tokio::test]
async fn what_is_wrong_is_said_at_its_field_and_no_card_comes_back() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
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
    assert_eq!(approvals(&test_app, "K-1"), 0);
}

#[tokio::test]
async fn a_reason_repeats_no_digits_of_the_card_that_is_charged() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
    let key = key(&kim).await;
    // Digits that no card has by their check digit: only beside the card are they known for what they are.
    let card = "4111111111111112";
    for reason in ["4111111111111112", "카드 4111_1111/1111.1112 재결제"] {
        let form = with(sale(&key, "K-1", card), "anyway", reason);
        let answer = kim.post("/keyin", &form).await;
        assert_eq!(answer.status, 422, "{reason}: {answer:?}");
        assert!(!answer.text.contains("1112"), "{reason}: {}", answer.text);
    }
    assert_eq!(approvals(&test_app, "K-1"), 0);
}

/// The same sale in dollars.
fn in_dollars<'a>(key: &'a str, order_no: &'a str, amount: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut form = with(sale(key, order_no, CARD), "amount", amount);
    form.push(("currency", "USD"));
    form
}

/// A form with another value in one field.
fn with<'a>(
    mut form: Vec<(&'a str, &'a str)>,
    field: &'a str,
    text: &'a str,
) -> Vec<(&'a str, &'a str)> {
    form.retain(|(name, _)| *name != field);
    form.push((field, text));
    form
}

#[tokio::test]
async fn dollars_are_keyed_in_as_dollars_and_cents() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
    let page = kim.page("/keyin").await;
    assert!(
        page.contains("<option value=\"USD\">US$</option>"),
        "{page}"
    );
    let form = key(&kim).await;
    let taxed = with(in_dollars(&form, "K-1", "12.34"), "free", "1.34");
    let to = charge(&mut kim, &taxed).await;
    let booked = test_app.sandbox.books_beginning("K-1-").transactions;
    assert_eq!((booked[0].amount, &*booked[0].currency), (1_234, "840"));
    assert_eq!(booked[0].tax_remaining.unwrap().free, 134);
    for (page, said) in [
        (&*to, "US$12.34 결제가 승인되었습니다. 끝자리 1111"),
        (&*to, "과세 10.00 · 부가세 1.00 · 면세 1.34"),
        (&*to, "name=\"vat\" inputmode=\"decimal\" value=\"1.00\""),
        (&*format!("{to}/receipt"), "US$12.34"),
        (&*format!("{to}/receipt"), "US$1.34"),
        ("/payments?q=K-1", "US$12.34"),
    ] {
        let page = kim.page(page).await;
        assert!(page.contains(said), "{said}: {page}");
    }
    let english = kim.clone().in_lang("en").page(&to).await;
    assert!(english.contains("Your payment of US$12.34"), "{english}");

    // Given back part by part, as it was paid.
    let cancel_key = kim.form_key(&to).await;
    let part = [
        ("key", &*cancel_key),
        ("amount", "1.34"),
        ("supply", "0"),
        ("vat", "0.00"),
        ("free", "1.34"),
        ("reason", "x"),
    ];
    kim.follow(&format!("{to}/cancel"), &part).await;
    assert_eq!(test_app.refunded("K-1"), [134]);
}

#[tokio::test]
async fn as_many_cents_as_won_are_another_sale_and_as_many_cents_again_are_not() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
    let form = key(&kim).await;
    charge(&mut kim, &in_dollars(&form, "K-1", "120")).await;
    // 12,000 won are not 12,000 cents.
    let form = key(&kim).await;
    charge(&mut kim, &sale(&form, "K-2", CARD)).await;
    let form = key(&kim).await;
    let again = kim
        .post("/keyin", &in_dollars(&form, "K-3", "US$120.00"))
        .await;
    assert_eq!(again.status, 409, "{again:?}");
    // What was chosen is still chosen when the form comes back.
    let chosen = "<option value=\"USD\" selected>";
    assert!(again.text.contains(chosen), "{}", again.text);
    assert_eq!(approvals(&test_app, "K-3"), 0);
}

#[tokio::test]
async fn what_is_wrong_with_dollars_is_said_at_its_field() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
    let key = key(&kim).await;
    for (field, bad, ko, en) in [
        ("amount", "12.3", "예: 12.34", "such as 12.34"),
        ("amount", "0.00", "0.01달러 이상", "at least 0.01"),
        ("amount", "12,000원", "예: 12.34", "such as 12.34"),
        ("free", "0.1", "예: 12.34", "such as 12.34"),
        ("months", "3", "할부는 원화", "for won only"),
        ("currency", "EUR", "KRW 또는 USD", "KRW or USD"),
        ("shop", "other", "통화는 원입니다", "this shop takes won"),
    ] {
        let form = with(in_dollars(&key, "K-1", "500.00"), field, bad);
        for (lang, said) in [("ko", ko), ("en", en)] {
            let answer = kim.clone().in_lang(lang).post("/keyin", &form).await;
            assert_eq!(answer.status, 422, "{field} {bad}: {answer:?}");
            assert!(answer.text.contains(said), "{field} {bad}: {}", answer.text);
            assert!(html::faults(&answer.text).is_empty(), "{field} {bad}");
            // The shop that was chosen stays chosen, or the next press would charge at another.
            let shop = if field == "shop" { bad } else { "main" };
            let (_, options) = answer.text.split_once("<select id=\"shop\"").unwrap();
            let chosen = options.split(" selected>").next().unwrap();
            let last = format!("value=\"{shop}\"");
            assert!(
                chosen.rfind("value=") == chosen.find(&last),
                "{shop}: {chosen}"
            );
        }
    }
    assert_eq!(approvals(&test_app, "K-1"), 0);
    // Nothing of that stands in the way of the sale as it should be.
    charge(&mut kim, &in_dollars(&key, "K-1", "500.00")).await;
    let booked = test_app.sandbox.books_beginning("K-1-").transactions;
    assert_eq!(booked[0].amount, 50_000);
}

#[tokio::test]
async fn where_there_are_only_won_nothing_is_to_be_chosen_and_dollars_are_refused() {
    let test_app = TestApp::new().await;
    for (who, shop, said) in [
        // A shop whose contract takes won, and an operator whose limit is in won.
        ("other", "other", "계약에 있는 통화는 원입니다"),
        ("small", "main", "한도가 없는 담당자에게"),
    ] {
        let mut browser = test_app.sign_in(who).await;
        let page = browser.page("/keyin").await;
        for trace in ["currenc", "dollars", "US$", "decimal"] {
            assert!(!page.contains(trace), "{who} {trace}: {page}");
        }
        let key = key(&browser).await;
        let form = with(in_dollars(&key, who, "0.05"), "shop", shop);
        let answer = browser.post("/keyin", &form).await;
        assert_eq!(answer.status, 422, "{who}: {answer:?}");
        assert!(answer.text.contains(said), "{who}: {}", answer.text);
        assert_eq!(approvals(&test_app, who), 0);
        let won = with(sale(&key, who, CARD), "shop", shop);
        charge(&mut browser, &with(won, "amount", "900")).await;
        assert_eq!(approvals(&test_app, who), 1);
    }
}

#[tokio::test]
async fn a_shop_that_takes_dollars_only_offers_nothing_else() {
    let test_app = TestApp::new().await;
    let mut shop = shop("main", &test_app.sandbox);
    shop.contract.currencies = Currencies::parse(&["USD"]).unwrap();
    test_app.engine.set_shops([shop]);
    let mut kim = test_app.sign_in("kim").await;
    let page = kim.page("/keyin").await;
    assert!(page.contains("value=\"USD\"") && !page.contains("value=\"KRW\""));
    let key = key(&kim).await;
    // A form without the choice means won, and is no way around.
    let answer = kim.post("/keyin", &sale(&key, "K-1", CARD)).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(answer.text.contains("통화는 US$입니다"), "{}", answer.text);
    charge(&mut kim, &in_dollars(&key, "K-1", "12.34")).await;
    assert_eq!(
        test_app.sandbox.books_beginning("K-1-").transactions[0].amount,
        1_234
    );
}

/// Sends a form that is stopped because of an earlier payment.
async fn stopped(kim: &mut Browser, form: &[(&str, &str)], earlier: &str) {
    let answer = kim.post("/keyin", form).await;
    assert_eq!(answer.status, 409, "{answer:?}");
    assert!(
        answer.text.contains("방금 같은 결제가 있었습니다"),
        "{}",
        answer.text
    );
    assert!(answer.text.contains(earlier), "{earlier}: {}", answer.text);
}

/// A form with a reason to make it although there is a payment like it.
fn anyway<'a>(form: Vec<(&'a str, &'a str)>, earlier: &'a str) -> Vec<(&'a str, &'a str)> {
    let earlier = earlier.strip_prefix("/payments/").unwrap();
    with(with(form, "anyway", "x"), "anyway_of", earlier)
}

#[tokio::test]
async fn a_sale_that_stands_is_in_the_way_whatever_was_tried_over_it() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
    let mut keys = Vec::new();
    for _ in 0..8 {
        keys.push(key(&kim).await);
    }
    let first = charge(&mut kim, &sale(&keys[0], "K-1", CARD)).await;
    // Its order once more, with a reason: the order is paid.
    stopped(&mut kim, &sale(&keys[1], "K-2", CARD), &first).await;
    let answer = kim
        .post("/keyin", &anyway(sale(&keys[2], "K-1", CARD), &first))
        .await;
    assert_eq!(answer.status, 409, "{answer:?}");
    assert!(answer.text.contains("이미 결제되었거나"), "{}", answer.text);
    stopped(&mut kim, &sale(&keys[3], "K-3", CARD), &first).await;
    // Its own form, with other months.
    let changed = with(sale(&keys[0], "K-1", CARD), "product", "other");
    let answer = kim.post("/keyin", &changed).await;
    assert_eq!(answer.status, 409, "{answer:?}");
    assert!(answer.text.contains("이 양식으로 이미"), "{}", answer.text);
    stopped(&mut kim, &sale(&keys[4], "K-4", CARD), &first).await;
    // The same buyer with another card, with a reason, and declined.
    let other = with(sale(&keys[5], "K-5", "5555555555554444"), "password", "99");
    let declined = charge(&mut kim, &anyway(other, &first)).await;
    assert!(kim.page(&declined).await.contains("CC63"));
    let third = sale(&keys[6], "K-6", "4242424242424242");
    stopped(&mut kim, &third, &first).await;
    for order in ["K-2", "K-3", "K-4", "K-6"] {
        assert_eq!(approvals(&test_app, order), 0, "{order}");
    }
    // The form that made it still leads to it.
    assert_eq!(charge(&mut kim, &sale(&keys[0], "K-1", CARD)).await, first);
    assert_eq!(approvals(&test_app, "K-1"), 1);
}

#[tokio::test]
async fn a_reason_is_good_for_the_payment_that_it_was_given_for() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
    let mut keys = Vec::new();
    for _ in 0..4 {
        keys.push(key(&kim).await);
    }
    let first = charge(&mut kim, &sale(&keys[0], "K-1", CARD)).await;
    let second = anyway(sale(&keys[1], "K-2", CARD), &first);
    let second = charge(&mut kim, &second).await;
    // There is another now that no one has looked at.
    let third = sale(&keys[2], "K-3", CARD);
    stopped(&mut kim, &anyway(third.clone(), &first), &second).await;
    // A reason alone is none.
    stopped(&mut kim, &with(third.clone(), "anyway", "x"), &second).await;
    assert_eq!(approvals(&test_app, "K-3"), 0);
    let third = charge(&mut kim, &anyway(third, &second)).await;
    assert_eq!(approvals(&test_app, "K-3"), 1);
    // A reason that nothing was in the way of is not told to the audit.
    let other = with(anyway(sale(&keys[3], "K-4", CARD), &third), "amount", "1");
    let other = charge(&mut kim, &other).await;
    test_app.access.flush().await;
    for (page, told) in [(third, 1), (other, 0)] {
        let of_it = AuditFilter {
            subject: page.strip_prefix("/payments/").map(Into::into),
            ..AuditFilter::default()
        };
        let audit_entries = test_app.engine.store().audit_entries(&of_it).await.unwrap();
        let again = audit_entries
            .iter()
            .filter(|row| row.audit_entry.action == "key in again");
        assert_eq!(again.count(), told, "{page}");
    }
}

#[tokio::test]
async fn the_shop_that_was_chosen_stays_chosen_and_stands_before_the_amount() {
    let test_app = TestApp::new().await;
    let kim = test_app.sign_in("kim").await;
    let key = key(&kim).await;
    for (lang, said) in [("ko", "상점을 고르십시오."), ("en", "Choose a shop.")] {
        for (asked, expiry, chosen, note) in [
            ("other", "12/20", "other", ""),
            ("nowhere", "12/30", "", said),
            ("", "12/30", "", said),
        ] {
            let form = with(sale(&key, "K-1", CARD), "shop", asked);
            let form = with(form, "expiry", expiry);
            let answer = kim.clone().in_lang(lang).post("/keyin", &form).await;
            assert_eq!(answer.status, 422, "{answer:?}");
            assert!(html::faults(&answer.text).is_empty(), "{}", answer.text);
            let (_, select) = answer.text.split_once("<select id=\"shop\"").unwrap();
            let (select, after) = select.split_once("</select>").unwrap();
            let selected: Vec<&str> = select
                .split("<option value=\"")
                .filter(|option| option.contains(" selected>"))
                .map(|option| option.split('"').next().unwrap())
                .collect();
            assert_eq!(selected, [chosen], "{asked}");
            let (_, said) = after.split_once("id=\"shop-note\"").unwrap();
            let (said, _) = said.split_once("</p>").unwrap();
            assert_eq!(said.split_once('>').unwrap().1, note, "{asked}");
        }
    }
    assert_eq!(approvals(&test_app, "K-1"), 0);
    let page = kim.page("/keyin").await;
    let at = |what: &str| page.find(what).unwrap();
    assert!(at("id=\"shop\"") < at("id=\"amount\""), "{page}");
}
