//! Whether the service knows how it is.

use sugi_api::Limits;

use crate::test_app::{Plan, TestApp};

#[tokio::test]
async fn it_says_what_readiness_rests_on() {
    let test_app = TestApp::new().await;
    let health = test_app.get("/healthz").await;
    assert_eq!((health.status, &health.json["status"]), (200, &"ok".into()));
    let ready = test_app.get("/readyz").await;
    assert_eq!(
        (ready.status, &ready.json["status"]),
        (200, &"ready".into())
    );
    assert_eq!(ready.json["ledger"], "working");
    let disk = &ready.json["disk"];
    assert!(disk["free_bytes"].as_u64() >= disk["min_bytes"].as_u64());
    let metrics = test_app.get("/metrics").await.text;
    assert!(metrics.contains("sugi_ledger_writer_working 1\n"));
    assert!(metrics.contains("sugi_ledger_disk_free_bytes "));
}

#[tokio::test]
async fn a_disk_without_room_is_not_ready_and_says_the_figure() {
    let limits = Limits {
        disk_free_bytes: u64::MAX,
        ..Limits::default()
    };
    let plan = Plan {
        limits,
        ..Plan::default()
    };
    let test_app = TestApp::with(plan).await;
    let answer = test_app.get("/readyz").await;
    answer.is_problem(503, "not_ready");
    let detail = answer.json["detail"].as_str().unwrap();
    assert!(detail.contains("disk_free_min_mb"), "{detail}");
    let readiness = &answer.json["readiness"];
    assert_eq!(readiness["status"], "not_ready");
    assert_eq!(readiness["ledger"], "working");
    assert_eq!(readiness["disk"]["min_bytes"], u64::MAX);
    assert!(readiness["disk"]["free_bytes"].is_u64());
    // Starting it again would not make room.
    assert_eq!(test_app.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_writer_that_has_ended_is_neither_ready_nor_alive() {
    let test_app = TestApp::new().await;
    test_app.approved("A-1").await;
    // The schema names a page that is not there, so the next write finds the file damaged.
    let db = rusqlite::Connection::open(test_app.dir.path().join("sugi.db")).unwrap();
    let version: i64 = db
        .query_row("pragma schema_version", [], |row| row.get(0))
        .unwrap();
    db.execute_batch(&format!(
        "pragma writable_schema = on; update sqlite_schema set rootpage = 99999999 where name = 'migration';
         pragma schema_version = {}",
        version + 1
    ))
    .unwrap();
    let refused = test_app.pay("A-2").await;
    // What the file holds of it is not known, so it is not said that nothing was sent.
    refused.is_problem(503, "outcome_unknown");
    assert_eq!(refused.json["money_may_have_moved"], true);
    let answer = test_app.get("/readyz").await;
    answer.is_problem(503, "not_ready");
    assert_eq!(answer.json["readiness"]["ledger"], "ended");
    test_app.get("/healthz").await.is_problem(503, "stopping");
    let why = test_app.engine.store().writer_ended().await;
    assert!(
        !answer.text.contains(&why),
        "the database's words are for the log"
    );
}
