//! Callers without a key: they take what they are given and shut no one out.

use std::{net::SocketAddr, time::Duration};

use sugi_api::Limits;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpSocket, TcpStream},
};

use crate::{
    http::Answer,
    test_app::{KEY, MAX_WAIT, Plan, TestApp, until},
};

const NARROW: Limits = Limits {
    connections: 40,
    connections_per_address: 8,
    ..Limits::DEFAULT
};

async fn narrow(limits: Limits) -> TestApp {
    TestApp::with(Plan {
        limits,
        ..Plan::default()
    })
    .await
}

/// Connects from an address of this machine.
async fn from(address: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind(format!("{address}:0").parse().unwrap())
        .unwrap();
    socket.connect(to).await.unwrap()
}

/// Asks from another address than the house's own caller.
async fn ask_from(address: &str, test_app: &TestApp, path: &str) -> Answer {
    let asked = async {
        let mut stream = from(address, test_app.address).await;
        let head = test_app
            .ask("GET", path)
            .header("authorization", &format!("Bearer {KEY}"));
        stream.write_all(&head.bytes()).await.unwrap();
        Answer::read(&mut stream).await
    };
    tokio::time::timeout(MAX_WAIT, asked).await.unwrap()
}

/// How often a cap held, by the metrics.
async fn held(test_app: &TestApp, cap: &str) -> u64 {
    let metrics = ask_from("127.0.0.9", test_app, "/metrics").await.text;
    let name = format!("sugi_connection_caps_total{{cap=\"{cap}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn who_asks_from_elsewhere_or_has_a_key_is_answered_through_a_flood() {
    let test_app = narrow(NARROW).await;
    // A caller with a key keeps its connection, at the very address that the flood comes from.
    let mut known = TcpStream::connect(test_app.address).await.unwrap();
    let request = test_app.ask("GET", "/v1/shops").header("connection", "");
    let head = request.head().replace("connection: close\r\n", "");
    known.write_all(head.as_bytes()).await.unwrap();
    known.readable().await.unwrap();

    let piped = "GET /v1/payments HTTP/1.1\r\nhost: sugi\r\n\r\n".repeat(500);
    let mut flood = Vec::new();
    for n in 0..120 {
        // Three addresses with up to eight connections each, again and again.
        let stream = from(&format!("127.0.0.{}", 1 + n % 3), test_app.address).await;
        let _ = stream.try_write(piped.as_bytes());
        flood.push(stream);
        if n % 12 == 0 {
            assert_eq!(
                ask_from("127.0.0.8", &test_app, "/v1/shops").await.status,
                200
            );
        }
    }
    assert!(held(&test_app, "address").await > 0);
    let last = head.replace("host: ", "connection: close\r\nhost: ");
    known.write_all(last.as_bytes()).await.unwrap();
    let answers = tokio::time::timeout(MAX_WAIT, Answer::read(&mut known))
        .await
        .unwrap();
    assert_eq!(answers.status, 200);
    assert_eq!(
        answers.text.matches("HTTP/1.1 200").count(),
        1,
        "{answers:?}"
    );
}

#[tokio::test]
async fn an_address_with_too_many_connections_is_told_so() {
    let test_app = narrow(NARROW).await;
    let mut idle = Vec::new();
    for _ in 0..NARROW.connections_per_address {
        idle.push(from("127.0.0.2", test_app.address).await);
    }
    let mut one_more = from("127.0.0.2", test_app.address).await;
    let answer = tokio::time::timeout(MAX_WAIT, Answer::read(&mut one_more))
        .await
        .unwrap();
    assert_eq!(
        (answer.status, &answer.json["code"]),
        (429, &"too_many_connections".into())
    );
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(held(&test_app, "address").await, 1);
    idle.clear();
    until("there is room again", async || {
        let mut stream = from("127.0.0.2", test_app.address).await;
        let asked = test_app.ask("GET", "/healthz").bytes();
        let _ = stream.write_all(&asked).await;
        let mut first = [0; 12];
        let read = tokio::io::AsyncReadExt::read_exact(&mut stream, &mut first).await;
        read.is_ok() && first.ends_with(b"200")
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_given_up() {
    let limits = Limits {
        answer_write: Duration::from_millis(50),
        ..Limits::DEFAULT
    };
    let test_app = narrow(limits).await;
    let mut deaf = from("127.0.0.2", test_app.address).await;
    let many = "GET /openapi.json HTTP/1.1\r\nhost: sugi\r\n\r\n".repeat(400);
    let _ = deaf.write_all(many.as_bytes()).await;
    until("it is cut", async || held(&test_app, "unread").await == 1).await;
    // Who reads is not, however much it is.
    let mut reader = from("127.0.0.2", test_app.address).await;
    let one = test_app.ask("GET", "/openapi.json").bytes();
    reader.write_all(&one).await.unwrap();
    assert_eq!(Answer::read(&mut reader).await.status, 200);
    assert_eq!(held(&test_app, "unread").await, 1);
}
