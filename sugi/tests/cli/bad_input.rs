//! Bad input gets one clear error, before anything is stored or sent.

use crate::{CARD, Desk, failure};

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::too_many_lines, reason = "it is one table")]
async fn each_is_refused_with_one_sentence_and_nothing_is_left() {
    let desk = Desk::new().await;
    let long = "가".repeat(33) + "ab";
    assert_eq!(long.len(), 101);
    let pay = |extra: &[&'static str]| [&["pay", "--order", "A-1"], extra].concat();
    for (args, stdin, says) in [
        (
            pay(&["--amount", "1,004"]),
            CARD.into(),
            vec!["amount", "digit"],
        ),
        (
            pay(&["--amount", "천원"]),
            CARD.into(),
            vec!["amount", "digit"],
        ),
        (
            pay(&["--amount", "1004"]),
            CARD.replace("4111111111111111", "41111111111111117"),
            vec!["card number", "17"],
        ),
        (
            pay(&["--amount", "1004"]),
            CARD.replace("2030-12", "2020-12"),
            vec!["expir"],
        ),
        (
            pay(&["--amount", "1004"]),
            CARD.replace("2030-12", "12/30"),
            vec!["expir"],
        ),
        (
            pay(&["--amount", "100000", "--months", "1"]),
            CARD.into(),
            vec!["2"],
        ),
        (
            pay(&["--amount", "49999", "--months", "3"]),
            CARD.into(),
            vec!["50,000"],
        ),
        (
            pay(&["--amount", "1004"]),
            CARD.replace("951010", "951310"),
            vec!["birth"],
        ),
        (
            pay(&["--amount", "1004"]),
            CARD.replace("\"00\"", "\"0\""),
            vec!["password"],
        ),
        (pay(&["--amount", "1004"]), "{".into(), vec!["JSON"]),
        (
            pay(&["--amount", "1004", "--mail", "nobody"]),
            CARD.into(),
            vec!["mail"],
        ),
    ] {
        let (why, code) = failure(&desk.sugi(&args, &stdin));
        assert_ne!(code, 0, "{args:?}");
        assert!(
            says.iter()
                .all(|word| why.to_lowercase().contains(word) || why.contains(word)),
            "{args:?}: {why}"
        );
        assert!(
            why.lines()
                .filter(|line| line.starts_with("error:"))
                .count()
                == 1,
            "one error: {why}"
        );
        for secret in ["4111", "951010", "951310", "2030", "2020"] {
            assert!(!why.contains(secret), "{args:?} leaks: {why}");
        }
    }
    let product = [
        "pay",
        "--order",
        "A-1",
        "--amount",
        "1004",
        "--product",
        &long,
    ];
    let (why, _) = failure(&desk.sugi(&product, CARD));
    assert!(why.contains("100") && why.contains("101"), "{why}");

    assert!(desk.sandbox.messages().is_empty(), "something was sent");
    assert!(
        desk.sugi(&["list", "--json"], "").stdout.is_empty(),
        "something was stored"
    );
    // 99 and 100 bytes, with everything that breaks KCP's own samples.
    for (n, product) in ["가".repeat(32) + "\",'", "가".repeat(32) + "🎁"]
        .iter()
        .enumerate()
    {
        assert_eq!(product.len(), 99 + n);
        let (order, args) = (
            format!("B-{n}"),
            ["--amount", "1004", "--product", product, "--json"],
        );
        let paid = desk.json(&[&["pay", "--order", &order][..], &args].concat(), CARD);
        assert_eq!(
            (paid["state"].as_str(), paid["product"].as_str()),
            (Some("approved"), Some(product.as_str()))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_certificates_that_do_not_serve() {
    let desk = Desk::new().await;
    let file = |name: &str| desk.dir.path().join(name);
    let says = |words: &[&str]| {
        let (why, code) = failure(&desk.sugi(&["pay", "--order", "A-1", "--amount", "1004"], CARD));
        assert!(
            code != 0 && words.iter().all(|word| why.contains(word)),
            "{words:?}: {why}"
        );
        assert!(!why.contains("BEGIN") && !why.contains("4111"), "{why}");
    };
    let toml = std::fs::read_to_string(desk.config()).unwrap();
    let password = &desk.sandbox.credentials().key_password;
    std::fs::write(desk.config(), toml.replace(password.as_str(), "wrong")).unwrap();
    says(&["shop main", "password"]);
    std::fs::write(desk.config(), &toml).unwrap();

    let cert = std::fs::read_to_string(file("splCert.pem")).unwrap();
    std::fs::write(file("splCert.pem"), &cert[..cert.len() / 2]).unwrap();
    says(&["shop main", "certificate"]);

    // Another key's certificate: the same process made it, so ask another one.
    let other = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "/dev/null",
            "-subj",
            "/CN=other",
        ])
        .output()
        .expect("openssl makes the other certificate: apt-get install openssl");
    std::fs::write(file("splCert.pem"), other.stdout).unwrap();
    says(&["shop main", "certificate", "key"]);

    std::fs::remove_file(file("splCert.pem")).unwrap();
    says(&["splCert.pem"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_site_code_never_meets_a_sandbox() {
    let desk = Desk::new().await;
    let toml = std::fs::read_to_string(desk.config()).unwrap();
    std::fs::write(desk.config(), toml.replace("T0000", "AB123")).unwrap();
    let (why, _) = failure(&desk.sugi(&["pay", "--order", "A-1", "--amount", "1004"], CARD));
    assert!(why.contains("live site code"), "{why}");
    std::fs::write(
        desk.config(),
        toml.replace(desk.sandbox.url(), "production"),
    )
    .unwrap();
    let (why, _) = failure(&desk.sugi(&["pay", "--order", "A-1", "--amount", "1004"], CARD));
    assert!(why.contains("test site code"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_number_among_the_arguments_is_repeated_by_no_error() {
    let desk = Desk::new().await;
    for card in [
        "4111111111111111",
        "4111-1111-1111-1111",
        "4111 1111 1111 1111",
    ] {
        for args in [
            vec![card],
            vec!["pay", card],
            vec!["pay", "--order", "A-1", "--amount", card],
            vec![
                "pay", "--order", "A-1", "--amount", "1004", "--months", card,
            ],
            vec!["pay", &*format!("--card={card}")],
            vec!["show", card],
            vec!["verify", "--checkpoint", card],
            vec!["user", card],
            vec!["user", "show", card],
            vec!["serve", "--config", card],
            vec!["verify", "--data", card],
            vec!["pan-scan", "--canaries", card],
        ] {
            let (why, code) = failure(&desk.sugi(&args, ""));
            assert_ne!(code, 0, "{args:?}: {why}");
            let digits: String = why.chars().filter(char::is_ascii_digit).collect();
            assert!(!digits.contains("4111111111111111"), "{args:?}: {why}");
        }
    }
}

/// The audit cannot be erased, so a card that stands in another text is refused before anything is written there:
/// also where no general rule would see it (letters beside it, no check digit), because the card is at hand.
#[tokio::test(flavor = "multi_thread")]
async fn a_card_in_an_order_or_a_key_does_not_reach_the_audit() {
    let desk = Desk::new().await;
    let no_check_digit = CARD.replace("4111111111111111", "4111111111111112");
    for (order, key, card) in [
        ("A4111111111111111", "k", CARD),
        ("A4111111111111112", "k", &no_check_digit),
        ("A-1", "k4111111111111111", CARD),
    ] {
        let args = ["pay", "--order", order, "--amount", "1004", "--key", key];
        let (why, code) = failure(&desk.sugi(&args, card));
        assert_eq!(code, 2, "{why}");
        assert!(!why.contains("411111111111111"), "{why}");
    }
    let audit = desk.sugi(&["audit", "--json"], "").stdout;
    assert_eq!(String::from_utf8(audit).unwrap(), "");
    for file in crate::files(&desk.dir.path().join("ledger")) {
        let bytes = std::fs::read(&file).unwrap();
        let digits = b"411111111111111";
        let held = bytes.windows(digits.len()).any(|part| part == digits);
        assert!(!held, "{}", file.display());
    }
}
