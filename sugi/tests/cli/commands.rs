//! The verbs, one after the other, and the sandbox as a server of its own.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use serde_json::Value;

use crate::{CARD, Desk, failure, run, sugi};

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_is_taken_shown_listed_and_given_back() {
    let desk = Desk::new().await;
    let paid = desk.pay("A-1", "1004");
    assert_eq!(
        (paid["state"].as_str(), paid["amount"].as_u64()),
        (Some("approved"), Some(1004))
    );
    assert_eq!(paid["card"]["masked"], "411111******1111");
    let id = paid["id"].as_str().unwrap();

    let part = desk.json(
        &[
            "cancel",
            id,
            "--amount",
            "1000",
            "--reason",
            "고객 변심",
            "--json",
        ],
        "",
    );
    assert_eq!(
        (part["state"].as_str(), part["cancelled_amount"].as_u64()),
        (Some("partially_cancelled"), Some(1000))
    );
    let shown = desk.json(&["show", id, "--json"], "");
    let events: Vec<_> = shown["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        events,
        [
            "requested",
            "approve_sent",
            "approved",
            "cancel_asked",
            "cancel_sent",
            "cancel_done"
        ]
    );
    let rest = desk.json(&["cancel", id, "--reason", "고객 변심", "--json"], "");
    assert_eq!(rest["state"], "cancelled");

    let listed = desk.json(
        &["list", "--order", "A-1", "--state", "cancelled", "--json"],
        "",
    );
    assert_eq!(listed["id"].as_str(), Some(id));
    assert!(
        desk.sugi(&["list", "--state", "approved", "--json"], "")
            .stdout
            .is_empty()
    );
    let proved = desk.json(&["verify", "--json"], "");
    assert_eq!(
        (&proved["holds"], &proved["knows_its_end"]),
        (&true.into(), &true.into())
    );
    let said = String::from_utf8(desk.sugi(&["verify"], "").stdout).unwrap();
    assert!(said.contains("not covered: sessions"), "{said}");
    // Without what stands beside it no one knows where it ends, and that is said.
    std::fs::remove_file(desk.dir.path().join("ledger/sugi.end")).unwrap();
    let proved = desk.json(&["verify", "--json"], "");
    assert_eq!(
        (&proved["holds"], &proved["knows_its_end"]),
        (&true.into(), &false.into())
    );
    let unknown = proved["not_covered"].to_string();
    assert!(unknown.contains("--checkpoint"), "{unknown}");
    let (why, code) = failure(&desk.sugi(&["cancel", id, "--reason", "again"], ""));
    assert!(why.contains("nothing is left") && code == 2, "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_is_split_for_tax_is_given_back_part_by_part() {
    let desk = Desk::new().await;
    let args = |amount| {
        [
            "--amount",
            amount,
            "--supply",
            "200",
            "--vat",
            "20",
            "--tax-free",
        ]
    };
    let pay = ["pay", "--order", "A-1", "--json"]
        .into_iter()
        .chain(args("344"));
    let pay: Vec<_> = pay.chain(["124"]).collect();
    let (why, code) = failure(&desk.sugi(&pay, CARD));
    assert!(why.contains("tax split") && code == 2, "{why}");

    let config = std::fs::read_to_string(desk.config()).unwrap();
    let with_split = config.replace(
        "contract.order_lookup = true",
        "contract.order_lookup = true\n            contract.tax_split = true",
    );
    std::fs::write(desk.config(), with_split).unwrap();
    let paid = desk.json(&pay, CARD);
    let id = paid["id"].as_str().unwrap();
    assert_eq!(paid["tax"]["tax_free"], 124, "{paid}");
    let cancel = |more: &[&str]| {
        let all = ["cancel", id, "--reason", "고객 변심", "--json"];
        desk.sugi(&[&all, more].concat(), "")
    };
    let (why, code) = failure(&cancel(&["--amount", "24"]));
    assert!(why.contains("say how") && code == 2, "{why}");
    let parts = ["--amount", "24", "--supply", "0", "--vat", "0"];
    let (why, code) = failure(&cancel(&parts));
    assert!(why.contains("--tax-free") && code == 2, "{why}");
    let part = cancel(&[&parts[..], &["--tax-free", "24"]].concat());
    let part: Value = serde_json::from_slice(&part.stdout).unwrap();
    assert_eq!(part["remaining_tax"]["tax_free"], 100, "{part}");
    let rest: Value = serde_json::from_slice(&cancel(&[]).stdout).unwrap();
    assert_eq!(rest["state"], "cancelled", "{rest}");
    let books = desk.sandbox.books_beginning("A-1-");
    assert_eq!(books.transactions[0].tax_remaining.unwrap().free, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn dollars_are_sold_where_the_contract_takes_them() {
    let desk = Desk::new().await;
    let pay = [
        "pay",
        "--order",
        "A-1",
        "--amount",
        "1234",
        "--currency",
        "USD",
        "--json",
    ];
    let (why, code) = failure(&desk.sugi(&pay, CARD));
    for said in ["currency must be KRW", "[shop.main.contract]"] {
        assert!(why.contains(said) && code == 2, "{said}: {why}");
    }
    assert!(desk.sandbox.messages().is_empty());
    assert!(desk.sugi(&["list", "--json"], "").stdout.is_empty());

    let paid = run(
        sugi()
            .args(pay)
            .env("SUGI_CONFIG", desk.config())
            .env("SUGI_SHOP__MAIN__CONTRACT__CURRENCIES", r#"["KRW", "USD"]"#),
        CARD,
    );
    let paid: Value = serde_json::from_slice(&paid.stdout).unwrap();
    assert_eq!(
        (&paid["amount"], &paid["currency"]),
        (&1234.into(), &"USD".into()),
        "{paid}"
    );
    let booked = desk.sandbox.books_beginning("A-1-").transactions;
    assert_eq!((booked[0].amount, &*booked[0].currency), (1_234, "840"));
    let listed = desk.sugi(&["list"], "");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("12.34 USD"), "{listed}");
    // What was sold is refunded, no matter what the contract says now.
    let id = paid["id"].as_str().unwrap();
    let back = desk.json(&["cancel", id, "--reason", "x", "--json"], "");
    assert_eq!(back["state"], "cancelled", "{back}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_makes_one_payment_across_processes() {
    let desk = Desk::new().await;
    let args = [
        "pay", "--order", "A-1", "--amount", "1004", "--key", "k-1", "--json",
    ];
    let first = desk.json(&args, CARD);
    let again = desk.json(&args, CARD);
    assert_eq!(first["id"], again["id"]);
    let (why, code) = failure(&desk.sugi(&["pay", "--order", "A-1", "--amount", "1004"], CARD));
    assert!(why.contains("alive") && code == 2, "{why}");
    assert_eq!(desk.sandbox.books().transactions.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn outcomes_have_exit_codes_of_their_own() {
    let desk = Desk::new().await;
    let declined = CARD.replace(
        "4111111111111111",
        &kcp_sandbox::magic_card(99, "CC61").unwrap(),
    );
    let output = desk.sugi(&["pay", "--order", "A-1", "--amount", "1004"], &declined);
    let (why, code) = failure(&output);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        code == 3 && said.contains("Declined (CC61)") && said.contains("Nothing was charged"),
        "{said}{why}"
    );

    desk.sandbox
        .fault(kcp_sandbox::Fault::new(kcp_sandbox::FaultKind::LoseAnswer))
        .unwrap();
    let output = desk.sugi(
        &["pay", "--order", "A-2", "--amount", "1004", "--wait", "0"],
        CARD,
    );
    let said = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(failure(&output).1, 4, "{said}");
    assert!(said.contains("Do not charge again"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_is_a_server_that_says_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let credentials = dir.path().display().to_string();
    let args = [
        "sandbox",
        "--listen",
        "127.0.0.1:0",
        "--control",
        "127.0.0.1:0",
        "--credentials",
        &credentials,
    ];
    let mut server = sugi()
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    for field in ["url", "control", "site_cd", "cert", "key", "key_password"] {
        assert!(
            ready[field].as_str().is_some_and(|text| !text.is_empty()),
            "{field} in {line}"
        );
    }
    for file in ["cert", "key"] {
        assert!(
            std::path::Path::new(ready[file].as_str().unwrap()).is_file(),
            "{file} in {line}"
        );
    }
    // The sugi.toml that it left is all that a payment needs.
    let config = format!("{credentials}/sugi.toml");
    let paid = run(
        sugi().args([
            "pay", "--config", &config, "--order", "A-1", "--amount", "1004", "--json",
        ]),
        CARD,
    );
    server.kill().unwrap();
    server.wait().unwrap();
    let paid: Value = serde_json::from_slice(&paid.stdout).unwrap();
    assert_eq!(paid["state"], "approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_commands_do_is_in_the_audit_and_no_card_gets_into_a_text() {
    let desk = Desk::new().await;
    let card = "4111 1111 1111 1111";
    let pay = ["pay", "--order", "A-1", "--amount", "1004"];
    for (argument, verb) in [
        ("--product", &pay[..]),
        ("--buyer", &pay[..]),
        ("--key", &pay[..]),
        (
            "--reason",
            &["cancel", "pay_0193b0a1c2d37e4f8a5b6c7d8e9f0a1b"],
        ),
        (
            "--note",
            &[
                "resolve",
                "pay_0193b0a1c2d37e4f8a5b6c7d8e9f0a1b",
                "--absent",
            ],
        ),
    ] {
        let (said, code) = failure(&desk.sugi(&[verb, &[argument, card]].concat(), CARD));
        assert_eq!(code, 2, "{argument}: {said}");
        assert!(
            said.contains(argument) && said.contains("card number"),
            "{said}"
        );
        assert!(!said.contains("1111"), "{said}");
    }
    assert!(desk.sandbox.books().transactions.is_empty());

    let paid = desk.pay("A-1", "1004");
    let id = paid["id"].as_str().unwrap();
    assert_eq!(failure(&desk.sugi(&pay, CARD)).1, 2, "the order is paid");
    desk.json(&["cancel", id, "--reason", "고객 변심", "--json"], "");
    desk.sugi(&["resolve", id, "--absent", "--note", "not there"], "");
    let audit = desk.sugi(&["audit", "--json"], "");
    let rows = String::from_utf8(audit.stdout).unwrap();
    let told: Vec<_> = rows
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|row| {
            assert!(row["actor"].as_str().unwrap().starts_with("cli:"), "{row}");
            let text = |name: &str| row[name].as_str().unwrap().replace(id, "it");
            format!("{} {} {}", text("action"), text("subject"), text("outcome"))
        })
        .rev()
        .collect();
    assert_eq!(
        told,
        [
            "pay A-1 begun",
            "pay it approved",
            "pay A-1 begun",
            "pay A-1 refused",
            "cancel it begun",
            "cancel it asked",
            "resolve it begun",
            "resolve it refused"
        ]
    );
    assert_eq!(desk.json(&["verify", "--json"], "")["audit_rows"], 8);
}
