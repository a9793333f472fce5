//! No digit of a card, a birth date or a password comes to rest anywhere.

use kcp_sandbox::{CutAt, Fault, FaultKind};

use crate::{Desk, files};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_card_is_in_any_file_or_output() {
    let desk = Desk::new().await;
    // Digits that stand nowhere else: in no amount, no time, no id.
    let (number, holder, password) = ("378282246310005", "2208162517", "73");
    let card = format!(
        r#"{{"number": "{number}", "expiry": "2031-07",
            "holder_proof": {{"birth_or_business_no": "{holder}", "password_prefix": "{password}"}}}}"#
    );
    let mut said = Vec::new();
    let faults = [
        None,
        Some(FaultKind::LoseAnswer),
        Some(FaultKind::CutBody {
            at: CutAt::AfterTno,
        }),
        Some(FaultKind::WrongAmount {
            amount: None,
            books_too: false,
        }),
        Some(FaultKind::Http500 { status: 500 }),
    ];
    for (n, fault) in faults.into_iter().enumerate() {
        if let Some(kind) = fault {
            desk.sandbox.fault(Fault::new(kind)).unwrap();
        }
        let order = format!("A-{n}");
        let output = desk.sugi(&["pay", "--order", &order, "--amount", "1004"], &card);
        said.extend([output.stdout, output.stderr]);
    }
    for args in [&["list", "--json"][..], &["list"], &["verify"]] {
        let output = desk.sugi(args, "");
        said.extend([output.stdout, output.stderr]);
    }
    assert_eq!(
        desk.sandbox.books().transactions.len(),
        5,
        "the card was sent, so it was there to be leaked"
    );

    let kept = files(&desk.dir.path().join("ledger"));
    assert!(kept.iter().any(|file| file.ends_with("sugi.db")));
    said.extend(kept.iter().map(|file| std::fs::read(file).unwrap()));
    // More of the number than its first six; the expiry and the password as KCP is sent them, since
    // so few digits alone stand in every time; the holder's number.
    let more_than_six = (0..=6).map(|at| number[at..at + 9].to_owned());
    let as_sent = [
        format!("\"card_pwd\":\"{password}\""),
        "\"card_expiry\":\"3107\"".into(),
        "2031-07".into(),
    ];
    for canary in more_than_six.chain(as_sent).chain([holder.to_owned()]) {
        for text in &said {
            let found = text
                .windows(canary.len())
                .any(|window| window == canary.as_bytes());
            assert!(
                !found,
                "{canary} came to rest in {:.200}",
                String::from_utf8_lossy(text)
            );
        }
    }
}
