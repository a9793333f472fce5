//! The slip to print.

use serde_json::json;
use sugi_engine::Merchant;

use crate::test_app::TestApp;

#[tokio::test]
async fn it_has_what_a_sales_slip_has() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
    let tax =
        json!({ "tax": { "supply": 800, "vat": 80, "tax_free": 124 }, "installment_months": 0 });
    let paid = format!("/payments/{}", test_app.pay("A-1", 1_004, tax).await.id());
    let payment = test_app.settled(&paid).await;
    let app_no = payment.approval().unwrap().app_no.clone().unwrap();
    let slip = format!("{paid}/receipt");
    let page = kim.page(&slip).await;
    for text in [
        "매출전표",
        "main",
        "A-1",
        "테스트 상품",
        "411111******1111",
        "일시불",
        &app_no,
        &test_app.tno("A-1"),
        "공급가액",
        "800원",
        "부가세",
        "80원",
        "면세금액",
        "124원",
        "합계",
        "1,004원",
        "실제 결제가 아닙니다",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(
        !page.contains("취소금액") && !page.contains("class=\"stamp\""),
        "{page}"
    );
    let key = kim.form_key(&paid).await;
    let part = [
        ("key", &*key),
        ("amount", "110"),
        ("supply", "100"),
        ("vat", "10"),
        ("free", "0"),
        ("reason", "x"),
    ];
    kim.follow(&format!("{paid}/cancel"), &part).await;
    test_app.settled(&paid).await;
    let page = kim.page(&slip).await;
    for text in [
        "부분취소",
        "취소금액",
        "110원",
        "남은금액",
        "894원",
        "취소일시",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
}

#[tokio::test]
async fn it_says_who_sells() {
    let test_app = TestApp::new().await;
    let kim = test_app.sign_in("kim").await;
    let slip = format!("{}/receipt", test_app.approved("A-1", 1_004).await);
    let said = Merchant {
        name: Some("가게 <&> 하나".into()),
        business_no: Some("123-45-67891".into()),
        representative: Some("홍길동".into()),
        address: Some("세종대로 110".into()),
        phone: Some("02-120".into()),
    };
    let shops = test_app.engine.shops();
    test_app.engine.set_shops(shops.iter().map(|shop| {
        let mut shop = (**shop).clone();
        shop.merchant = said.clone();
        shop
    }));
    let page = kim.page(&slip).await;
    for text in [
        "가게 &#60;&#38;&#62; 하나",
        "123-45-67891",
        "홍길동",
        "세종대로 110",
        "02-120",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains("<dd>main</dd>"));
}

#[tokio::test]
async fn only_what_was_approved_and_is_known_has_one() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
    let card = kcp_sandbox::magic_card(99, "CC61").unwrap();
    let card = json!({ "card": { "number": card, "expiry": "2030-12" } });
    let declined = format!("/payments/{}", test_app.pay("A-1", 1_004, card).await.id());
    let doubt = test_app.in_doubt("A-2").await;
    for page in [&declined, &doubt] {
        let answer = kim.get(&format!("{page}/receipt")).await;
        assert_eq!(answer.status, 404, "{page}");
        assert!(!kim.page(page).await.contains("/receipt"));
    }
    // What was reversed was charged and refunded, and its slip says both.
    let (key, tno) = (kim.form_key(&doubt).await, test_app.tno("A-2"));
    let form = [
        ("key", &*key),
        ("tno", &*tno),
        ("outcome", "reverse"),
        ("note", "x"),
    ];
    kim.follow(&format!("{doubt}/close"), &form).await;
    test_app.settled(&doubt).await;
    let page = kim.page(&format!("{doubt}/receipt")).await;
    assert!(
        page.contains("class=\"stamp\"") && page.contains("취소금액"),
        "{page}"
    );
}

#[tokio::test]
async fn the_style_knows_paper() {
    let test_app = TestApp::new().await;
    let page = test_app.sign_in("kim").await.page("/payments").await;
    let (_, style) = page.split_once("rel=\"stylesheet\" href=\"").unwrap();
    let style = style.split('"').next().unwrap();
    let style = test_app.sign_in("kim").await.page(style).await;
    for rule in ["@page", "@media print", ".no-print"] {
        assert!(style.contains(rule), "{rule}");
    }
}
