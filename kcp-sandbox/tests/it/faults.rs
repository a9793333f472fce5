//! Every fault: what the caller sees, and what the books hold.

use std::time::Duration;

use kcp_sandbox::{CutAt, Fault, FaultKind, Operation, Sandbox};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::{APPROVE, Answer, CANCEL, INQUIRE, JSON, Shop, exchange, post};

/// Sends the example payment and gives what comes back.
async fn pay(shop: &Shop<'_>, order: &str) -> std::io::Result<Option<Answer>> {
    let body = serde_json::Value::from(shop.payment(order)).to_string();
    exchange(shop.sandbox.url(), &post(APPROVE, &[JSON], body.as_bytes())).await
}

async fn answered(shop: &Shop<'_>, order: &str) -> Answer {
    pay(shop, order).await.unwrap().expect("an answer")
}

fn arm(sandbox: &Sandbox, kind: FaultKind) {
    sandbox.fault(Fault::new(kind)).unwrap();
}

/// The payments of an order in the books.
fn booked(sandbox: &Sandbox, order: &str) -> Vec<(u64, u64)> {
    sandbox
        .books_of(order)
        .transactions
        .iter()
        .map(|t| (t.amount, t.cancelled))
        .collect()
}

#[tokio::test]
async fn a_lost_request_leaves_the_books_and_a_lost_answer_does_not() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    arm(&sandbox, FaultKind::LoseRequest);
    assert!(pay(&shop, "A").await.unwrap().is_none(), "not a byte");
    assert_eq!(booked(&sandbox, "A"), []);
    arm(&sandbox, FaultKind::LoseAnswer);
    assert!(pay(&shop, "B").await.unwrap().is_none(), "not a byte");
    assert_eq!(booked(&sandbox, "B"), [(1004, 0)]);
    assert_eq!(sandbox.faults(), []);
    assert_eq!(answered(&shop, "C").await.json()["res_cd"], "0000");
    let faults: Vec<_> = sandbox.messages().into_iter().map(|m| m.fault).collect();
    assert_eq!(
        faults,
        [
            Some("lose_request".to_owned()),
            Some("lose_answer".to_owned()),
            None
        ]
    );
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    arm(&sandbox, FaultKind::Reset);
    let error = pay(&shop, "A").await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(booked(&sandbox, "A"), [(1004, 0)]);
    sandbox
        .fault(Fault::new(FaultKind::Reset).after_books(false))
        .unwrap();
    assert!(pay(&shop, "B").await.is_err());
    assert_eq!(booked(&sandbox, "B"), []);
}

#[tokio::test]
async fn a_cut_body_promises_more_than_it_brings() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let cut = async |at, order| {
        arm(&sandbox, FaultKind::CutBody { at });
        let answer = answered(&shop, order).await;
        assert!(!answer.complete, "{answer:?}");
        assert_eq!(answer.status, 200);
        let tno = sandbox.books_of(order).transactions[0].tno.clone();
        (answer.text(), tno)
    };
    let (text, tno) = cut(CutAt::AfterTno, "A").await;
    assert!(text.ends_with(&format!("\"tno\":\"{tno}\"")), "{text}");
    let (text, tno) = cut(CutAt::BeforeTno, "B").await;
    assert!(
        text.ends_with("\"tno\":\"") && !text.contains(&tno),
        "{text}"
    );
    let (text, _) = cut(CutAt::Byte(7), "C").await;
    assert_eq!(text.len(), 7);
    let (text, _) = cut(CutAt::Byte(0), "D").await;
    assert_eq!(text, "");
    let (text, _) = cut(CutAt::Byte(1_000_000), "E").await;
    assert!(!text.ends_with('}'), "the last byte is always missing");
}

#[tokio::test]
async fn answers_can_be_wrong_in_what_they_say() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);

    arm(&sandbox, FaultKind::Garbage);
    assert!(serde_json::from_slice::<serde_json::Value>(&answered(&shop, "A").await.body).is_err());
    assert_eq!(booked(&sandbox, "A"), [(1004, 0)]);

    arm(
        &sandbox,
        FaultKind::WrongAmount {
            amount: None,
            books_too: false,
        },
    );
    let reply = answered(&shop, "B").await.json();
    assert_eq!(
        (&reply["res_cd"], &reply["amount"]),
        (&json!("0000"), &json!("1005"))
    );
    assert_eq!(booked(&sandbox, "B"), [(1004, 0)]);

    arm(
        &sandbox,
        FaultKind::WrongAmount {
            amount: Some(10_040),
            books_too: true,
        },
    );
    assert_eq!(answered(&shop, "C").await.json()["amount"], "10040");
    assert_eq!(booked(&sandbox, "C"), [(10_040, 0)]);

    arm(&sandbox, FaultKind::NoTno);
    let text = answered(&shop, "D").await.text();
    assert!(text.contains("\"res_cd\":\"0000\""));
    assert!(
        !text.contains(&sandbox.books_of("D").transactions[0].tno),
        "{text}"
    );

    arm(&sandbox, FaultKind::WrongTno);
    let reply = answered(&shop, "E").await.json();
    let tno = reply["tno"].as_str().unwrap();
    assert_eq!(tno.len(), 14);
    assert!(sandbox.books().by_tno(tno).is_none());

    let tno = sandbox.books_beginning("E").transactions[0].tno.clone();
    arm(&sandbox, FaultKind::OthersTno { tno: tno.clone() });
    assert_eq!(answered(&shop, "E2").await.json()["tno"], *tno);
    assert_ne!(sandbox.books_of("E2").transactions[0].tno, tno);

    arm(&sandbox, FaultKind::DuplicateKeys);
    let text = answered(&shop, "F").await.text();
    assert_eq!(text.matches("\"amount\":").count(), 2);
    assert_eq!(text.matches("\"tno\":").count(), 2);

    arm(&sandbox, FaultKind::EucKr);
    let body = answered(&shop, "G").await.body;
    assert!(std::str::from_utf8(&body).is_err());
    assert!(
        body.windows(8)
            .any(|w| w == [0xc1, 0xa4, 0xbb, 0xf3, 0xc3, 0xb3, 0xb8, 0xae])
    );

    arm(&sandbox, FaultKind::CutLetter { field: None });
    let body = answered(&shop, "G-1").await.body;
    let has = |part: &[u8]| body.windows(part.len()).any(|w| w == part);
    assert!(has(
        b"\"res_msg\":\"\xec\xa0\x95\xec\x83\x81\xec\xb2\x98\xec\xb2\""
    ));
    assert!(has(b"\"res_cd\":\"0000\"") && std::str::from_utf8(&body).is_err());

    let field = Some("tno".to_owned());
    arm(&sandbox, FaultKind::RawLineEnd { field });
    let body = answered(&shop, "G-2").await.body;
    let tno = sandbox.books_of("G-2").transactions[0].tno.clone();
    let text = String::from_utf8(body).unwrap();
    assert!(text.contains(&format!("\"tno\":\"{tno}\r\n\"")));
    assert_eq!(text.matches("\r\n").count(), 1, "the one field alone");

    arm(&sandbox, FaultKind::Bom);
    assert!(
        answered(&shop, "H")
            .await
            .body
            .starts_with(b"\xef\xbb\xbf{")
    );

    arm(&sandbox, FaultKind::EmptyBody);
    let answer = answered(&shop, "I").await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));

    arm(&sandbox, FaultKind::HugeBody { bytes: 3_000_000 });
    let answer = answered(&shop, "J").await;
    assert!(answer.complete && answer.body.len() > 3_000_000);
    assert_eq!(answer.json()["res_cd"], "0000");

    for order in ["D", "E", "F", "G", "H", "I", "J"] {
        assert_eq!(booked(&sandbox, order), [(1004, 0)], "{order}");
    }
}

#[tokio::test]
async fn http_errors_and_redirects() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    arm(&sandbox, FaultKind::Http500 { status: 500 });
    assert_eq!(answered(&shop, "A").await.status, 500);
    assert_eq!(booked(&sandbox, "A"), [(1004, 0)]);
    sandbox
        .fault(Fault::new(FaultKind::Http500 { status: 503 }).after_books(false))
        .unwrap();
    assert_eq!(answered(&shop, "B").await.status, 503);
    assert_eq!(booked(&sandbox, "B"), []);
    arm(&sandbox, FaultKind::Redirect);
    let answer = answered(&shop, "C").await;
    assert_eq!(answer.status, 307);
    assert!(
        answer.head.contains(&format!("location: {APPROVE}")),
        "{answer:?}"
    );
    assert_eq!(booked(&sandbox, "C"), [(1004, 0)]);
}

#[tokio::test]
async fn a_refusal_can_hide_a_charge() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let refuse = || {
        Fault::new(FaultKind::Refuse {
            res_cd: "8041".to_owned(),
        })
    };
    sandbox.fault(refuse()).unwrap();
    assert_eq!(answered(&shop, "A").await.json()["res_cd"], "8041");
    assert_eq!(booked(&sandbox, "A"), []);
    assert_eq!(sandbox.books().declined[0].res_cd, "8041");
    sandbox.fault(refuse().after_books(true)).unwrap();
    let reply = answered(&shop, "B").await.json();
    assert_eq!(
        (&reply["res_cd"], &reply["tno"]),
        (&json!("8041"), &json!(null))
    );
    assert_eq!(booked(&sandbox, "B"), [(1004, 0)]);
}

#[tokio::test]
async fn a_request_can_be_processed_twice() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    arm(&sandbox, FaultKind::ProcessTwice);
    let reply = answered(&shop, "A").await.json();
    assert_eq!(booked(&sandbox, "A"), [(1004, 0), (1004, 0)]);
    assert_eq!(reply["tno"], sandbox.books_of("A").transactions[1].tno);
}

#[tokio::test]
async fn a_duplicate_answer_lies_in_wait_for_the_next_request() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    arm(&sandbox, FaultKind::DuplicateAnswer);
    let answer = answered(&shop, "A").await;
    assert_eq!(answer.json()["res_cd"], "0000");
    let extra = String::from_utf8(answer.extra).unwrap();
    assert!(extra.starts_with("HTTP/1.1 200 OK\r\n"), "{extra}");
    assert!(extra.ends_with(&String::from_utf8(answer.body).unwrap()));
    assert_eq!(booked(&sandbox, "A"), [(1004, 0)]);
}

#[tokio::test]
async fn a_drip_arrives_in_pieces_and_whole() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    arm(&sandbox, FaultKind::SlowDrip { interval_ms: 1 });
    let body = serde_json::Value::from(shop.payment("A")).to_string();
    let address = sandbox.url().strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream
        .write_all(&post(APPROVE, &[JSON], body.as_bytes()))
        .await
        .unwrap();
    let (mut pieces, mut all) = (0, Vec::new());
    loop {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.unwrap();
        if read == 0 {
            break;
        }
        pieces += 1;
        all.extend_from_slice(&buffer[..read]);
    }
    assert!(pieces > 50, "{pieces} pieces");
    let text = String::from_utf8(all).unwrap();
    assert!(text.ends_with('}') && text.contains("\"res_cd\":\"0000\""));
}

#[tokio::test]
async fn a_late_answer_waits_for_the_clock_and_the_books_may_wait_too() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let hour = 3_600_000;
    // The books change at once, the answer an hour later.
    arm(
        &sandbox,
        FaultKind::LateAnswer {
            delay_ms: hour,
            books_delay_ms: 0,
        },
    );
    let late = answered(&shop, "A");
    tokio::pin!(late);
    pending(&mut late, || booked(&sandbox, "A").len() == 1).await;
    sandbox.advance(Duration::from_millis(hour));
    assert_eq!(late.await.json()["res_cd"], "0000");

    // The caller hangs up; the approval lands an hour later all the same.
    arm(
        &sandbox,
        FaultKind::LateAnswer {
            delay_ms: hour,
            books_delay_ms: hour,
        },
    );
    {
        let late = answered(&shop, "B");
        tokio::pin!(late);
        pending(&mut late, || sandbox.faults().is_empty()).await;
    }
    assert_eq!(booked(&sandbox, "B"), []);
    sandbox.advance(Duration::from_millis(hour));
    until(|| booked(&sandbox, "B").len() == 1).await;
    let transaction = &sandbox.books_of("B").transactions[0];
    assert!(transaction.approved_at > transaction.order_seen_at);

    // After a reset nothing from before lands.
    arm(
        &sandbox,
        FaultKind::LateAnswer {
            delay_ms: hour,
            books_delay_ms: hour,
        },
    );
    {
        let late = answered(&shop, "C");
        tokio::pin!(late);
        pending(&mut late, || sandbox.faults().is_empty()).await;
    }
    sandbox.reset();
    sandbox.advance(Duration::from_millis(3 * hour));
    assert_eq!(shop.approved("D").await.len(), 14);
    assert_eq!(booked(&sandbox, "C"), []);
}

/// Drives `future`, which must not finish, until `seen`.
async fn pending<F: Future<Output: std::fmt::Debug> + Unpin>(
    future: &mut F,
    seen: impl Fn() -> bool,
) {
    tokio::select! {
        answer = future => panic!("too early: {answer:?}"),
        () = until(seen) => {}
    }
}

async fn until(seen: impl Fn() -> bool) {
    let wait = async {
        while !seen() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), wait)
        .await
        .expect("seen within a minute");
}

#[tokio::test]
async fn faults_wait_for_their_operation_and_their_order() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let lose = |on| Fault::new(FaultKind::LoseAnswer).on(on);
    sandbox
        .fault(lose(Operation::Approve).order("B").times(2))
        .unwrap();
    sandbox.fault(lose(Operation::Cancel).order("A")).unwrap();
    let tno = shop.approved("A").await;
    assert!(pay(&shop, "B").await.unwrap().is_none());
    assert_eq!(sandbox.faults()[0].times, 1);
    assert!(pay(&shop, "B").await.unwrap().is_none());
    assert_eq!(shop.approved("B").await.len(), 14);
    // The cancel names only the tno; the books know whose it is.
    let other = shop.approved("C").await;
    assert_eq!(shop.cancel(&other).await["res_cd"], "0000");
    let body = serde_json::Value::from(shop.cancel_fields(&tno, "STSC", json!({}))).to_string();
    let lost = exchange(sandbox.url(), &post(CANCEL, &[JSON], body.as_bytes()))
        .await
        .unwrap();
    assert!(lost.is_none());
    assert_eq!(booked(&sandbox, "A"), [(1004, 1004)]);

    sandbox
        .fault(lose(Operation::Inquire).tno(tno.clone()))
        .unwrap();
    assert_eq!(shop.inquire(&other).await["res_cd"], "0000");
    let body = serde_json::Value::from(shop.inquiry_fields(&tno, json!({}))).to_string();
    let lost = exchange(sandbox.url(), &post(INQUIRE, &[JSON], body.as_bytes()))
        .await
        .unwrap();
    assert!(lost.is_none());
    assert_eq!(sandbox.faults(), []);
}

#[tokio::test]
async fn a_cancel_can_be_answered_without_being_done() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let tno = shop.approved("A").await;
    let fault = Fault::new(FaultKind::Bom)
        .on(Operation::Cancel)
        .after_books(false);
    sandbox.fault(fault).unwrap();
    let body = serde_json::Value::from(shop.cancel_fields(&tno, "STSC", json!({}))).to_string();
    let answer = exchange(sandbox.url(), &post(CANCEL, &[JSON], body.as_bytes()))
        .await
        .unwrap()
        .unwrap();
    assert!(answer.text().contains("\"res_cd\":\"0000\""));
    assert_eq!(booked(&sandbox, "A"), [(1004, 0)]);
}

#[tokio::test]
async fn a_header_asks_for_one_fault() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    let body = serde_json::Value::from(shop.payment("A")).to_string();
    let header = ("x-sandbox-fault", "cut_body; at=5");
    let request = post(APPROVE, &[JSON, header], body.as_bytes());
    let answer = exchange(sandbox.url(), &request).await.unwrap().unwrap();
    assert_eq!(answer.text().len(), 5);
    assert_eq!(booked(&sandbox, "A"), [(1004, 0)]);
}

#[tokio::test]
async fn a_seed_replays() {
    let run = async |seed| {
        let sandbox = Sandbox::start().await.unwrap();
        let shop = Shop::of(&sandbox);
        arm(
            &sandbox,
            FaultKind::Random {
                seed,
                probability: 0.5,
            },
        );
        let mut seen = Vec::new();
        for n in 0..40 {
            let order = format!("A-{n}");
            // What comes back does not matter here; some of it is nothing at all.
            let _ = pay(&shop, &order).await;
            let fault = sandbox.messages().last().and_then(|m| m.fault.clone());
            seen.push((fault, booked(&sandbox, &order)));
        }
        seen
    };
    let first = run(7).await;
    assert_eq!(first, run(7).await);
    assert_ne!(first, run(8).await);
    assert!(first.iter().any(|(fault, _)| fault.is_some()));
    assert!(first.iter().any(|(fault, _)| fault.is_none()));
}

#[tokio::test]
async fn latency_holds_an_answer_up() {
    let sandbox = Sandbox::start().await.unwrap();
    let shop = Shop::of(&sandbox);
    sandbox.set(|s| s.latency_ms = 30);
    let started = tokio::time::Instant::now();
    answered(&shop, "A").await;
    assert!(started.elapsed() >= Duration::from_millis(30));
}
