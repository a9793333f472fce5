//! What an operator does after a sale: give it back in parts, find it again, change the language.

use thirtyfour::{Key, prelude::*};

use crate::house::{House, keys};

/// Types into a field anew.
async fn fill(browser: &WebDriver, id: &str, text: &str) {
    let field = browser.find(By::Id(id)).await.unwrap();
    field.clear().await.unwrap();
    field.send_keys(text).await.unwrap();
}

async fn cancel(browser: &WebDriver, amount: &str) {
    fill(browser, "cancel-amount", amount).await;
    fill(browser, "reason", "고객 변심").await;
    let go = browser.find(By::Css("button.danger")).await.unwrap();
    go.click().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_is_given_back_in_parts_until_nothing_is_left() {
    let house = House::new().await;
    let paid = house.sale("P-1");
    let browser = house.browser("ko").await;
    let page = format!("/payments/{}", paid["id"].as_str().unwrap());
    browser.goto(house.at(&page)).await.unwrap();
    let left = async || {
        let field = house.until(&browser, By::Id("cancel-amount")).await;
        field.attr("value").await.unwrap().unwrap()
    };
    assert_eq!(left().await, "150000", "all of it stands there");
    cancel(&browser, "50,000").await;
    house
        .until(&browser, By::Css("#cancel-amount[value='100000']"))
        .await;
    // More than what is left gives nothing back.
    cancel(&browser, "100,001").await;
    let notice = house.until(&browser, By::Css("[role=alert].notice")).await;
    assert!(
        notice
            .text()
            .await
            .unwrap()
            .contains("남은 금액보다 많습니다")
    );
    assert_eq!(left().await, "100000");
    cancel(&browser, "30000").await;
    house
        .until(&browser, By::Css("#cancel-amount[value='70000']"))
        .await;
    // What stands there is the rest.
    fill(&browser, "reason", "고객 변심").await;
    let go = browser.find(By::Css("button.danger")).await.unwrap();
    go.click().await.unwrap();
    let wanted = "//h1[contains(., '취소되었습니다')]";
    house.until(&browser, By::XPath(wanted)).await;
    assert!(
        browser.find(By::Id("cancel-amount")).await.is_err(),
        "nothing is left"
    );
    let books = house.books();
    let sold = books.iter().find(|one| one["ordr_idxx"] == "P-1").unwrap();
    assert_eq!(sold["cancelled"], 150_000);
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_found_by_whatever_the_caller_knows() {
    let house = House::new().await;
    let paid = house.sale("P-77");
    house.sale("P-78");
    let browser = house.browser("ko").await;
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let link = format!("a[href='/payments/{}']", text(&paid["id"]));
    let enter = char::from(Key::Enter);
    browser.goto(house.at("/payments")).await.unwrap();
    // The box has the focus when the page opens, and later a slash goes to it: no mouse.
    for (known, at_once) in [
        ("P-77".to_owned(), true),
        ("홍길동".into(), false),
        ("010-0000-0000".into(), false),
        ("1111".into(), false),
        (text(&paid["approval"]["app_no"]), true),
        (text(&paid["tno"]), true),
    ] {
        let field = browser.active_element().await.unwrap();
        if field.id().await.unwrap().as_deref() != Some("q") {
            keys(&browser, "/").await;
        }
        keys(&browser, &format!("{known}{enter}")).await;
        let of_it = format!("input[id=q][value='{known}']");
        house.until(&browser, By::Css(&*of_it)).await;
        house.until(&browser, By::Css(&*link)).await;
        let all = By::Css("main a[href^='/payments/pay_']");
        let all = browser.find_all(all).await.unwrap();
        assert!(!at_once || all.len() == 1, "{known}: {}", all.len());
    }
    keys(&browser, &format!("/nothing{enter}")).await;
    house
        .until(&browser, By::Css("input[id=q][value=nothing]"))
        .await;
    assert!(browser.find(By::Css(&*link)).await.is_err());
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_language_is_changed_by_a_click_and_kept() {
    let house = House::new().await;
    let browser = house.browser("ko").await;
    let lang = async || {
        let html = browser.find(By::Css("html")).await.unwrap();
        html.attr("lang").await.unwrap().unwrap()
    };
    browser.goto(house.at("/day")).await.unwrap();
    assert_eq!(lang().await, "ko");
    for (click, then, title) in [("en", "en", "The day"), ("ko", "ko", "일 마감")] {
        let button = format!("button.plain[lang={click}]");
        browser
            .find(By::Css(&*button))
            .await
            .unwrap()
            .click()
            .await
            .unwrap();
        let html = format!("html[lang={then}]");
        house.until(&browser, By::Css(&*html)).await;
        // The same page, and all others.
        let heading = browser
            .find(By::Css("h1"))
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert!(heading.contains(title), "{heading}");
        browser.goto(house.at("/keyin")).await.unwrap();
        assert_eq!(lang().await, then);
        browser.goto(house.at("/day")).await.unwrap();
    }
    browser.quit().await.unwrap();
}
