//! The search box: whatever a caller can name, typed in as they say it.

use serde_json::json;
use thirtyfour::{Key, prelude::*};

use crate::test_app::{TestApp, keys};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_caller_can_name_is_found_by_keyboard_alone() {
    let test_app = TestApp::new().await;
    let browser = test_app.browser("ko").await;
    let ours = test_app.sale("S-1");
    let other = json!({
        "amount": 2_000,
        "buyer": { "name": "김철수", "phone": "010-9999-8888" },
        "card": { "number": "5555555555554444", "expiry": "2030-12" },
    });
    let other = test_app.pay("S-2", &other);
    let text = |payment: &serde_json::Value, pointer: &str| {
        let text = payment.pointer(pointer).unwrap().as_str().unwrap();
        text.to_owned()
    };
    let enter = char::from(Key::Enter).to_string();
    browser.goto(test_app.at("/payments")).await.unwrap();
    test_app
        .until(&browser, By::XPath("//*[@id='list'][count(.//tbody/tr)=2]"))
        .await;
    // By turns, so that what is looked for never stands there already.
    for (n, typed) in [
        "S-1".to_owned(),
        "S-2".into(),
        "홍길동".into(),
        "김철수".into(),
        "010-0000-0000".into(),
        "01099998888".into(),
        "1111".into(),
        "4444".into(),
        text(&ours, "/approval/app_no"),
        text(&other, "/approval/app_no"),
        text(&ours, "/tno"),
        text(&other, "/tno"),
    ]
    .iter()
    .enumerate()
    {
        // The box has the focus at first; later a key goes there, and what stood in it is typed over.
        if n > 0 {
            keys(&browser, "/").await;
        }
        keys(&browser, typed).await;
        keys(&browser, &enter).await;
        let order = ["S-1", "S-2"][n % 2];
        let row = format!("//*[@id='list'][count(.//tbody/tr)=1]//a[.='{order}']");
        test_app.until(&browser, By::XPath(row)).await;
        let typed_in = browser.find(By::Id("q")).await.unwrap();
        assert_eq!(typed_in.prop("value").await.unwrap().as_ref(), Some(typed));
    }
    // A card that was pasted never gets into the address.
    for typed in [
        "4111-1111-1111-1111",
        "４１１１ １１１１ １１１１ １１１１",
        "41111111 11111111",
    ] {
        keys(&browser, "/").await;
        keys(&browser, typed).await;
        let script = "document.forms[0].ownerDocument.querySelector('[role=search]').addEventListener('submit', \
                      (event) => { sessionStorage.sent = new URLSearchParams(new FormData(event.target)); })";
        browser.execute(script, Vec::new()).await.unwrap();
        keys(&browser, &enter).await;
        let ours = "//*[@id='list'][count(.//tbody/tr)=1]//a[.='S-1']";
        test_app.until(&browser, By::XPath(ours)).await;
        let sent = browser
            .execute("return sessionStorage.sent", Vec::new())
            .await
            .unwrap();
        let sent: String = sent.convert().unwrap();
        assert!(sent.contains("q=1111&") && !sent.contains("4111"), "{sent}");
        keys(&browser, "/").await;
        keys(&browser, &format!("S-2{enter}")).await;
        let theirs = "//*[@id='list'][count(.//tbody/tr)=1]//a[.='S-2']";
        test_app.until(&browser, By::XPath(theirs)).await;
    }
    // What may be an order number is looked for as it is.
    keys(&browser, "/").await;
    keys(&browser, &format!("41111111-11111111{enter}")).await;
    test_app.until(&browser, By::Css("#list > .notice")).await;
    let address = browser.current_url().await.unwrap();
    assert!(
        address.query().unwrap().contains("q=41111111-11111111"),
        "{address}"
    );
    keys(&browser, "/").await;
    keys(&browser, &format!("S-2{enter}")).await;
    let theirs = "//*[@id='list'][count(.//tbody/tr)=1]//a[.='S-2']";
    test_app.until(&browser, By::XPath(theirs)).await;
    // No one has this one, and the page says so.
    keys(&browser, "/").await;
    keys(&browser, &format!("없는 사람{enter}")).await;
    let empty = test_app.until(&browser, By::Css("#list > .notice")).await;
    assert_eq!(empty.text().await.unwrap(), "조건에 맞는 결제가 없습니다.");
    // A payment's own name leads to its page.
    keys(&browser, "/").await;
    keys(&browser, &format!("{}{enter}", text(&other, "/id"))).await;
    test_app.until(&browser, By::Id("facts")).await;
    let address = browser.current_url().await.unwrap();
    assert_eq!(address.path(), format!("/payments/{}", text(&other, "/id")));
    browser.quit().await.unwrap();
}
