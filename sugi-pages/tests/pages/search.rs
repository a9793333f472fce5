//! The list of payments and its search box.

use serde_json::{Value, json};
use sugi_store::AuditFilter;

use crate::{browser::Browser, test_app::TestApp};

/// Percent-encoded, for an address.
fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test]
async fn whatever_a_caller_can_name_finds_the_payment() {
    let test_app = TestApp::new().await;
    let kim = test_app.sign_in("kim").await;
    let paid = test_app.approved("A-1", 1_004).await;
    let elsewhere = json!({
        "buyer": { "name": "김철수", "phone": "01099998888" },
        "card": { "number": kcp_sandbox::magic_card(99, "CC61").unwrap(), "expiry": "2030-12" },
    });
    test_app.pay("B-2", 2_000, elsewhere).await;
    let payment = test_app.settled(&paid).await;
    let approval = payment.approval().unwrap();
    let app_no = approval.app_no.as_deref().unwrap();
    for typed in [
        "A-1",
        " A-1 ",
        "홍길동",
        "01012345678",
        "010-1234-5678",
        "010 1234 5678",
        "1111",
        approval.tno.as_str(),
        payment.request.order.order_no.as_str(),
        app_no,
    ] {
        let page = kim.page(&format!("/payments?q={}", encoded(typed))).await;
        assert!(
            page.contains(">A-1</a>") && !page.contains(">B-2</a>"),
            "{typed}: {page}"
        );
    }
    // Its own name leads to it.
    let answer = kim.get(&format!("/payments?q={}", payment.id)).await;
    assert_eq!(answer.header("location"), Some(&*paid));
    for (query, orders) in [
        ("state=approved", [true, false]),
        ("state=declined", [false, true]),
        ("state=declined&q=A-1", [false, false]),
        ("shop=main", [true, true]),
        ("shop=other", [false, false]),
        ("from=2020-01-01&until=2099-12-31", [true, true]),
        ("until=2020-01-01", [false, false]),
        ("from=2020-01-01&q=B-2", [false, true]),
        ("q=A", [true, false]),
        ("q=-1", [false, false]),
        ("state=nonsense&before=nonsense", [true, true]),
    ] {
        let page = kim.page(&format!("/payments?{query}")).await;
        let found = [">A-1</a>", ">B-2</a>"].map(|order| page.contains(order));
        assert_eq!(found, orders, "{query}: {page}");
    }
    let page = kim.page("/payments?from=yesterday").await;
    assert!(
        page.contains("role=\"alert\"") && !page.contains(">A-1</a>"),
        "{page}"
    );
}

#[tokio::test]
async fn a_card_number_in_the_address_goes_no_further() {
    let test_app = TestApp::new().await;
    let kim = test_app.sign_in("kim").await;
    test_app.approved("A-1", 1_004).await;
    let shows_it = |text: &str| {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        digits.contains("41111111")
    };
    for typed in [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "４１１１１１１１１１１１１１１１",
        "41111111 11111111",
    ] {
        let query = encoded(typed);
        let answer = kim
            .get(&format!("/payments?state=approved&q={query}"))
            .await;
        let to = answer.header("location").unwrap_or_default();
        assert_eq!(
            (answer.status, to),
            (303, "/payments?q=1111&state=approved")
        );
        assert!(!shows_it(&answer.text), "{answer:?}");
        assert!(kim.page(to).await.contains(">A-1</a>"));
        // Other pages have their own address in them, to come back to.
        let page = kim.page(&format!("/day?q={query}")).await;
        assert!(!page.contains(&query) && !shows_it(&page), "{page}");
        // So has signing in.
        let nobody = Browser::new(test_app.address);
        let answer = nobody.get(&format!("/payments?q={query}")).await;
        assert_eq!(answer.header("location"), Some("/sign-in"), "{typed}");
        let next = encoded(&format!("/payments?q={query}"));
        let page = nobody.page(&format!("/sign-in?next={next}")).await;
        assert!(!page.contains(&query) && !shows_it(&page), "{page}");
    }
}

#[tokio::test]
async fn a_beginning_finds_what_goes_on_from_it() {
    let test_app = TestApp::new().await;
    let kim = test_app.sign_in("kim").await;
    let sale = async |order: &str, name: &str| {
        let buyer = json!({ "buyer": { "name": name } });
        assert_eq!(test_app.pay(order, 1_004, buyer).await.status, 201);
    };
    sale("A-10", "홍길동").await;
    sale("A-2", "홍길순").await;
    sale("B-1", "홍길동").await;
    for n in 0..30 {
        sale(&format!("C-{n}"), &format!("김{n}")).await;
    }
    sale("C", "김").await;
    let shown = async |typed: &str| {
        let page = kim.page(&format!("/payments?q={}", encoded(typed))).await;
        let orders: Vec<_> = page
            .split("<td data-label=\"주문번호\">")
            .skip(1)
            .map(|cell| {
                let (_, name) = cell.split_once('>').unwrap();
                name.split('<').next().unwrap().to_owned()
            })
            .collect();
        (orders, page.contains("더 입력하십시오"))
    };
    for (typed, orders, too_many) in [
        ("A-", vec!["A-2", "A-10"], false),
        ("A-1", vec!["A-10"], false),
        ("홍", vec!["B-1", "A-2", "A-10"], false),
        ("홍길동", vec!["B-1", "A-10"], false),
        ("길동", vec![], false),
        ("%", vec![], false),
        ("C-29", vec!["C-29"], false),
        // What is named whole is found among too many.
        ("C", vec!["C"], true),
        ("김", vec!["C"], true),
        ("C-", vec![], true),
    ] {
        let expected: Vec<_> = orders.into_iter().map(str::to_owned).collect();
        assert_eq!(shown(typed).await, (expected, too_many), "{typed}");
    }
}

#[tokio::test]
async fn what_is_older_is_a_page_further() {
    let test_app = TestApp::new().await;
    let kim = test_app.sign_in("kim").await;
    let pay = async |n: u32| test_app.pay(&format!("A-{n}"), 1_004, Value::Null).await;
    for n in 1..=53 {
        assert_eq!(pay(n).await.status, 201);
    }
    for query in ["", "&q=1111", "&state=approved"] {
        let first = kim.page(&format!("/payments?{query}")).await;
        assert!(
            first.contains(">A-53</a>") && first.contains(">A-4</a>"),
            "{query}"
        );
        assert!(!first.contains(">A-3</a>"), "{query}");
        let (_, link) = first
            .split_once("<a class=\"button\" href=\"/payments?")
            .unwrap();
        // The address as a browser reads it.
        let link = link.split('"').next().unwrap().replace("&#38;", "&");
        let second = kim.page(&format!("/payments?{link}")).await;
        for n in 1..=3 {
            assert!(second.contains(&format!(">A-{n}</a>")), "{query}: {second}");
        }
        assert!(
            !second.contains(">A-4</a>") && !second.contains("rel=\"next\""),
            "{query}"
        );
    }
}

#[tokio::test]
async fn that_a_list_was_seen_is_in_the_audit() {
    let test_app = TestApp::new().await;
    test_app.sign_in("kim").await.page("/payments").await;
    test_app.access.flush().await;
    let audit_entries = AuditFilter {
        actor: Some("operator:kim".into()),
        subject: Some("payments".into()),
        ..AuditFilter::default()
    };
    let audit_entries = test_app
        .engine
        .store()
        .audit_entries(&audit_entries)
        .await
        .unwrap();
    assert_eq!(audit_entries.len(), 1, "{audit_entries:?}");
}
