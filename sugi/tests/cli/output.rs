//! Whoever reads what a command says may go away, and what it is written to may be full.

use std::{fs::OpenOptions, process::Stdio};

use crate::{CARD, Desk, run, sugi};

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_has_seen_enough_stops_nothing() {
    let desk = Desk::new().await;
    let pay = ["pay", "--order", "A-1", "--amount", "1004"];
    // The other end of this is closed before anything is said.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = sugi();
    command.args(pay).env("SUGI_CONFIG", desk.config());
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), CARD.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("internal error"), "{said}");
    assert_eq!(desk.sandbox.books_beginning("A-1-").transactions.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_is_told() {
    let desk = Desk::new().await;
    desk.pay("A-1", "1004");
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = sugi();
    command.arg("list").env("SUGI_CONFIG", desk.config());
    let child = command.stdout(full()).stderr(Stdio::piped()).spawn();
    let output = child.unwrap().wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot be written"), "{said}");
    let whole = run(sugi().arg("list").env("SUGI_CONFIG", desk.config()), "");
    assert!(whole.status.success());
}
