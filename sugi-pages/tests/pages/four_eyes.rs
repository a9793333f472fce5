//! Ways around the second person, and that there are none.

use kcp_sandbox::{FaultKind, Operation};
use sugi_access::{AccessError, ApprovalRequestState, Operator, Role, SecondPerson};
use sugi_core::Actor;

use crate::{
    approval_requests::{open, state},
    browser::Browser,
    test_app::{TestApp, alone},
};

/// A house where one person alone gives back so much of a payment.
async fn test_app(alone_up_to: u64) -> TestApp {
    TestApp::with(SecondPerson {
        cancel_above: Some(alone_up_to),
        ..alone()
    })
    .await
}

const CONFIRM: [(&str, &str); 1] = [("decision", "confirm")];
const REFUSE: [(&str, &str); 1] = [("decision", "refuse")];

/// A form as a page that was just loaded has it.
fn cancel<'a>(key: &'a str, amount: &'a str) -> [(&'a str, &'a str); 3] {
    [("key", key), ("amount", amount), ("reason", "x")]
}

/// Asks on a page that was just loaded; where that leads.
async fn ask(browser: &mut Browser, paid: &str, amount: &str) -> String {
    let key = browser.form_key(paid).await;
    let answer = browser
        .post(&format!("{paid}/cancel"), &cancel(&key, amount))
        .await;
    assert_eq!(answer.status, 303, "{answer:?}");
    answer.header("location").unwrap().to_owned()
}

/// Changes an operator, as an administrator does.
async fn change(test_app: &TestApp, name: &str, how: impl Fn(&mut Operator)) {
    let name: Actor = name.parse().unwrap();
    let changed = test_app.access.change_operator(&name, |operator| {
        how(operator);
        Ok::<_, AccessError>(())
    });
    changed.await.unwrap();
}

#[tokio::test]
async fn what_was_given_back_of_it_before_counts() {
    let test_app = test_app(40_000).await;
    let (mut kim, mut lee) = (test_app.sign_in("kim").await, test_app.sign_in("lee").await);
    let paid = test_app.approved("A-1", 150_000).await;
    let page = kim.page(&paid).await;
    assert!(page.contains("이미 취소한 금액과 합해 40,000원"), "{page}");
    let key = kim.form_key(&paid).await;
    let (path, form) = (format!("{paid}/cancel"), cancel(&key, "40000"));
    kim.follow(&path, &form).await;
    assert_eq!(test_app.refunded("A-1"), [40_000]);
    // Who it was does not matter, nor how little it is.
    for (by_kim, amount) in [(true, "1"), (false, "40000"), (false, "")] {
        let browser = if by_kim { &mut kim } else { &mut lee };
        let to = ask(browser, &paid, amount).await;
        assert_eq!(to, format!("{paid}?said=requested"), "{amount}");
        let approval_request = open(&test_app).await.remove(0);
        browser.follow(&approval_request, &REFUSE).await;
    }
    // Sent again, the form is what was done before and no approval request.
    let again = kim.post(&path, &form).await;
    assert_eq!(again.header("location"), Some(&*paid), "{again:?}");
    test_app.settled(&paid).await;
    assert_eq!(test_app.refunded("A-1"), [40_000]);
    ask(&mut kim, &paid, "40000").await;
    let approval_request = open(&test_app).await.remove(0);
    lee.follow(&approval_request, &CONFIRM).await;
    assert_eq!(test_app.refunded("A-1"), [40_000, 40_000]);
}

#[tokio::test]
async fn of_one_payment_one_cancel_waits_at_a_time() {
    let test_app = test_app(100).await;
    let (mut kim, mut lee) = (test_app.sign_in("kim").await, test_app.sign_in("lee").await);
    let paid = test_app.approved("A-1", 1_004).await;
    let keys = [kim.form_key(&paid).await, kim.form_key(&paid).await];
    let path = format!("{paid}/cancel");
    let forms = [cancel(&keys[0], "500"), cancel(&keys[1], "500")];
    let both = tokio::join!(
        kim.form(&path, &forms[0]).send(),
        kim.form(&path, &forms[1]).send()
    );
    let mut said = [both.0, both.1].map(|answer| {
        let to = answer.header("location").map(str::to_owned);
        (answer.status, to)
    });
    said.sort();
    let wished = Some(format!("{paid}?said=requested"));
    assert_eq!(said, [(303, wished), (409, None)]);
    let approval_request = open(&test_app).await;
    assert_eq!(approval_request.len(), 1);
    // Another's is another one too.
    let key = lee.form_key(&paid).await;
    for (lang, sentence) in [
        ("ko", "취소 요청이 이미 있습니다"),
        ("en", "waits for a second person already"),
    ] {
        let form = cancel(&key, "");
        let page = lee.clone().in_lang(lang).follow(&path, &form).await;
        assert!(page.contains(sentence), "{page}");
    }
    lee.follow(&approval_request[0], &CONFIRM).await;
    assert_eq!(test_app.refunded("A-1"), [500]);
    // Then the next can be asked for, and taken back, and asked for again.
    for _ in 0..2 {
        let to = ask(&mut kim, &paid, "504").await;
        assert_eq!(to, format!("{paid}?said=requested"));
        let approval_request = open(&test_app).await.remove(0);
        kim.follow(&approval_request, &REFUSE).await;
    }
    test_app.settled(&paid).await;
    assert_eq!(test_app.refunded("A-1"), [500]);
}

/// What became of someone, in words that are looked for in both languages.
type Change = (fn(&mut Operator), &'static str, &'static str);

#[tokio::test]
async fn who_asked_must_still_be_able_to_when_it_is_confirmed() {
    let test_app = test_app(100).await;
    let (mut kim, mut lee) = (test_app.sign_in("kim").await, test_app.sign_in("lee").await);
    let paid = test_app.approved("A-1", 1_004).await;
    let changes: [Change; 5] = [
        (
            |kim| kim.active = false,
            "사용이 중지되었습니다",
            "may not work here any more",
        ),
        (
            |kim| kim.roles.retain(|role| *role != Role::Cancel),
            "이 일의 권한이 없습니다",
            "does not have the role",
        ),
        (
            |kim| kim.shops = ["other".parse().unwrap()].into(),
            "이 상점을 쓸 수 없습니다",
            "may not use this shop",
        ),
        (
            |kim| kim.amount_max = Some(899),
            "지금 한도를 넘는",
            "above the limit",
        ),
        (|_| {}, "", ""),
    ];
    ask(&mut kim, &paid, "900").await;
    let approval_request = open(&test_app).await.remove(0);
    for (how, ko, en) in changes {
        change(&test_app, "kim", how).await;
        if !ko.is_empty() {
            for (lang, sentence) in [("ko", ko), ("en", en)] {
                let answer = lee
                    .clone()
                    .in_lang(lang)
                    .post(&approval_request, &CONFIRM)
                    .await;
                assert_eq!(answer.status, 409, "{answer:?}");
                assert!(answer.text.contains(sentence), "{sentence}: {answer:?}");
            }
            assert_eq!(
                state(&test_app, &approval_request).await,
                ApprovalRequestState::Open
            );
            test_app.settled(&paid).await;
            assert_eq!(test_app.refunded("A-1"), [0; 0]);
        }
        change(&test_app, "kim", |kim| {
            kim.active = true;
            kim.roles.insert(Role::Cancel);
            kim.shops = sugi_core::Shops::All;
            kim.amount_max = None;
        })
        .await;
    }
    lee.follow(&approval_request, &CONFIRM).await;
    assert_eq!(test_app.refunded("A-1"), [900]);
}

#[tokio::test]
async fn what_was_confirmed_and_not_carried_out_ends_when_its_asker_is_gone() {
    let test_app = test_app(100).await;
    let (mut kim, mut lee) = (test_app.sign_in("kim").await, test_app.sign_in("lee").await);
    let paid = test_app.approved("A-1", 1_004).await;
    ask(&mut kim, &paid, "900").await;
    let approval_request = open(&test_app).await.remove(0);
    let operator = test_app.access.operator(&"lee".parse().unwrap()).await;
    let id = approval_request.strip_prefix("/approvals/").unwrap();
    let confirm = sugi_access::Decision::Confirm;
    let operator = operator.unwrap().unwrap();
    test_app
        .access
        .decide(id, &operator, confirm)
        .await
        .unwrap();
    change(&test_app, "kim", |kim| kim.active = false).await;
    let answer = lee.post(&approval_request, &[("decision", "again")]).await;
    assert_eq!(answer.status, 409, "{answer:?}");
    let ended = state(&test_app, &approval_request).await;
    assert!(
        matches!(&ended, ApprovalRequestState::Done { outcome, .. } if outcome == "refused"),
        "{ended:?}"
    );
    test_app.settled(&paid).await;
    assert_eq!(test_app.refunded("A-1"), [0; 0]);
}

#[tokio::test]
async fn a_limit_is_compared_with_what_would_be_refunded_and_holds_nobody_from_saying_no() {
    let test_app = test_app(100).await;
    let (mut small, mut kim) = (
        test_app.sign_in("small").await,
        test_app.sign_in("kim").await,
    );
    let paid = test_app.approved("A-1", 1_000).await;
    test_app.cancel(&paid, 600).await;
    // With what was refunded before it is a thousand, which is their limit.
    for decision in [REFUSE, CONFIRM] {
        assert!(ask(&mut small, &paid, "").await.ends_with("requested"));
        let approval_request = open(&test_app).await.remove(0);
        if decision == CONFIRM {
            kim.follow(&approval_request, &decision).await;
            continue;
        }
        let answer = small.post(&approval_request, &decision).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        assert!(matches!(
            state(&test_app, &approval_request).await,
            ApprovalRequestState::Refused { .. }
        ));
    }
    assert_eq!(test_app.refunded("A-1"), [600, 400]);
    // What is above it they refuse, and do not confirm.
    let paid = test_app.approved("A-2", 1_600).await;
    ask(&mut kim, &paid, "").await;
    let approval_request = open(&test_app).await.remove(0);
    assert_eq!(small.post(&approval_request, &CONFIRM).await.status, 409);
    assert_eq!(small.post(&approval_request, &REFUSE).await.status, 303);
    test_app.settled(&paid).await;
    assert_eq!(test_app.refunded("A-2"), [0; 0]);
}

#[tokio::test]
async fn whoever_confirms_sees_how_it_ended() {
    let test_app = test_app(100).await;
    let (mut kim, mut lee) = (test_app.sign_in("kim").await, test_app.sign_in("lee").await);
    let paid = test_app.approved("A-1", 1_004).await;
    ask(&mut kim, &paid, "1004").await;
    let delay = FaultKind::LateAnswer {
        delay_ms: 300,
        books_delay_ms: 0,
    };
    test_app.fault(delay, Operation::Cancel);
    let approval_request = open(&test_app).await.remove(0);
    let page = lee.follow(&approval_request, &CONFIRM).await;
    assert!(
        page.contains("전액 취소되었습니다") && !page.contains("승인되었습니다</h1>"),
        "{page}"
    );
}

#[tokio::test]
async fn the_list_is_not_made_anew_under_the_pointer() {
    let test_app = test_app(100).await;
    let (mut kim, mut lee) = (test_app.sign_in("kim").await, test_app.sign_in("lee").await);
    let list = async |browser: &Browser| {
        let page = browser.page("/approvals").await;
        let (_, list) = page.split_once("<div id=\"list\" data-steady=\"").unwrap();
        let (version, rest) = list.split_once('"').unwrap();
        assert!(!rest.starts_with(" data-live"));
        version.to_owned()
    };
    let none = list(&lee).await;
    let paid = test_app.approved("A-1", 1_004).await;
    ask(&mut kim, &paid, "900").await;
    let one = list(&lee).await;
    assert_ne!(one, none);
    // It says the same as long as it is the same, however old the approval request has become.
    test_app.clock.advance(jiff::SignedDuration::from_mins(3));
    assert_eq!(list(&lee).await, one);
    for (lang, sentence) in [
        ("ko", "목록이 바뀌었습니다"),
        ("en", "The list has changed"),
    ] {
        let page = lee.clone().in_lang(lang).page("/approvals").await;
        let (_, note) = page.split_once("data-stale hidden>").unwrap();
        assert!(note.starts_with(sentence), "{note}");
    }
    let approval_request = open(&test_app).await.remove(0);
    lee.follow(&approval_request, &REFUSE).await;
    assert_eq!(list(&lee).await, none);
}

#[tokio::test]
async fn a_second_person_widens_no_limit_per_payment() {
    let test_app = test_app(100).await;
    let (mut kim, mut small) = (
        test_app.sign_in("kim").await,
        test_app.sign_in("small").await,
    );
    let paid = test_app.approved("A-1", 3_000).await;
    test_app.cancel(&paid, 600).await;
    // Neither do they ask for more than their limit, with what was refunded before,
    let key = small.form_key(&paid).await;
    let answer = small
        .post(&format!("{paid}/cancel"), &cancel(&key, "401"))
        .await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(open(&test_app).await.is_empty(), "nothing waits");
    // nor do they confirm it.
    ask(&mut kim, &paid, "401").await;
    let request = open(&test_app).await.remove(0);
    let answer = small.post(&request, &CONFIRM).await;
    assert_eq!(answer.status, 409, "{answer:?}");
    assert_eq!(state(&test_app, &request).await, ApprovalRequestState::Open);
    small.follow(&request, &REFUSE).await;
    ask(&mut small, &paid, "400").await;
    let request = open(&test_app).await.remove(0);
    kim.follow(&request, &CONFIRM).await;
    test_app.settled(&paid).await;
    assert_eq!(test_app.refunded("A-1"), [600, 400]);
}

#[tokio::test]
async fn what_one_operator_looks_at_is_not_decided_in_anothers_name() {
    let test_app = test_app(100).await;
    let (mut kim, lee) = (test_app.sign_in("kim").await, test_app.sign_in("lee").await);
    let paid = test_app.approved("A-1", 3_000).await;
    ask(&mut kim, &paid, "400").await;
    let request = open(&test_app).await.remove(0);
    let mut same = lee.of("kim");
    for decision in [CONFIRM, REFUSE] {
        let answer = same.post(&request, &decision).await;
        assert_eq!(answer.status, 409, "{answer:?}");
    }
    assert_eq!(state(&test_app, &request).await, ApprovalRequestState::Open);
    test_app.settled(&paid).await;
    assert_eq!(test_app.refunded("A-1"), [0; 0]);
}

#[tokio::test]
async fn requests_of_other_shops_are_not_counted() {
    let test_app = test_app(100).await;
    let (mut kim, other) = (
        test_app.sign_in("kim").await,
        test_app.sign_in("other").await,
    );
    let paid = test_app.approved("A-1", 3_000).await;
    ask(&mut kim, &paid, "400").await;
    for path in ["/day", "/payments", "/approvals"] {
        let count = "<span class=\"count\">1</span>";
        assert!(kim.page(path).await.contains(count), "{path}");
        let page = other.page(path).await;
        assert!(!page.contains("class=\"count\""), "{path}: {page}");
    }
    let waiting = "기다리는 요청이 1건";
    assert!(kim.page("/day").await.contains(waiting));
    assert!(!other.page("/day").await.contains(waiting));
}
