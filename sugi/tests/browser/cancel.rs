//! Money refunded by hand, part by part, until nothing is left.

use serde_json::{Value, json};
use thirtyfour::{Key, prelude::*};

use crate::test_app::{TestApp, keys};

/// Writes an amount over the one that stands there, and why; then sends it, twice if so.
async fn give_back(browser: &WebDriver, amount: &str, twice: bool) {
    let field = browser.find(By::Id("cancel-amount")).await.unwrap();
    field.send_keys(Key::Control + "a").await.unwrap();
    field.send_keys(amount).await.unwrap();
    let reason = browser.find(By::Id("reason")).await.unwrap();
    reason.send_keys("고객 변심").await.unwrap();
    let button = browser.find(By::Css("#acts .danger")).await.unwrap();
    let chain = browser.action_chain();
    let chain = if twice {
        chain.double_click_element(&button)
    } else {
        chain.click_element(&button)
    };
    chain.perform().await.unwrap();
}

/// What stands beside a name.
fn fact(name: &str, text: &str) -> By {
    By::XPath(format!(
        "//*[@id='facts']//dt[.='{name}']/following-sibling::dd[1][.='{text}']"
    ))
}

/// What is left of the only sale, and how many times something was refunded, as KCP has it.
fn at_kcp(test_app: &TestApp) -> (u64, usize) {
    let books = test_app.books();
    let [sale] = books.as_slice() else {
        panic!("{books:?}");
    };
    let cancels = sale["cancels"].as_array().unwrap().len();
    (sale["remaining"].as_u64().unwrap(), cancels)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_is_given_back_part_by_part_until_nothing_is_left() {
    let test_app = TestApp::new().await;
    let browser = test_app.browser("ko").await;
    let sale = test_app.sale("C-1");
    let page = test_app.at(&format!("/payments/{}", sale["id"].as_str().unwrap()));
    browser.goto(&page).await.unwrap();
    // More than there is.
    give_back(&browser, "150001", false).await;
    let wrong = By::Css("#cancel-amount-note.error");
    let notice = test_app.until(&browser, wrong.clone()).await;
    assert_eq!(
        notice.text().await.unwrap(),
        "남은 금액보다 많습니다. 취소된 것은 없습니다."
    );
    assert_eq!(at_kcp(&test_app), (150_000, 0));
    // A part, with a double click.
    give_back(&browser, "50,000", true).await;
    test_app
        .until(&browser, fact("남은 금액", "100,000원"))
        .await;
    assert_eq!(at_kcp(&test_app), (100_000, 1));
    let hint = browser.find(By::Id("cancel-hint")).await.unwrap();
    let hint = hint.text().await.unwrap();
    assert!(hint.starts_with("남은 금액 100,000원."), "{hint}");
    // As much as there was at first is more than what is left now.
    give_back(&browser, "150000", false).await;
    test_app.until(&browser, wrong).await;
    let kept = browser.find(By::Id("cancel-amount")).await.unwrap();
    let kept = kept.prop("value").await.unwrap();
    assert_eq!(kept.as_deref(), Some("150,000"), "it stays to be mended");
    assert_eq!(at_kcp(&test_app), (100_000, 1));
    // Another part; the page of what became of it, once more, gives nothing back.
    give_back(&browser, "30000", false).await;
    test_app
        .until(&browser, fact("남은 금액", "70,000원"))
        .await;
    browser.refresh().await.unwrap();
    test_app
        .until(&browser, fact("남은 금액", "70,000원"))
        .await;
    assert_eq!(at_kcp(&test_app), (70_000, 2));
    // What stands in the form is all that is left.
    let reason = browser.find(By::Id("reason")).await.unwrap();
    reason.send_keys("나머지" + Key::Enter).await.unwrap();
    test_app.until(&browser, fact("남은 금액", "0원")).await;
    assert_eq!(at_kcp(&test_app), (0, 3));
    let said = browser.find(By::Css(".result h1")).await.unwrap();
    assert_eq!(said.text().await.unwrap(), "취소되었습니다");
    let form = browser.find_all(By::Css("#acts form")).await.unwrap();
    assert!(
        form.is_empty(),
        "nothing is left, and there is a form for it"
    );
    browser.quit().await.unwrap();
}

/// What a script says of the page.
async fn seen(browser: &WebDriver, script: &str) -> Value {
    let seen = browser.execute(format!("return {script}"), vec![]).await;
    seen.unwrap().json().clone()
}

/// A doubt at another shop, once the page that is open shows it.
async fn doubt_elsewhere(test_app: &TestApp, browser: &WebDriver, order_no: &str) -> Value {
    test_app.fault("lose_answer");
    let doubt = test_app.pay(order_no, &json!({ "shop": "no-lookup" }));
    let link = format!("#alarm a[href$='{}']", doubt["id"].as_str().unwrap());
    test_app.until(browser, By::Css(link)).await;
    doubt
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_typed_stays_whatever_happens_meanwhile_and_an_old_form_sends_nothing() {
    let test_app = TestApp::new().await;
    let browser = test_app.browser("ko").await;
    let sale = test_app.sale("C-1");
    let page = test_app.at(&format!("/payments/{}", sale["id"].as_str().unwrap()));
    browser.goto(&page).await.unwrap();
    let field = browser.find(By::Id("cancel-amount")).await.unwrap();
    let on_it = "document.querySelector('#acts .danger').innerText";
    assert_eq!(seen(&browser, on_it).await, "취소하기 150,000원");
    for (text, said) in [
        ("12x", "취소하기"),
        ("1.5", "취소하기"),
        ("", "취소하기 150,000원"),
    ] {
        field.send_keys(Key::Control + "a").await.unwrap();
        field.send_keys(Key::Delete + text).await.unwrap();
        assert_eq!(seen(&browser, on_it).await, said, "{text}");
    }
    field.send_keys("5000").await.unwrap();
    keys(&browser, "\tx\t").await;
    let form = "[document.activeElement.className, ...new FormData(document.querySelector('#acts form')).values()]";
    let typed = seen(&browser, form).await;
    assert_eq!(typed[0], "button danger", "the focus is on the button");
    assert_eq!(typed[3], "x", "{typed}");
    let button = browser.find(By::Css("#acts .danger")).await.unwrap();
    assert_eq!(typed[2], "5,000", "{typed}");
    assert_eq!(button.text().await.unwrap(), "취소하기 5,000원");
    // What appears above pushes the button to where something else was aimed at.
    let aimed = "(() => { new MutationObserver((_, watch) => { watch.disconnect(); const click = new MouseEvent('click', { bubbles: true, cancelable: true, detail: 1 });
        window.aimed = document.querySelector('#acts .danger').dispatchEvent(click); }).observe(document.getElementById('alarm'), { childList: true }); })()";
    seen(&browser, aimed).await;
    let doubt = doubt_elsewhere(&test_app, &browser, "C-2").await;
    assert_eq!(seen(&browser, form).await, typed);
    assert!(button.is_enabled().await.unwrap());
    assert_eq!(seen(&browser, "window.aimed").await, false);
    // Once the payment itself is another, nothing is sent from here.
    test_app.cancel(&sale, 1_000);
    let stale = By::Css("[data-stale]:not([hidden])");
    let said = test_app.until(&browser, stale.clone()).await;
    let said = said.text().await.unwrap();
    assert!(said.starts_with("이 결제가 바뀌었습니다."), "{said}");
    assert!(!button.is_enabled().await.unwrap());
    assert_eq!(
        seen(&browser, form).await.as_array().unwrap()[1..],
        typed.as_array().unwrap()[1..]
    );
    browser
        .find(By::Css("[data-stale] a"))
        .await
        .unwrap()
        .click()
        .await
        .unwrap();
    test_app
        .until(&browser, fact("남은 금액", "149,000원"))
        .await;
    let left = browser.find_all(stale).await.unwrap();
    assert!(left.is_empty(), "the page was made anew");

    // What was chosen about a doubt stays chosen.
    let page = test_app.at(&format!("/payments/{}", doubt["id"].as_str().unwrap()));
    browser.goto(&page).await.unwrap();
    let keep = test_app.until(&browser, By::Css("[value=keep]")).await;
    keep.click().await.unwrap();
    let close = browser.find(By::Css("form[action$='/close'] button"));
    close.await.unwrap().focus().await.unwrap();
    let typed = seen(&browser, form).await;
    doubt_elsewhere(&test_app, &browser, "C-3").await;
    assert_eq!(seen(&browser, form).await, typed);
    assert!(
        typed.as_array().unwrap().contains(&"keep".into()),
        "{typed}"
    );
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_of_wishes_stays_as_it_is_and_says_that_it_has_changed() {
    let test_app = TestApp::new().await;
    let browser = test_app.browser("en").await;
    browser.goto(test_app.at("/approvals")).await.unwrap();
    let ask = async |order_no: &str| {
        test_app.fault("lose_answer");
        test_app.pay(order_no, &json!({ "shop": "no-lookup" }))
    };
    let doubts = [ask("C-1").await, ask("C-2").await];
    let approval_request = async |doubt: &Value| {
        let page = test_app.at(&format!("/payments/{}", doubt["id"].as_str().unwrap()));
        browser.goto(&page).await.unwrap();
        for (field, text) in [("tno", "26000000000001"), ("note", "x")] {
            let field = test_app.until(&browser, By::Id(field)).await;
            field.send_keys(text).await.unwrap();
        }
        let close = browser.find(By::Css("form[action$='/close'] .button"));
        close.await.unwrap().click().await.unwrap();
        test_app
            .until(&browser, By::Css(".notice[role=alert]"))
            .await;
    };
    for doubt in &doubts {
        approval_request(doubt).await;
    }
    let list = browser.window().await.unwrap();
    browser.goto(test_app.at("/approvals")).await.unwrap();
    let rows = "[...document.querySelectorAll('#list form')].map((form) => form.action)";
    let before = seen(&browser, rows).await;
    assert_eq!(before.as_array().unwrap().len(), 2, "{before}");
    // In another window the older one is taken back.
    let other = browser.new_tab().await.unwrap();
    browser.switch_to_window(other).await.unwrap();
    browser.goto(test_app.at("/approvals")).await.unwrap();
    let back = browser.find(By::Css("#list [value=refuse]")).await.unwrap();
    back.click().await.unwrap();
    test_app
        .until(&browser, By::Css(".wish:only-of-type"))
        .await;
    browser.switch_to_window(list).await.unwrap();
    let said = test_app
        .until(&browser, By::Css("[data-stale]:not([hidden])"))
        .await;
    let said = said.text().await.unwrap();
    assert_eq!(said, "The list has changed. Reload");
    assert_eq!(seen(&browser, rows).await, before);
    browser.quit().await.unwrap();
}
