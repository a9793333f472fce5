//! What takes two people.

use jiff::SignedDuration;
use sugi_access::{ApprovalRequestState, Decision, SecondPerson};
use sugi_core::{Actor, Status};

use crate::{
    browser::Browser,
    test_app::{TestApp, alone, shop},
};

/// A house where cancelling more than a hundred won takes two, and closing does.
async fn test_app() -> TestApp {
    TestApp::with(SecondPerson {
        cancel_above: Some(100),
        close: true,
        ..alone()
    })
    .await
}

/// Asks for a cancel that takes two.
async fn ask(browser: &mut Browser, paid: &str, amount: &str) {
    let key = browser.form_key(paid).await;
    let form = [("key", &*key), ("amount", amount), ("reason", "고객 변심")];
    let page = browser.follow(&format!("{paid}/cancel"), &form).await;
    assert!(page.contains("다른 담당자의 확인을 기다립니다"), "{page}");
}

/// The approval requests that wait, the oldest first; each the address that decides about it.
pub(crate) async fn open(test_app: &TestApp) -> Vec<String> {
    let open = test_app.access.open_approval_requests().await.unwrap();
    open.iter()
        .map(|approval_request| format!("/approvals/{}", approval_request.id))
        .collect()
}

pub(crate) async fn state(test_app: &TestApp, approval_request: &str) -> ApprovalRequestState {
    let id = approval_request.strip_prefix("/approvals/").unwrap();
    test_app
        .access
        .approval_request_of(id)
        .await
        .unwrap()
        .unwrap()
        .state
}

const CONFIRM: [(&str, &str); 1] = [("decision", "confirm")];
const REFUSE: [(&str, &str); 1] = [("decision", "refuse")];
const AGAIN: [(&str, &str); 1] = [("decision", "again")];

#[tokio::test]
async fn what_one_asks_for_another_confirms_and_then_it_happens() {
    let test_app = test_app().await;
    let (mut kim, mut lee) = (test_app.sign_in("kim").await, test_app.sign_in("lee").await);
    let paid = test_app.approved("A-1", 1_004).await;
    ask(&mut kim, &paid, "400").await;
    test_app.settled(&paid).await;
    assert_eq!(test_app.refunded("A-1"), [0; 0], "nobody confirmed it");
    // Later readers of the payment are told, until it is decided.
    let waits = "확인을 기다리는 요청이 있습니다";
    assert!(lee.page(&paid).await.contains(waits));
    let other = test_app.approved("A-2", 1_004).await;
    assert!(
        !lee.page(&other).await.contains(waits),
        "it is about another"
    );
    let approval_request = open(&test_app).await.remove(0);
    let page = lee.page("/approvals").await;
    for text in [
        "400원 취소",
        "고객 변심",
        "kim",
        "주문 A-1",
        &paid,
        &approval_request,
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let page = lee.follow(&approval_request, &CONFIRM).await;
    assert!(page.contains("A-1"), "it leads to the payment");
    let payment = test_app.settled(&paid).await;
    assert_eq!(payment.cancelled_amount(), 400);
    assert!(
        matches!(state(&test_app, &approval_request).await, ApprovalRequestState::Done { by, .. } if by.as_str() == "lee")
    );
    // It is told in the name of who asked.
    let page = lee.page(&paid).await;
    assert!(
        page.contains("kim 담당자가 400원 취소를 요청했습니다"),
        "{page}"
    );
    assert!(!page.contains(waits), "it was decided: {page}");
    assert!(
        lee.page("/approvals")
            .await
            .contains("기다리는 요청이 없습니다")
    );
}

#[tokio::test]
async fn a_wish_is_carried_out_once_however_often_it_is_confirmed() {
    let test_app = test_app().await;
    let (mut kim, mut lee) = (test_app.sign_in("kim").await, test_app.sign_in("lee").await);
    let paid = test_app.approved("A-1", 1_004).await;
    ask(&mut kim, &paid, "400").await;
    let approval_request = open(&test_app).await.remove(0);
    let confirm = || lee.form(&approval_request, &CONFIRM).send();
    let both = tokio::join!(confirm(), confirm(), confirm());
    let statuses = [both.0.status, both.1.status, both.2.status];
    assert!(statuses.contains(&303), "{statuses:?}");
    for again in [CONFIRM, AGAIN] {
        lee.post(&approval_request, &again).await;
    }
    test_app.settled(&paid).await;
    assert_eq!(test_app.refunded("A-1"), [400]);
}

#[tokio::test]
async fn a_form_that_is_sent_again_is_one_wish() {
    let test_app = test_app().await;
    let (mut kim, mut lee) = (test_app.sign_in("kim").await, test_app.sign_in("lee").await);
    let paid = test_app.approved("A-1", 1_004).await;
    let key = kim.form_key(&paid).await;
    let cancel = format!("{paid}/cancel");
    let form = [("key", &*key), ("amount", "400"), ("reason", "x")];
    let both = tokio::join!(
        kim.form(&cancel, &form).send(),
        kim.form(&cancel, &form).send()
    );
    let said = Some(format!("{paid}?said=requested"));
    for answer in [both.0, both.1, kim.post(&cancel, &form).await] {
        assert_eq!(
            answer.header("location").map(Into::into),
            said,
            "{answer:?}"
        );
    }
    let other = [("key", &*key), ("amount", "401"), ("reason", "x")];
    let page = kim.follow(&cancel, &other).await;
    assert!(page.contains("이미 요청한 것과 다릅니다"), "{page}");
    let approval_requests = open(&test_app).await;
    assert_eq!(approval_requests.len(), 1);
    lee.follow(&approval_requests[0], &CONFIRM).await;
    // What it asked for is done; the form asks for nothing more.
    let page = kim.follow(&cancel, &form).await;
    assert!(!page.contains("확인을 기다립니다"), "{page}");
    assert_eq!(open(&test_app).await.len(), 0);
    test_app.settled(&paid).await;
    assert_eq!(test_app.refunded("A-1"), [400]);
}

#[tokio::test]
async fn what_a_crash_left_undone_is_carried_out_from_the_page() {
    let test_app = test_app().await;
    let (mut kim, mut lee) = (test_app.sign_in("kim").await, test_app.sign_in("lee").await);
    let paid = test_app.approved("A-1", 1_004).await;
    ask(&mut kim, &paid, "400").await;
    let approval_request = open(&test_app).await.remove(0);
    // A process that ended between the decision and the audit entry.
    let name: Actor = "lee".parse().unwrap();
    let operator = test_app.access.operator(&name).await.unwrap().unwrap();
    let id = approval_request.strip_prefix("/approvals/").unwrap();
    test_app
        .access
        .decide(id, &operator, Decision::Confirm)
        .await
        .unwrap();
    let page = lee.page("/approvals").await;
    assert!(
        page.contains("아직 실행되지 않았습니다") && page.contains("value=\"again\""),
        "{page}"
    );
    lee.follow(&approval_request, &AGAIN).await;
    test_app.settled(&paid).await;
    assert_eq!(test_app.refunded("A-1"), [400]);
    assert!(matches!(
        state(&test_app, &approval_request).await,
        ApprovalRequestState::Done { .. }
    ));
}

#[tokio::test]
async fn nobody_confirms_what_they_asked_for_or_may_not_do() {
    let test_app = test_app().await;
    let mut people = Vec::new();
    for name in ["kim", "small", "looker", "other"] {
        people.push(test_app.sign_in(name).await);
    }
    let [mut kim, mut small, mut looker, mut other] =
        people.try_into().unwrap_or_else(|_| panic!());
    let paid = test_app.approved("A-1", 1_004).await;
    ask(&mut kim, &paid, "1004").await;
    let approval_request = open(&test_app).await.remove(0);
    assert!(!kim.page("/approvals").await.contains("value=\"confirm\""));
    for (browser, status, said) in [
        (&mut kim, 409, "본인이 요청한 것은 확인할 수 없습니다"),
        (&mut small, 409, "한도를 넘는"),
        (&mut looker, 409, "권한이 없습니다"),
        (&mut other, 404, "찾을 수 없습니다"),
    ] {
        for decision in [CONFIRM, AGAIN] {
            let answer = browser.post(&approval_request, &decision).await;
            if decision == CONFIRM {
                assert_eq!(answer.status, status, "{said}: {answer:?}");
                assert!(answer.text.contains(said), "{said}: {answer:?}");
            }
            assert_eq!(
                state(&test_app, &approval_request).await,
                ApprovalRequestState::Open,
                "{said}"
            );
        }
    }
    // Not even seen, where the shop is not theirs.
    assert!(!other.page("/approvals").await.contains("A-1"));
    assert_eq!(other.post("/approvals/wish_0", &CONFIRM).await.status, 404);
    test_app.settled(&paid).await;
    assert_eq!(test_app.refunded("A-1"), [0; 0]);
}

#[tokio::test]
async fn what_is_refused_taken_back_or_too_old_does_not_happen() {
    let test_app = test_app().await;
    let (mut kim, mut lee) = (test_app.sign_in("kim").await, test_app.sign_in("lee").await);
    let paid = test_app.approved("A-1", 1_004).await;
    for (amount, by_lee) in [("401", true), ("402", false)] {
        ask(&mut kim, &paid, amount).await;
        let approval_request = open(&test_app).await.remove(0);
        let browser = if by_lee { &mut lee } else { &mut kim };
        browser.follow(&approval_request, &REFUSE).await;
        let answer = lee.post(&approval_request, &CONFIRM).await;
        assert_eq!(answer.status, 409, "{answer:?}");
        assert!(answer.text.contains("이미 처리된 요청입니다"), "{answer:?}");
    }
    ask(&mut kim, &paid, "403").await;
    let approval_request = open(&test_app).await.remove(0);
    test_app.clock.advance(SignedDuration::from_hours(24));
    let mut lee = test_app.sign_in("lee").await;
    let answer = lee.post(&approval_request, &CONFIRM).await;
    assert_eq!(answer.status, 409, "{answer:?}");
    assert!(answer.text.contains("하루가 지나"), "{answer:?}");
    test_app.settled(&paid).await;
    assert_eq!(test_app.refunded("A-1"), [0; 0]);
}

#[tokio::test]
async fn what_has_become_impossible_ends_and_says_why() {
    let test_app = test_app().await;
    let (mut kim, mut lee) = (test_app.sign_in("kim").await, test_app.sign_in("lee").await);
    let paid = test_app.approved("A-1", 1_004).await;
    ask(&mut kim, &paid, "1000").await;
    let approval_requests = open(&test_app).await;
    test_app.cancel(&paid, 1_000).await;
    let page = lee.follow(&approval_requests[0], &CONFIRM).await;
    assert!(page.contains("남은 금액보다 많습니다"), "{page}");
    assert!(
        matches!(state(&test_app, &approval_requests[0]).await, ApprovalRequestState::Done { outcome, .. } if outcome == "refused")
    );
    test_app.settled(&paid).await;
    assert_eq!(test_app.refunded("A-1"), [1_000]);
}

#[tokio::test]
async fn what_stands_in_the_way_for_a_while_does_not_end_a_wish() {
    let test_app = test_app().await;
    let (mut kim, mut lee) = (test_app.sign_in("kim").await, test_app.sign_in("lee").await);
    let paid = test_app.approved("A-1", 1_004).await;
    ask(&mut kim, &paid, "1000").await;
    let approval_request = open(&test_app).await.remove(0);
    // Its shop is taken out of the configuration, and comes back.
    test_app.engine.set_shops([]);
    let page = lee.follow(&approval_request, &CONFIRM).await;
    assert!(page.contains("상점이 설정에 없습니다"), "{page}");
    assert!(matches!(
        state(&test_app, &approval_request).await,
        ApprovalRequestState::Confirmed { .. }
    ));
    test_app.engine.set_shops([shop("main", &test_app.sandbox)]);
    lee.follow(&approval_request, &AGAIN).await;
    test_app.settled(&paid).await;
    assert_eq!(test_app.refunded("A-1"), [1_000]);
    assert!(
        matches!(state(&test_app, &approval_request).await, ApprovalRequestState::Done { outcome, .. } if outcome == "done")
    );
}

#[tokio::test]
async fn a_doubt_is_closed_by_two() {
    let test_app = test_app().await;
    let (mut kim, mut lee) = (test_app.sign_in("kim").await, test_app.sign_in("lee").await);
    let doubt = test_app.in_doubt("A-1").await;
    let (key, tno) = (kim.form_key(&doubt).await, test_app.tno("A-1"));
    let form = [
        ("key", &*key),
        ("tno", &*tno),
        ("outcome", "keep"),
        ("note", "카드 문자"),
    ];
    kim.follow(&format!("{doubt}/close"), &form).await;
    kim.follow(&format!("{doubt}/close"), &form).await;
    assert_eq!(test_app.settled(&doubt).await.status(), Status::InDoubt);
    let approval_requests = open(&test_app).await;
    assert_eq!(approval_requests.len(), 1);
    let page = lee.page("/approvals").await;
    assert!(
        page.contains(&tno) && page.contains("승인 유지") && page.contains("카드 문자"),
        "{page}"
    );
    lee.follow(&approval_requests[0], &CONFIRM).await;
    assert_eq!(test_app.settled(&doubt).await.status(), Status::Approved);
    assert!(matches!(
        state(&test_app, &approval_requests[0]).await,
        ApprovalRequestState::Done { .. }
    ));
}
