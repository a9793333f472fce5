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

use crate::{Desk, failure, sugi};

/// How many payments; `SUGI_CANARY_PAYMENTS` says another number.
const PAYMENTS: usize = 10_000;
/// Callers at a time.
const CALLERS: usize = 32;
/// Cards that are good in tests, and a holder's number that stands nowhere else.
const CARDS: [&str; 4] = [
    "4111111111111111",
    "5555555555554444",
    "378282246310005",
    "3566002020360505",
];
const HOLDER: &str = "2208162517";

/// The service, with its log at its most talkative in a file.
struct Loud {
    child: Child,
    host: String,
}

impl Loud {
    fn start(desk: &Desk, log: &str) -> Self {
        let log = fs::File::create(desk.dir.path().join(log)).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let host = port.local_addr().unwrap().to_string();
        drop(port);
        let child = sugi()
            .args(["serve", "--config"])
            .arg(desk.config())
            .env("SUGI_LISTEN", &host)
            .env("SUGI_LOG", "trace")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        while TcpStream::connect(&host).is_err() {
            std::thread::yield_now();
        }
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
                "number": CARDS[n % CARDS.len()], "expiry": "2031-07",
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
    let mut scan = vec!["pan-scan", "--canary", HOLDER];
    for card in CARDS {
        scan.extend(["--canary", card]);
    }
    scan.push(&folder);
    let clean = desk.sugi(&scan, "");
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
    let missing = desk.sugi(&["pan-scan", "--paths-only", "/nowhere"], "");
    assert_eq!(failure(&missing).1, 2);
}
