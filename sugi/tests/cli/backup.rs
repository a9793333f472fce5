//! A backup is whole, although the service writes; what is put back from it moves no money before a person says so.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Output,
    sync::atomic::{AtomicUsize, Ordering},
};

use kcp_sandbox::{Fault, FaultKind, Operation};
use serde_json::Value;

use crate::{
    CARD, Desk, failure, run,
    serve::{Service, key},
    sugi, until,
};

impl Desk {
    fn place(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The same desk over another ledger.
    fn on(&self, ledger: &str, args: &[&str]) -> Output {
        let mut command = sugi();
        let command = command.args(args).env("SUGI_CONFIG", self.config());
        run(command.env("SUGI_DATA", ledger), CARD)
    }

    fn backup(&self, name: &str) -> Value {
        self.json(&["backup", text(&self.place(name)), "--json"], "")
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn value(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_back_is_read_and_moves_no_money_before_the_time_since_was_checked() {
    let desk = Desk::new().await;
    let first = desk.pay("A-1", "1004")["id"].as_str().unwrap().to_owned();
    desk.pay("A-2", "1004");
    let made = desk.backup("copy");
    assert_eq!(made["payments"], 2);
    let copy = desk.place("copy");
    assert_eq!(mode(&copy), 0o700);
    for name in ["sugi.db", "sugi.end"] {
        assert_eq!(mode(&copy.join(name)), 0o600, "{name}");
    }
    // Paid after the backup: what is put back does not know it.
    desk.pay("A-3", "1004");
    let (why, code) = failure(&desk.sugi(&["backup", text(&copy)], ""));
    assert_eq!(code, 2, "{why}");
    let (why, code) = failure(&desk.sugi(&["restore", text(&copy)], ""));
    assert_eq!(code, 2, "a ledger was overwritten: {why}");

    let restored = desk.on("again", &["restore", text(&copy), "--json"]);
    assert_eq!(value(&restored)["knows_until"], made["knows_until"]);
    let asked = desk.sandbox.messages().len();
    let sale = |order| ["pay", "--order", order, "--amount", "1004", "--json"];
    let cancel = ["cancel", first.as_str(), "--reason", "x"];
    for args in [&sale("A-3")[..], &cancel, &["serve"]] {
        let (why, code) = failure(&desk.on("again", args));
        assert_ne!(code, 0, "{args:?}");
        assert!(why.contains("restore --release"), "{args:?}: {why}");
    }
    assert_eq!(desk.sandbox.messages().len(), asked, "KCP was asked");
    let listed = desk.on("again", &["list", "--json"]).stdout;
    assert_eq!(String::from_utf8(listed).unwrap().lines().count(), 2);
    assert!(desk.on("again", &["verify"]).status.success());

    let (_, code) = failure(&desk.on("again", &["restore", "--release"]));
    assert_eq!(code, 2, "a hold ends with a reason");
    let release = [
        "restore",
        "--release",
        "--note",
        "kim looked at the partner site",
    ];
    assert!(desk.on("again", &release).status.success());
    let audit = desk.on("again", &["audit", "--json"]).stdout;
    let audit = String::from_utf8(audit).unwrap();
    assert!(audit.contains("restore release: kim looked"), "{audit}");
    let paid = value(&desk.on("again", &sale("A-4")));
    assert_eq!(paid["state"], "approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_beside_a_service_holds_all_that_was_answered_before() {
    let desk = Desk::new().await;
    let key = key(&desk);
    let service = Service::start(&desk);
    let answered = AtomicUsize::new(0);
    let (before, made) = std::thread::scope(|scope| {
        let (service, key, answered) = (&service, &key, &answered);
        scope.spawn(move || {
            for n in 0..60 {
                assert_eq!(service.pay(key, &format!("A-{n}"), CARD).0, 201);
                answered.fetch_add(1, Ordering::SeqCst);
            }
        });
        until("some are paid", || answered.load(Ordering::SeqCst) >= 10);
        let before = answered.load(Ordering::SeqCst);
        (before, desk.backup("copy"))
    });
    let payments = usize::try_from(made["payments"].as_u64().unwrap()).unwrap();
    assert!((before..=60).contains(&payments), "{before}: {made}");
    let copy = desk.place("copy");
    let proved = desk.sugi(&["restore", text(&copy), "--verify", "--json"], "");
    assert_eq!(value(&proved)["outcome"], "holds");
    assert!(!copy.join("sugi.hold").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_that_were_under_way_are_named_before_they_are_settled() {
    let desk = Desk::new().await;
    for operation in [Operation::Approve, Operation::Inquire, Operation::Cancel] {
        let lost = Fault::new(FaultKind::LoseAnswer).on(operation);
        desk.sandbox.fault(lost.times(1_000)).unwrap();
    }
    let pay = ["pay", "--order", "A-1", "--amount", "1004", "--wait", "0"];
    assert_eq!(failure(&desk.sugi(&pay, CARD)).1, 4);
    desk.backup("copy");
    desk.on("again", &["restore", text(&desk.place("copy"))]);
    let release = ["restore", "--release", "--note", "looked"];
    let (why, code) = failure(&desk.on("again", &release));
    assert_eq!(code, 2);
    assert!(why.contains("1 payment(s) were under way"), "{why}");
    let release = [&release[..], &["--settle-unfinished"]].concat();
    assert!(desk.on("again", &release).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_was_changed_or_torn_is_not_put_back() {
    let desk = Desk::new().await;
    desk.pay("A-1", "1004");
    desk.backup("copy");
    let database = desk.place("copy").join("sugi.db");
    let whole = std::fs::read(&database).unwrap();
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    for bytes in [&changed[..], &whole[..whole.len() - 4_096]] {
        std::fs::write(&database, bytes).unwrap();
        for args in [&["--verify"][..], &[]] {
            let copy = desk.place("copy");
            let restore = [&["restore", text(&copy)], args].concat();
            let (why, code) = failure(&desk.on("again", &restore));
            assert_ne!(code, 0);
            assert!(why.contains("not what was backed up"), "{why}");
        }
    }
    assert!(!desk.place("again").join("sugi.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_does_not_read_is_no_release() {
    let desk = Desk::new().await;
    desk.pay("A-1", "1004");
    std::fs::write(desk.place("ledger").join("sugi.hold"), "").unwrap();
    let pay = ["pay", "--order", "A-2", "--amount", "1004"];
    let (why, code) = failure(&desk.sugi(&pay, CARD));
    assert_ne!(code, 0);
    assert!(why.contains("sugi.hold"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_database_the_database_makes_backups() {
    let desk = Desk::new().await;
    let toml = std::fs::read_to_string(desk.config()).unwrap();
    let toml = toml.replace(
        "data = \"ledger\"",
        "database = \"postgres://127.0.0.1/sugi\"",
    );
    std::fs::write(desk.config(), toml).unwrap();
    for args in [["backup", "copy"], ["restore", "--release"]] {
        let note: &[&str] = if args[0] == "restore" {
            &["--note", "x"]
        } else {
            &[]
        };
        let (why, code) = failure(&desk.sugi(&[&args[..], note].concat(), ""));
        assert_eq!(code, 2);
        assert!(why.contains("pg_basebackup"), "{why}");
    }
}
