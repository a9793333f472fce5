//! Closing a doubt by what a person has found out.

use jiff::SignedDuration;
use kcp_sandbox::{Fault, FaultKind, Operation};
use nhn_kcp::{Amount, CancelReason};
use sugi_access::SecondPerson;
use sugi_core::Status;
use sugi_engine::CancelAsk;
use sugi_store::AuditFilter;
use tokio::io::AsyncWriteExt as _;

use crate::{
    html,
    test_app::{HELD, MAX_WAIT, TestApp, alone, shop},
};

#[tokio::test]
async fn with_its_number_a_doubt_is_kept_or_reversed() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
    for (order, outcome, status, said, left) in [
        ("A-1", "keep", Status::Approved, "승인되었습니다", 1_004),
        ("A-2", "reverse", Status::Reversed, "승인을 되돌렸습니다", 0),
    ] {
        let doubt = test_app.in_doubt(order).await;
        let (key, tno) = (kim.form_key(&doubt).await, test_app.tno(order));
        let form = [
            ("key", &*key),
            ("found", "live"),
            ("tno", &*tno),
            ("outcome", outcome),
            ("note", "상점관리자에서 주문번호로 찾음"),
        ];
        let close = format!("{doubt}/close");
        kim.follow(&close, &form).await;
        assert_eq!(test_app.settled(&doubt).await.status(), status);
        let page = kim.page(&doubt).await;
        assert!(
            page.contains(said) && page.contains("상점관리자에서 주문번호로 찾음"),
            "{page}"
        );
        // Sent again it was done before.
        let again = kim.post(&close, &form).await;
        assert_eq!(again.header("location"), Some(&*doubt), "{again:?}");
        test_app.settled(&doubt).await;
        let books = test_app.sandbox.books_beginning(&format!("{order}-"));
        assert_eq!(books.transactions[0].remaining, left);
    }
}

#[tokio::test]
async fn what_is_not_so_closes_nothing() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
    test_app.approved("A-1", 1_004).await;
    let doubt = test_app.in_doubt("A-2").await;
    let (key, others) = (kim.form_key(&doubt).await, test_app.tno("A-1"));
    for (found, tno, note, said) in [
        ("live", &*others, "x", "KCP 조회로 확인되지 않습니다"),
        (
            "live",
            "20260101000001",
            "x",
            "KCP 조회로 확인되지 않습니다",
        ),
        ("live", "1", "x", "거래번호는 숫자 14자리입니다"),
        ("live", "", "x", "거래번호는 숫자 14자리입니다"),
        ("", "", "x", "거래번호는 숫자 14자리입니다"),
        ("absent", "", "x", "아직 이릅니다"),
        ("absent", "", "", "어디서 확인했는지"),
        ("absent", "", "4111111111111111", "어디서 확인했는지"),
    ] {
        let form = [
            ("key", &*key),
            ("found", found),
            ("tno", tno),
            ("outcome", "reverse"),
            ("note", note),
        ];
        let page = kim.follow(&format!("{doubt}/close"), &form).await;
        assert!(page.contains(said), "{found} {tno} {note}: {page}");
        assert_eq!(test_app.settled(&doubt).await.status(), Status::InDoubt);
    }
    assert_eq!(test_app.refunded("A-1"), [0; 0]);
    assert_eq!(test_app.refunded("A-2"), [0; 0]);
}

#[tokio::test]
async fn who_closes_the_browser_changes_nothing() {
    let test_app = TestApp::new().await;
    let kim = test_app.sign_in("kim").await;
    let doubt = test_app.in_doubt("A-1").await;
    let (key, tno) = (kim.form_key(&doubt).await, test_app.tno("A-1"));
    // The answer is held until whoever asked is gone.
    let delay = FaultKind::LateAnswer {
        delay_ms: HELD.as_secs() * 1_000,
        books_delay_ms: 0,
    };
    test_app.fault(delay, Operation::Inquire);
    let form = [
        ("key", &*key),
        ("tno", &*tno),
        ("outcome", "keep"),
        ("note", "x"),
    ];
    let request = kim.form(&format!("{doubt}/close"), &form);
    let before = test_app.sandbox.messages().len();
    let mut stream = tokio::net::TcpStream::connect(test_app.address)
        .await
        .unwrap();
    stream.write_all(&request.bytes()).await.unwrap();
    let asked = async {
        while test_app.sandbox.messages().len() == before {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(MAX_WAIT, asked).await.unwrap();
    drop(stream);
    let noticed = async {
        loop {
            test_app.access.flush().await;
            let rows = test_app
                .engine
                .store()
                .audit_entries(&AuditFilter::default())
                .await;
            if rows
                .unwrap()
                .iter()
                .any(|row| row.audit_entry.outcome == "hung up")
            {
                break;
            }
            // The service notices in its own time.
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(MAX_WAIT, noticed)
        .await
        .expect("nobody notices that they are gone");
    test_app.sandbox.advance(HELD);
    let id = doubt.strip_prefix("/payments/").unwrap().parse().unwrap();
    let closed = async {
        let store = test_app.engine.store();
        while store.load(&id).await.unwrap().unwrap().payment.status() == Status::InDoubt {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(MAX_WAIT, closed)
        .await
        .expect("nobody goes on with it");
    assert_eq!(test_app.settled(&doubt).await.status(), Status::Approved);
}

/// A part of 1,004 won that is cancelled at KCP, and of which no one hears: the answer is lost, and inquiries
/// tell nothing. Its page.
async fn held_up(test_app: &TestApp) -> String {
    let mut shop = shop("main", &test_app.sandbox);
    // What is on its way is over at once, so that no clock has to be moved.
    shop.policy.call_life = SignedDuration::ZERO;
    shop.policy.uncertainty_window = SignedDuration::ZERO;
    // It is tried again a few times at once, and then stands still for as long as the test takes.
    shop.policy.backoff = [0, 0, 0, 0, 24].map(SignedDuration::from_hours).into();
    test_app.engine.set_shops([shop]);
    let paid = test_app.approved("A-1", 1_004).await;
    test_app.fault(FaultKind::LoseAnswer, Operation::Cancel);
    let fails = Fault::new(FaultKind::Garbage).on(Operation::Inquire);
    test_app.sandbox.fault(fails.times(1_000)).unwrap();
    let id = paid.strip_prefix("/payments/").unwrap().parse().unwrap();
    let ask = CancelAsk {
        amount: Some(Amount::new(300).unwrap()),
        seen: None,
        tax: None,
        reason: CancelReason::parse("x").unwrap(),
        by: "kim".parse().unwrap(),
        key: None,
    };
    test_app.engine.cancel(&id, ask).await.unwrap();
    let held = async {
        loop {
            let book = test_app.engine.store().load(&id).await.unwrap().unwrap();
            if test_app.engine.may_attest_remaining(&book.payment).is_ok() {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(MAX_WAIT, held).await.unwrap();
    paid
}

#[tokio::test]
async fn what_is_left_is_stated_where_a_cancel_does_not_end() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
    let paid = held_up(&test_app).await;
    let close = format!("{paid}/close");
    let page = kim.page(&paid).await;
    assert!(
        page.contains("name=\"remaining\"") && page.contains("취소 결과 확정"),
        "{page}"
    );
    let faults = html::faults(&page);
    assert!(faults.is_empty(), "{faults:?}");
    let looker = test_app.sign_in("looker").await;
    assert!(!looker.page(&paid).await.contains("name=\"remaining\""));
    let key = kim.form_key(&paid).await;
    for (left, note, said) in [
        ("1,005", "상점관리자", "취소하기 전에 남아 있던 금액보다"),
        ("", "상점관리자", "남아 있는 금액을 숫자로"),
        ("-1", "상점관리자", "남아 있는 금액을 숫자로"),
        ("704", "", "어디서 확인했는지"),
    ] {
        let form = [
            ("key", &*key),
            ("found", "remaining"),
            ("remaining", left),
            ("note", note),
        ];
        let answer = kim.post(&close, &form).await;
        assert_eq!(answer.status, 422, "{left}: {answer:?}");
        assert!(answer.text.contains(said), "{left}: {answer:?}");
        assert!(html::faults(&answer.text).is_empty(), "{left}: {answer:?}");
    }
    let form = [
        ("key", &*key),
        ("found", "remaining"),
        ("remaining", "704"),
        ("note", "상점관리자"),
    ];
    for _ in 0..2 {
        let answer = kim.post(&close, &form).await;
        assert_eq!(answer.header("location"), Some(&*paid), "{answer:?}");
    }
    let page = kim.page(&paid).await;
    assert!(
        page.contains("300원") && page.contains("704원") && !page.contains("name=\"remaining\""),
        "{page}"
    );
    let id = paid["/payments/".len()..].parse().unwrap();
    let book = test_app.engine.store().load(&id).await.unwrap();
    let payment = book.unwrap().payment;
    assert_eq!(payment.cancelled_amount(), 300);
    // A cancel that ends by itself is stated by no one.
    let key = kim.form_key("/keyin").await;
    let form = [
        ("key", &*key),
        ("found", "remaining"),
        ("remaining", "704"),
        ("note", "x"),
    ];
    let page = kim.follow(&close, &form).await;
    assert!(page.contains("KCP의 답으로 끝났거나"), "{page}");
}

#[tokio::test]
async fn what_is_left_is_stated_by_two_where_closing_takes_two() {
    let test_app = TestApp::with(SecondPerson {
        close: true,
        ..alone()
    })
    .await;
    let (mut kim, mut lee) = (test_app.sign_in("kim").await, test_app.sign_in("lee").await);
    let paid = held_up(&test_app).await;
    let key = kim.form_key(&paid).await;
    let form = [
        ("key", &*key),
        ("found", "remaining"),
        ("remaining", "704"),
        ("note", "상점관리자"),
    ];
    for _ in 0..2 {
        kim.follow(&format!("{paid}/close"), &form).await;
    }
    let id = paid["/payments/".len()..].parse().unwrap();
    let cancelled = async || {
        let book = test_app.engine.store().load(&id).await.unwrap().unwrap();
        book.payment.cancelled_amount()
    };
    assert_eq!(cancelled().await, 0);
    let requests = test_app.access.open_approval_requests().await.unwrap();
    assert_eq!(requests.len(), 1);
    let page = lee.page("/approvals").await;
    assert!(
        page.contains("KCP에 남은 금액 704원") && page.contains("상점관리자"),
        "{page}"
    );
    let decide = format!("/approvals/{}", requests[0].id);
    let own = kim.post(&decide, &[("decision", "confirm")]).await;
    assert_eq!(own.status, 409, "{own:?}");
    assert_eq!(cancelled().await, 0);
    lee.follow(&decide, &[("decision", "confirm")]).await;
    assert_eq!(cancelled().await, 300);
}
