//! Giving money back from a payment's page.

use kcp_sandbox::{FaultKind, Operation};
use serde_json::json;
use sugi_access::SecondPerson;

use crate::test_app::{TestApp, alone, shop};

#[tokio::test]
async fn all_or_a_part_is_given_back_and_the_page_says_so() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
    let paid = test_app.approved("A-1", 150_000).await;
    let cancel = format!("{paid}/cancel");
    assert!(
        kim.page(&paid).await.contains("value=\"150,000\""),
        "all of it stands there"
    );
    let key = kim.form_key(&paid).await;
    let part = [
        ("key", &*key),
        ("amount", "50,000"),
        ("reason", "고객 변심"),
    ];
    let page = kim.follow(&cancel, &part).await;
    assert!(
        page.contains("150,000원 중 50,000원이 취소되어 100,000원이 남았습니다"),
        "{page}"
    );
    assert!(
        page.contains("value=\"100,000\"") && page.contains("고객 변심"),
        "{page}"
    );
    let key = kim.form_key(&paid).await;
    let rest = [
        ("key", &*key),
        ("amount", "１００，０００원"),
        ("reason", "x"),
    ];
    let page = kim.follow(&cancel, &rest).await;
    assert!(
        page.contains("전액 취소되었습니다") && !page.contains("action=\"/payments/pay"),
        "{page}"
    );
    assert_eq!(test_app.refunded("A-1"), [50_000, 100_000]);
}

#[tokio::test]
async fn a_form_that_is_sent_again_gives_back_once() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
    // All of it, a part, and a part that is then as much as what is left.
    for (order, amount, fields) in [
        ("A-1", "1004", vec![]),
        ("A-2", "400", vec![]),
        ("A-3", "502", vec![]),
        (
            "A-4",
            "1004",
            vec![("supply", "800"), ("vat", "80"), ("free", "124")],
        ),
        (
            "A-5",
            "440",
            vec![("supply", "400"), ("vat", "40"), ("free", "0")],
        ),
    ] {
        let tax = json!({ "supply": 800, "vat": 80, "tax_free": 124 });
        let tax = if fields.is_empty() { json!(null) } else { tax };
        let besides = if tax.is_null() {
            json!({})
        } else {
            json!({ "tax": tax })
        };
        let answer = test_app.pay(order, 1_004, besides).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let paid = format!("/payments/{}", answer.id());
        let cancel = format!("{paid}/cancel");
        let key = kim.form_key(&paid).await;
        let mut form = vec![("key", &*key), ("amount", amount), ("reason", "x")];
        form.extend(fields);
        // A double click, and then the browser's own second try.
        let both = tokio::join!(
            kim.form(&cancel, &form).send(),
            kim.form(&cancel, &form).send()
        );
        let again = kim.post(&cancel, &form).await;
        for answer in [both.0, both.1, again] {
            assert_eq!(
                answer.header("location"),
                Some(&*paid),
                "{order}: it was done: {answer:?}"
            );
        }
        test_app.settled(&paid).await;
        let given: u64 = amount.parse().unwrap();
        assert_eq!(test_app.refunded(order), [given], "{order}");
        // The same form with something else in it is nothing at all.
        let other = [("key", &*key), ("amount", "1"), ("reason", "x")];
        let page = kim.follow(&cancel, &other).await;
        assert!(page.contains("role=\"alert\""), "{page}");
        test_app.settled(&paid).await;
        assert_eq!(test_app.refunded(order), [given], "{order}");
    }
}

#[tokio::test]
async fn a_cancel_whose_answer_is_lost_is_never_called_undone() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
    for (n, fault) in [FaultKind::LoseAnswer, FaultKind::Garbage, FaultKind::Reset]
        .into_iter()
        .enumerate()
    {
        let order = format!("A-{n}");
        let paid = test_app.approved(&order, 1_004).await;
        test_app.fault(fault, Operation::Cancel);
        let key = kim.form_key(&paid).await;
        let form = [("key", &*key), ("amount", "400"), ("reason", "x")];
        let page = kim.follow(&format!("{paid}/cancel"), &form).await;
        assert!(!page.contains("취소된 것은 없습니다"), "{page}");
        assert_eq!(test_app.settled(&paid).await.cancelled_amount(), 400);
        assert_eq!(test_app.refunded(&order), [400]);
        assert!(
            kim.page(&paid)
                .await
                .contains("1,004원 중 400원이 취소되어 604원이 남았습니다")
        );
    }
}

#[tokio::test]
async fn what_may_not_be_cancelled_is_not_and_the_page_says_why() {
    let test_app = TestApp::new().await;
    let (mut kim, mut small) = (
        test_app.sign_in("kim").await,
        test_app.sign_in("small").await,
    );
    let paid = test_app.approved("A-1", 1_004).await;
    let cancel = format!("{paid}/cancel");
    let page = small.page(&paid).await;
    let key = small.form_key(&paid).await;
    assert!(page.contains("취소 금액"));
    for amount in ["1004", "1001", ""] {
        let form = [("key", &*key), ("amount", amount), ("reason", "x")];
        let page = small.follow(&cancel, &form).await;
        assert!(
            page.contains("담당자의 한도를 넘습니다"),
            "{amount}: {page}"
        );
    }
    let long = "가".repeat(34);
    let key = kim.form_key(&paid).await;
    for (key, amount, reason, said) in [
        (&*key, "1005", "x", "남은 금액보다 많습니다"),
        (&*key, "0", "x", "금액을 확인하십시오"),
        // A currency alone is not a field left empty, which would be all of it.
        (&*key, "원", "x", "금액을 확인하십시오"),
        (&*key, "5만", "x", "금액을 확인하십시오"),
        (&*key, "-1", "x", "금액을 확인하십시오"),
        (&*key, "1e3", "x", "금액을 확인하십시오"),
        (&*key, "99999999999999999999", "x", "금액을 확인하십시오"),
        (&*key, "4", "", "사유를"),
        (&*key, "4", &long, "사유를"),
        (&*key, "4", "카드 4111-1111-1111-1111", "사유를"),
        ("", "4", "x", "role=\"alert\""),
        ("short", "4", "x", "role=\"alert\""),
    ] {
        let form = [("key", key), ("amount", amount), ("reason", reason)];
        let page = kim.follow(&cancel, &form).await;
        assert!(page.contains(said), "{amount} {reason}: {page}");
        // What was typed stays to be mended, but for a card's number.
        let kept = |name: &str, text: &str| {
            page.contains(&format!("name=\"{name}\""))
                && page.contains(&format!("value=\"{text}\""))
        };
        assert!(
            kept("amount", amount) && (reason.contains("4111") || kept("reason", reason)),
            "{amount} {reason}: {page}"
        );
        let at_field = page.contains("aria-invalid=\"true\" autofocus");
        assert_eq!(at_field, key.len() > 5, "{amount} {reason}: {page}");
        assert!(!page.contains("4111-1111"), "{page}");
    }
    test_app.settled(&paid).await;
    assert_eq!(test_app.refunded("A-1"), [0; 0]);
    // The page that says so is found at its own address, and is there in the other language.
    let form = [("key", &*key), ("amount", "0"), ("reason", "x")];
    let page = kim.follow(&cancel, &form).await;
    for at in [
        format!("data-address=\"{paid}\""),
        format!("name=\"back\" value=\"{paid}\""),
    ] {
        assert!(page.contains(&at), "{at}: {page}");
    }
    // A doubt is nothing to cancel, and its page offers no such thing.
    let doubt = test_app.in_doubt("A-2").await;
    let form = [("key", &*key), ("amount", "4"), ("reason", "x")];
    let page = kim.follow(&format!("{doubt}/cancel"), &form).await;
    assert!(
        page.contains("지금 상태에서는 취소할 수 없습니다"),
        "{page}"
    );
    assert!(!page.contains(&format!("{doubt}/cancel")));
}

#[tokio::test]
async fn dollars_are_cancelled_as_dollars() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
    let dollars = json!({ "currency": "USD" });
    let paid = test_app.pay("A-1", 1_234, dollars).await;
    assert_eq!(paid.json["state"], "approved", "{paid:?}");
    let paid = format!("/payments/{}", paid.id());
    let cancel = format!("{paid}/cancel");
    assert!(kim.page(&paid).await.contains("value=\"12.34\""));
    for bad in ["2.5", "12.35", "1234"] {
        let key = kim.form_key(&paid).await;
        let form = [("key", &*key), ("amount", bad), ("reason", "x")];
        let page = kim.follow(&cancel, &form).await;
        assert!(page.contains("취소된 것은 없습니다"), "{bad}: {page}");
    }
    let key = kim.form_key(&paid).await;
    let part = [("key", &*key), ("amount", "2.50"), ("reason", "x")];
    let page = kim.follow(&cancel, &part).await;
    assert!(
        page.contains("US$2.50") && page.contains("value=\"9.84\""),
        "{page}"
    );
    let key = kim.form_key(&paid).await;
    let rest = [("key", &*key), ("amount", "$9.84"), ("reason", "x")];
    kim.follow(&cancel, &rest).await;
    assert_eq!(test_app.refunded("A-1"), [250, 984]);
}

#[tokio::test]
async fn a_limit_in_won_and_what_is_much_in_won_say_nothing_of_dollars() {
    let test_app = TestApp::with(SecondPerson {
        cancel_above: Some(1_000),
        ..alone()
    })
    .await;
    let paid = test_app.pay("A-1", 5, json!({ "currency": "USD" })).await;
    let paid = format!("/payments/{}", paid.id());
    let cancel = format!("{paid}/cancel");
    // Five cents are fewer than a thousand won, and all the same not for whoever has a limit.
    let mut small = test_app.sign_in("small").await;
    let key = small.form_key(&paid).await;
    let all = [("key", &*key), ("amount", "0.05"), ("reason", "x")];
    let page = small.follow(&cancel, &all).await;
    assert!(page.contains("달러를 취소할 수 없습니다"), "{page}");

    let mut kim = test_app.sign_in("kim").await;
    let key = kim.form_key(&paid).await;
    assert!(kim.page(&paid).await.contains("달러 취소는 다른 담당자의"));
    let all = [("key", &*key), ("amount", "0.05"), ("reason", "x")];
    let page = kim.follow(&cancel, &all).await;
    assert!(page.contains("다른 담당자의 확인을 기다립니다"), "{page}");
    let approval_requests = test_app.access.open_approval_requests().await.unwrap();
    let decide = format!("/approvals/{}", approval_requests[0].id);
    let answer = small.post(&decide, &[("decision", "confirm")]).await;
    assert!(
        answer.text.contains("달러를 취소할 수 없습니다"),
        "{answer:?}"
    );
    assert_eq!(test_app.refunded("A-1"), [0; 0]);
    let mut lee = test_app.sign_in("lee").await;
    lee.post(&decide, &[("decision", "confirm")]).await;
    test_app.settled(&paid).await;
    assert_eq!(test_app.refunded("A-1"), [5]);
}

#[tokio::test]
async fn what_is_given_back_is_grouped_as_it_is_read() {
    let test_app = TestApp::new().await;
    let kim = test_app.sign_in("kim").await;
    let tax = json!({ "tax": { "supply": 1_000_000, "vat": 100_000, "tax_free": 134_567 } });
    let won = test_app.pay("A-1", 1_234_567, tax).await;
    let dollars = test_app
        .pay("A-2", 123_456, json!({ "currency": "USD" }))
        .await;
    let mut shop = shop("main", &test_app.sandbox);
    shop.contract.partial_cancel = false;
    for (paid, field, around) in [(&won, "1,234,567", "{}원"), (&dollars, "1,234.56", "US${}")] {
        let page = kim.page(&format!("/payments/{}", paid.id())).await;
        let echo = format!(
            "취소하기 <span data-cancel-echo data-all=\"{}\" data-around=\"{around}\"></span></button>",
            around.replace("{}", field)
        );
        for text in [&*format!("value=\"{field}\" class=\"big\""), &*echo] {
            assert!(page.contains(text), "{text}: {page}");
        }
    }
    let page = kim.page(&format!("/payments/{}", won.id())).await;
    for part in ["1,000,000", "100,000", "134,567"] {
        assert!(
            page.contains(&format!("value=\"{part}\"")),
            "{part}: {page}"
        );
    }
    // What can only be cancelled whole says how much that is, script or none.
    test_app.engine.set_shops([shop]);
    let page = kim
        .in_lang("en")
        .page(&format!("/payments/{}", won.id()))
        .await;
    assert!(page.contains("Cancel ₩1,234,567</button>"), "{page}");
}

#[tokio::test]
async fn a_form_that_was_made_for_another_operator_does_nothing() {
    let test_app = TestApp::new().await;
    let (mut kim, lee) = (test_app.sign_in("kim").await, test_app.sign_in("lee").await);
    let paid = test_app.approved("A-1", 150_000).await;
    let cancel = format!("{paid}/cancel");
    let page = kim.page(&paid).await;
    assert!(page.contains("name=\"operator\" value=\"kim\""), "{page}");
    let key = kim.form_key(&paid).await;
    let form = [("key", &*key), ("amount", "10000"), ("reason", "x")];
    // Its answer is lost; meanwhile lee has signed in at the same browser, where kim's page stands open still.
    kim.post(&cancel, &form).await;
    let mut same = lee.of("kim");
    for _ in 0..2 {
        let answer = same.post(&cancel, &form).await;
        assert_eq!(answer.status, 409, "{answer:?}");
        assert!(
            answer.text.contains("다른 담당자가 열어 둔 화면입니다"),
            "{answer:?}"
        );
    }
    let mut nobodys = same.clone().of("");
    assert_eq!(nobodys.post(&cancel, &form).await.status, 409);
    assert_eq!(
        nobodys.post(&format!("{paid}/close"), &[]).await.status,
        409
    );
    test_app.settled(&paid).await;
    assert_eq!(test_app.refunded("A-1"), [10_000]);
    // The script hears it in its own way.
    let sale = same.form("/keyin", &[("key", &*key), ("shop", "main")]);
    let answer = sale.header("accept", "application/json").send().await;
    assert_eq!(answer.status, 409, "{answer:?}");
    let text = answer.json["text"].as_str().unwrap();
    assert!(text.contains("처리되지 않았습니다"), "{text}");
    // On a page of their own they go on.
    let mut lee = same.of("lee");
    lee.follow(&cancel, &form).await;
    assert_eq!(test_app.refunded("A-1"), [10_000, 10_000]);
}

#[tokio::test]
async fn a_limit_binds_all_cancels_of_a_payment_together() {
    let test_app = TestApp::new().await;
    let mut small = test_app.sign_in("small").await;
    let paid = test_app.approved("A-1", 3_000).await;
    let cancel = format!("{paid}/cancel");
    let key = small.form_key(&paid).await;
    let first = [("key", &*key), ("amount", "600"), ("reason", "x")];
    small.follow(&cancel, &first).await;
    let key = small.form_key(&paid).await;
    for amount in ["401", "1000", ""] {
        let form = [("key", &*key), ("amount", amount), ("reason", "x")];
        let answer = small.post(&cancel, &form).await;
        assert_eq!(answer.status, 422, "{amount}: {answer:?}");
        assert!(answer.text.contains("한도를 넘"), "{amount}: {answer:?}");
    }
    // What was done before the limit was reached was done, and is not refused when it is sent again.
    let rest = [("key", &*key), ("amount", "400"), ("reason", "x")];
    small.follow(&cancel, &rest).await;
    for form in [&first, &rest] {
        let again = small.post(&cancel, form).await;
        assert_eq!(again.header("location"), Some(&*paid), "{again:?}");
    }
    test_app.settled(&paid).await;
    assert_eq!(test_app.refunded("A-1"), [600, 400]);
}
