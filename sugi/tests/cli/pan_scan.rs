//! No card number at rest, after thousands of payments with faults and a kill; and one that was planted
//! is found.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Child, Stdio},
};

use kcp_sandbox::{Fault, FaultKind};
use serde_json::json;

use crate::{Desk, failure, sugi, until};

/// How many payments; `SUGI_CANARY_PAYMENTS` says another number.
const PAYMENTS: usize = 10_000;
/// Callers at a time.
const CALLERS: usize = 32;
/// A holder's number that stands nowhere else.
const HOLDER: &str = "2208162517";

/// The nth of the sandbox's approved cards: fourteen issuers, eight kinds, a hundred of each, all with a
/// right check digit.
fn card(n: usize) -> String {
    let (issuer, kind, number) = (n % 14 + 1, n / 14 % 8, n / 112 % 100);
    let digits = format!("9490{issuer:02}{kind:03b}0000{number:02}");
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(digit - b'0');
            if at % 2 == 0 { doubled(digit) } else { digit }
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// The service, with its log at its most talkative in a file.
struct Loud {
    child: Child,
    host: String,
}

impl Loud {
    fn start(desk: &Desk, log: &str) -> Self {
        let path = desk.dir.path().join(log);
        let log = fs::File::create(&path).unwrap();
        let mut child = sugi()
            .args(["serve", "--config"])
            .arg(desk.config())
            .env("SUGI_LISTEN", "127.0.0.1:0")
            .env("SUGI_LOG", "trace")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut host = None;
        until("it says where it listens", || {
            let ended = child.try_wait().unwrap();
            let said = fs::read_to_string(&path).unwrap();
            assert!(ended.is_none(), "it ended without listening: {said}");
            let (_, told) = said.split_once("listening on http://").unwrap_or_default();
            host = told.split_once('\n').map(|(host, _)| host.to_owned());
            host.is_some()
        });
        let host = host.unwrap();
        Self { child, host }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Takes payments over connections that stay open; how many were answered.
fn pay(host: &str, key: &str, orders: std::ops::Range<usize>) -> usize {
    let Ok(mut stream) = TcpStream::connect(host) else {
        return 0;
    };
    let mut answered = 0;
    for n in orders {
        let sale = json!({
            "shop": "main", "order_no": format!("A-{n}"), "amount": 1_004 + n,
            "product": "테스트 상품", "buyer": { "name": "홍길동", "phone": "01000000000" },
            "card": {
                "number": card(n), "expiry": "2031-07",
                "holder_proof": { "birth_or_business_no": HOLDER, "password_prefix": "73" },
            },
        })
        .to_string();
        let request = format!(
            "POST /v1/payments HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n\
             idempotency-key: k-{n}\r\nprefer: wait=0\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{sale}",
            sale.len()
        );
        let mut answer = [0; 8_192];
        let sent = stream.write_all(request.as_bytes()).is_ok();
        if !sent || stream.read(&mut answer).is_ok_and(|length| length == 0) {
            return answered;
        }
        answered += 1;
    }
    answered
}

/// Lets many callers pay at once.
fn pay_all(host: &str, key: &str, orders: std::ops::Range<usize>) -> usize {
    let each = orders.len() / CALLERS;
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|n| {
                let from = orders.start + n * each;
                scope.spawn(move || pay(host, key, from..from + each))
            })
            .collect();
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .sum()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_comes_to_rest_and_what_is_planted_is_found() {
    let payments = std::env::var("SUGI_CANARY_PAYMENTS");
    let payments = payments.map_or(PAYMENTS, |text| text.parse().unwrap());
    let desk = Desk::new().await;
    let key = crate::serve::key(&desk);
    for kind in [
        FaultKind::LoseAnswer,
        FaultKind::LoseRequest,
        FaultKind::Http500 { status: 500 },
        FaultKind::Garbage,
    ] {
        desk.sandbox.fault(Fault::new(kind).times(5)).unwrap();
    }
    let half = payments / 2;
    let first = Loud::start(&desk, "first.log");
    let mut answered = pay_all(&first.host, &key, 0..half);
    first.kill();
    let second = Loud::start(&desk, "second.log");
    answered += pay_all(&second.host, &key, half..payments);
    second.kill();
    println!("{answered} of {payments} payments answered");
    assert!(answered > payments * 9 / 10);
    let logs: u64 = ["first.log", "second.log"]
        .iter()
        .map(|log| fs::metadata(desk.dir.path().join(log)).unwrap().len())
        .sum();
    assert!(logs > 100_000, "the logs are talkative: {logs}");

    let folder = desk.dir.path().to_str().unwrap().to_owned();
    // What stands nowhere is looked for in a file that stands elsewhere.
    let canaries = tempfile::NamedTempFile::new().unwrap();
    let cards: Vec<_> = (0..payments.min(11_200)).map(card).collect();
    fs::write(&canaries, format!("{HOLDER}\n{}", cards.join("\n"))).unwrap();
    let canaries = canaries.path().to_str().unwrap();
    let clean = desk.sugi(&["pan-scan", "--canaries", canaries, &folder], "");
    let said = String::from_utf8_lossy(&clean.stdout).into_owned();
    assert!(clean.status.success(), "{said}");

    let planted = desk.dir.path().join("notes.txt");
    fs::write(&planted, "call back, card 4111 1111 1111 1111").unwrap();
    let found = desk.sugi(&["pan-scan", "--paths-only", &folder], "");
    assert_eq!(failure(&found).1, 1);
    let said = String::from_utf8(found.stdout).unwrap();
    assert!(
        said.contains("notes.txt at byte 16: card number 411111******1111"),
        "{said}"
    );
    let charged = desk.sandbox.books().transactions.len();
    assert!(charged > payments * 8 / 10, "cards were charged: {charged}");
    // Without an installation, what is named is looked through.
    let mut alone = sugi();
    alone.current_dir("/").args(["pan-scan", "--json", &folder]);
    let output = crate::run(&mut alone, "");
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["findings"][0]["offset"], 16, "{said}");
    assert!(said["bytes"].as_u64().unwrap() > logs, "{said}");
    assert!(failure(&output).0.contains("no sugi.toml here"));
    let missing = desk.sugi(&["pan-scan", "--paths-only", "/nowhere"], "");
    assert_eq!(failure(&missing).1, 2);
}
