//! Closing a doubt by what a person has found out.

use kcp_sandbox::{FaultKind, Operation};
use sugi_core::Status;
use sugi_store::AuditFilter;
use tokio::io::AsyncWriteExt as _;

use crate::test_app::{HELD, MAX_WAIT, TestApp};

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
