//! Killed with -9 at every write point, and the next command run.
//!
//! `strace` kills the process at its n-th call of one kind, for every n, on the very program that
//! people run. Then the next command has to know every charge, double none, and say what is in doubt.

use std::process::Command;

use serde_json::Value;

use crate::{CARD, Desk, run};

/// Kills at the n-th call for every n, until one run ends by itself.
async fn at_every(call: &str) {
    let desk = Desk::new().await;
    let mut kills = 0;
    for n in 1.. {
        assert!(n < 500, "this never ends");
        let order = format!("A-{n}");
        let mut strace = Command::new("strace");
        strace.args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            &format!("trace={call}"),
        ]);
        strace.args(["-e", &format!("inject={call}:signal=SIGKILL:when={n}")]);
        strace.arg(env!("CARGO_BIN_EXE_sugi")).args([
            "pay", "--order", &order, "--amount", "1004", "--wait", "0", "--json",
        ]);
        let output = run(strace.env("SUGI_CONFIG", desk.config()), CARD);
        // What it may have sent lands now or never: the sandbox has read it, or the socket is gone.
        let killed = !output.status.success() && output.stdout.is_empty();
        the_next_command_knows(&desk, &order, killed);
        if !killed {
            let paid: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(paid["state"], "approved", "{call} {n}");
            break;
        }
        kills += 1;
    }
    println!("{kills} kills at {call}");
    assert!(
        kills > 0,
        "nothing was killed at {call}: is it still called?"
    );
    everything_settles(&desk);
}

/// The ledger knows every charge of the order, once, and says so or says that it is in doubt.
fn the_next_command_knows(desk: &Desk, order: &str, killed: bool) {
    let output = desk.sugi(&["list", "--order", order, "--json"], "");
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{order}: {why}");
    let told: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let charges = desk
        .sandbox
        .books_beginning(&format!("{order}-"))
        .transactions
        .len();
    assert!(charges <= 1, "{order} was charged {charges} times");
    let state = told
        .first()
        .map(|payment| payment["state"].as_str().unwrap().to_owned());
    match (charges, state.as_deref()) {
        (1, Some("approved" | "in_doubt")) | (0, Some("in_doubt" | "void")) => {}
        (0, None) if killed => {}
        other => panic!("{order}: {other:?}"),
    }
}

/// The work that was under way goes on with the next payment; in the end the ledger is the books.
fn everything_settles(desk: &Desk) {
    let tries = 50;
    for n in 0..tries {
        desk.pay(&format!("Z-{n}"), "1004");
        let open = ["in_doubt", "reversing", "approving", "requested"];
        let open: Vec<_> = open.iter().flat_map(|state| ["--state", state]).collect();
        let left = desk
            .sugi(&[&["list", "--json"], &open[..]].concat(), "")
            .stdout;
        if left.is_empty() {
            break;
        }
        assert!(
            n + 1 < tries,
            "still open: {}",
            String::from_utf8_lossy(&left)
        );
    }
    let approved = desk
        .sugi(
            &["list", "--state", "approved", "--limit", "200", "--json"],
            "",
        )
        .stdout;
    let mut ledger: Vec<_> = String::from_utf8(approved)
        .unwrap()
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["kcp_order_no"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let live = desk
        .sandbox
        .books()
        .transactions
        .into_iter()
        .filter(|transaction| transaction.remaining > 0);
    let mut books: Vec<_> = live.map(|transaction| transaction.ordr_idxx).collect();
    ledger.sort();
    books.sort();
    assert_eq!(ledger, books, "left the ledger, right the books");
    assert!(desk.sugi(&["verify"], "").status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_sync() {
    at_every("fsync,fdatasync").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_write_of_the_ledger() {
    at_every("pwrite64").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_byte_that_is_sent() {
    at_every("writev,sendto").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_answer_that_is_read() {
    at_every("recvfrom").await;
}
