//! The service on a disk that fails: `strace` makes the system refuse what the program asks for.

use std::process::Command;

use serde_json::Value;

use crate::{
    CARD, Desk,
    serve::{Service, key},
    until,
};

/// `sugi serve` whose calls of one kind fail: from or between which, counted by thread.
fn refusing(call: &str, error: &str, when: &str) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null"]);
    strace.args(["-e", &format!("trace={call}")]);
    strace.args(["-e", &format!("inject={call}:error={error}:when={when}")]);
    strace.arg(env!("CARGO_BIN_EXE_sugi"));
    strace
}

/// Pays until a payment is not answered as it should be; how many were.
fn pay_until_it_fails(service: &Service, key: &str) -> usize {
    let mut paid = 0;
    until("a write that fails", || {
        let answer = service.try_pay(key, &format!("A-{paid}"), CARD);
        let good = answer.is_some_and(|(status, _)| status == 201);
        paid += usize::from(good);
        !good
    });
    paid
}

/// Every order that KCP charged stands in the ledger, and nothing else does.
fn ledger_equals_books(desk: &Desk, service: &Service, key: &str) {
    until("everything settled", || {
        let open = ["in_doubt", "reversing", "approving", "requested"];
        let open = open.map(|state| format!("state={state}")).join("&");
        service.list_of(key, &open)["payments"]
            .as_array()
            .is_some_and(Vec::is_empty)
    });
    let approved = service.list_of(key, "state=approved&limit=100");
    let approved = approved["payments"].as_array().unwrap().iter();
    let mut ledger: Vec<String> = approved
        .map(|payment| payment["kcp_order_no"].as_str().unwrap().to_owned())
        .collect();
    let books = desk.sandbox.books().transactions.into_iter();
    let mut books: Vec<String> = books
        .filter(|transaction| transaction.remaining > 0)
        .map(|transaction| transaction.ordr_idxx)
        .collect();
    ledger.sort();
    books.sort();
    assert_eq!(ledger, books, "left the ledger, right the books");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_fails_ends_the_process_and_the_next_one_settles_everything() {
    let desk = Desk::new().await;
    let key = key(&desk);
    // The ledger is made while the disk is good.
    desk.pay("Z-1", "1004");
    let mut service = Service::run(refusing("fsync,fdatasync", "EIO", "6+"), &desk);
    pay_until_it_fails(&service, &key);
    // No one tells it to. A supervisor starts it again by its exit code.
    until("it ends by itself", || {
        service.process.try_wait().unwrap().is_some()
    });
    let code = service.process.wait().unwrap().code();
    assert_eq!(code, Some(75), "{}", service.said());
    assert!(service.said().contains("the ledger's writer has ended"));

    let again = Service::start(&desk);
    ledger_equals_books(&desk, &again, &key);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_not_ready_until_there_is_room_again() {
    let desk = Desk::new().await;
    let key = key(&desk);
    // The ledger is made while the disk is good.
    desk.pay("Z-1", "1004");
    let mut service = Service::run(refusing("pwrite64", "ENOSPC", "24..28"), &desk);
    // Each question is a try to write, and the answer is as good as the disk.
    let mut told = Value::Null;
    until("the disk is full", || {
        let (status, answer) = service.get("/readyz");
        told = answer;
        status == 503
    });
    assert_eq!(told["code"], "not_ready");
    assert_eq!(told["readiness"]["ledger"], "failing");
    assert_eq!(service.get("/healthz").0, 200);
    until("there is room again", || service.get("/readyz").0 == 200);
    let (status, _) = service.pay(&key, "B-1", CARD);
    assert_eq!(status, 201);
    ledger_equals_books(&desk, &service, &key);
    assert!(service.process.try_wait().unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_free_space_to_keep_is_configured() {
    let desk = Desk::new().await;
    let service = Service::start_with(&desk, &[("SUGI_DISK_FREE_MIN_MB", "4000000000")]);
    let (status, told) = service.get("/readyz");
    assert_eq!((status, &told["code"]), (503, &Value::from("not_ready")));
    assert_eq!(
        told["readiness"]["disk"]["min_bytes"],
        4_000_000_000_000_000_u64
    );
}
