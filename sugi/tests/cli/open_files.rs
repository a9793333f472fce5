//! A service that may have few open files, and strangers who take all they can get.

use std::process::Command;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

use crate::{
    Desk, failure, run,
    serve::{Service, key},
    sugi,
};

/// A program whose limit of open files is this.
fn with_open_files(most: u32) -> Command {
    let mut shell = Command::new("sh");
    let script = format!("ulimit -n {most}; exec \"$0\" \"$@\"");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_sugi")]);
    shell
}

async fn from(address: &str, service: &Service) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind(format!("{address}:0").parse().unwrap())
        .unwrap();
    socket
        .connect(service.address.parse().unwrap())
        .await
        .unwrap()
}

/// The status of what a caller with a key asks from another address.
async fn honest(service: &Service, key: &str) -> String {
    let mut stream = from("127.0.0.2", service).await;
    let head = format!(
        "GET /v1/payments HTTP/1.1\r\nhost: sugi\r\nconnection: close\r\nauthorization: Bearer {key}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer[9..12].to_owned()
}

fn memory_kb(service: &Service) -> u64 {
    let status = format!("/proc/{}/status", service.process.id());
    let status = std::fs::read_to_string(status).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_stay_below_the_open_files_and_others_are_answered() {
    let desk = Desk::new().await;
    let key = key(&desk);
    let mut service = Service::run(with_open_files(256), &desk);
    assert_eq!(honest(&service, &key).await, "200");
    let before = memory_kb(&service);
    let piped = "GET /v1/payments HTTP/1.1\r\nhost: sugi\r\n\r\n".repeat(1_000);
    let mut flood = Vec::new();
    for n in 0..300 {
        let stream = from("127.0.0.1", &service).await;
        let _ = stream.try_write(piped.as_bytes());
        flood.push(stream);
        if n % 30 == 0 {
            assert_eq!(honest(&service, &key).await, "200", "after {n}");
        }
    }
    let grown = memory_kb(&service).saturating_sub(before);
    assert!(grown < 64 * 1_024, "{grown} kB more for strangers");
    drop(flood);
    service.signal("-TERM");
    let said = service.said();
    let lines = said
        .lines()
        .filter(|line| line.contains("a cap on connections holds"));
    assert_eq!(lines.count(), 1, "{said}");
    assert!(!said.contains("cannot accept"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_open_files_are_refused_at_the_start() {
    let desk = Desk::new().await;
    let mut command = with_open_files(100);
    command.args(["serve"]).env("SUGI_CONFIG", desk.config());
    let (why, code) = failure(&run(&mut command, ""));
    assert!(
        code == 2 && why.contains("open files") && why.contains("ulimit -n"),
        "{why}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_of_containers_stop_no_command_and_a_typo_is_noticed() {
    let desk = Desk::new().await;
    let links = [
        ("SUGI_PORT", "tcp://10.96.0.12:8080"),
        ("SUGI_PORT_8080_TCP_ADDR", "10.96.0.12"),
        ("SUGI_SERVICE_HOST", "10.96.0.12"),
        ("SUGI_NAME", "/web/sugi"),
    ];
    let listed = |more: &[(&str, &str)]| {
        let mut command = sugi();
        command.arg("list").env("SUGI_CONFIG", desk.config());
        command.envs(links).envs(more.iter().copied());
        let (said, code) = failure(&run(&mut command, ""));
        assert_eq!(code, 0, "{said}");
        said
    };
    assert!(!listed(&[]).contains("SUGI_"));
    let said = listed(&[("SUGI_DATABSE", "postgres://db/sugi")]);
    assert_eq!(
        said.matches("warning: SUGI_DATABSE is no key").count(),
        1,
        "{said}"
    );
}
