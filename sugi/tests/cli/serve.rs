//! The service as a process of its own.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use serde_json::Value;

use crate::{CARD, Desk, failure, run, sugi, until};

/// A service that is stopped when the test is over.
pub(crate) struct Service {
    pub(crate) process: Child,
    pub(crate) address: String,
    log: Arc<Mutex<String>>,
    hearing: Option<std::thread::JoinHandle<()>>,
}

impl Service {
    /// Starts it and waits until it says where it listens.
    pub(crate) fn start(desk: &Desk) -> Self {
        Self::start_with(desk, &[])
    }

    /// The same with more of the environment.
    pub(crate) fn start_with(desk: &Desk, env: &[(&str, &str)]) -> Self {
        Self::start_at(&desk.config(), env)
    }

    /// The same for a configuration.
    pub(crate) fn start_at(config: &Path, env: &[(&str, &str)]) -> Self {
        let mut command = sugi();
        command.envs(env.iter().copied());
        Self::run_at(command, config)
    }

    /// Starts it by another command, which ends with the program's name.
    pub(crate) fn run(command: Command, desk: &Desk) -> Self {
        Self::run_at(command, &desk.config())
    }

    fn run_at(mut command: Command, config: &Path) -> Self {
        command
            .arg("serve")
            .env("SUGI_CONFIG", config)
            .env("SUGI_LISTEN", "127.0.0.1:0");
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("listening on ") {
            line.clear();
            assert!(
                said.read_line(&mut line).unwrap() > 0,
                "it ended without listening"
            );
        }
        let address = line
            .trim()
            .trim_start_matches("listening on http://")
            .to_owned();
        // What it goes on to say is kept: a pipe that no one reads would hold it up.
        let log = Arc::<Mutex<String>>::default();
        let heard = Arc::clone(&log);
        let hearing = std::thread::spawn(move || {
            let mut line = String::new();
            while said.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
                heard.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        Self {
            process,
            address,
            log,
            hearing: Some(hearing),
        }
    }

    /// All that it said, once it has ended.
    pub(crate) fn said(&mut self) -> String {
        if let Some(hearing) = self.hearing.take() {
            hearing.join().unwrap();
        }
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn pay(&self, key: &str, order: &str, card: &str) -> (u16, Value) {
        self.pay_with(key, order, card, "x-none: none")
    }

    /// The same with one more header.
    pub(crate) fn pay_with(
        &self,
        key: &str,
        order: &str,
        card: &str,
        header: &str,
    ) -> (u16, Value) {
        self.try_pay_with(key, order, card, header).unwrap()
    }

    /// The same of a service that may have ended.
    pub(crate) fn try_pay(&self, key: &str, order: &str, card: &str) -> Option<(u16, Value)> {
        self.try_pay_with(key, order, card, "x-none: none")
    }

    fn try_pay_with(
        &self,
        key: &str,
        order: &str,
        card: &str,
        header: &str,
    ) -> Option<(u16, Value)> {
        let body = format!(
            r#"{{"shop": "main", "order_no": "{order}", "amount": 1004, "currency": "KRW", "card": {card}}}"#
        );
        let head = format!(
            "POST /v1/payments HTTP/1.1\r\nhost: sugi\r\nconnection: close\r\nauthorization: Bearer {key}"
        );
        let kind = format!(
            "idempotency-key: {order}\r\ncontent-type: application/json\r\ncontent-length: {}",
            body.len()
        );
        self.ask(&format!("{head}\r\n{header}\r\n{kind}\r\n\r\n{body}"))
    }

    fn list(&self, key: &str) -> (u16, Value) {
        let head = "GET /v1/payments HTTP/1.1\r\nhost: sugi\r\nconnection: close";
        self.ask(&format!("{head}\r\nauthorization: Bearer {key}\r\n\r\n"))
            .unwrap()
    }

    /// The payments that a query is for.
    pub(crate) fn list_of(&self, key: &str, query: &str) -> Value {
        let head = format!("GET /v1/payments?{query} HTTP/1.1\r\nhost: sugi\r\nconnection: close");
        let answer = self.ask(&format!("{head}\r\nauthorization: Bearer {key}\r\n\r\n"));
        answer.unwrap().1
    }

    /// What stands at an address that takes no key.
    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        let head = format!("GET {path} HTTP/1.1\r\nhost: sugi\r\nconnection: close\r\n\r\n");
        self.ask(&head).unwrap()
    }

    /// How signing in at the pages ends: the status of the answer.
    pub(crate) fn sign_in(&self, name: &str, password: &str) -> u16 {
        let body = format!("name={name}&password={}", password.replace(' ', "+"));
        let head = "POST /sign-in HTTP/1.1\r\nhost: sugi\r\nconnection: close";
        let kind = format!(
            "content-type: application/x-www-form-urlencoded\r\ncontent-length: {}",
            body.len()
        );
        self.ask(&format!("{head}\r\n{kind}\r\n\r\n{body}"))
            .unwrap()
            .0
    }

    fn ask(&self, request: &str) -> Option<(u16, Value)> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let body = serde_json::from_str(body).unwrap_or_default();
        Some((head[9..12].parse().ok()?, body))
    }

    pub(crate) fn signal(&self, name: &str) {
        let told = std::process::Command::new("kill")
            .args([name, &self.process.id().to_string()])
            .status();
        assert!(told.unwrap().success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // What was started through another program outlives it.
        let id = self.process.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        for child in children.unwrap_or_default().split_whitespace() {
            let _ = Command::new("kill").args(["-KILL", child]).status();
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Makes an API key and puts it into the configuration.
pub(crate) fn key(desk: &Desk) -> String {
    let made = run(sugi().args(["key", "back end", "--json"]), "").stdout;
    let made: Value = serde_json::from_slice(&made).unwrap();
    let toml = std::fs::read_to_string(desk.config()).unwrap();
    let sha256 = made["sha256"].as_str().unwrap();
    std::fs::write(
        desk.config(),
        format!("{toml}\n[key.\"back end\"]\nsha256 = \"{sha256}\"\nshops = [\"main\"]\nscopes = [\"pay\", \"read\"]\n"),
    )
    .unwrap();
    made["key"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_takes_a_payment_and_ends_in_order() {
    let desk = Desk::new().await;
    let key = key(&desk);
    let mut service = Service::start(&desk);
    assert_eq!(service.list("wrong").0, 401);
    let (status, paid) = service.pay(&key, "A-1", CARD);
    assert_eq!(
        (status, paid["state"].as_str(), paid["by"].as_str()),
        (201, Some("approved"), Some("back end"))
    );
    let id = paid["id"].as_str().unwrap();

    // While it runs the ledger is its own; others may read.
    assert_eq!(desk.json(&["show", id, "--json"], "")["state"], "approved");
    let (why, code) = failure(&desk.sugi(&["pay", "--order", "A-2", "--amount", "1004"], CARD));
    assert!(code != 0 && why.contains("another process"), "{why}");

    // Told to, it reads its shops anew: this one may not take unauthenticated sales any more.
    let toml = std::fs::read_to_string(desk.config()).unwrap();
    let narrower = toml.replace(
        "contract.unauthenticated = true",
        "contract.unauthenticated = false",
    );
    std::fs::write(desk.config(), narrower).unwrap();
    service.signal("-HUP");
    let plain = r#"{"number": "4111111111111111", "expiry": "2030-12"}"#;
    let mut n = 0;
    until("the shops read anew", || {
        n += 1;
        service.pay(&key, &format!("B-{n}"), plain).1["code"] == "not_in_contract"
    });

    // Its keys as well: the next one is good beside the old one, which goes.
    let hash = |toml: &str| toml.split("sha256 = ").nth(1).unwrap()[..66].to_owned();
    let toml = std::fs::read_to_string(desk.config()).unwrap();
    let made = run(sugi().args(["key", "back end", "--json"]), "").stdout;
    let made: Value = serde_json::from_slice(&made).unwrap();
    let both = format!("[{}, {}]", hash(&toml), made["sha256"]);
    let both = toml.replace(
        &format!("sha256 = {}", hash(&toml)),
        &format!("sha256 = {both}"),
    );
    std::fs::write(desk.config(), both).unwrap();
    service.signal("-HUP");
    let next = made["key"].as_str().unwrap();
    let knows = |key: &str| service.list(key).0 == 200;
    until("the keys read anew", || knows(next));
    assert!(knows(&key), "the old one is good until it is taken out");
    let only = toml.replace(&hash(&toml), &made["sha256"].to_string());
    std::fs::write(desk.config(), only).unwrap();
    service.signal("-HUP");
    until("the old key gone", || !knows(&key));
    assert!(knows(next));

    service.signal("-TERM");
    assert!(
        service.process.wait().unwrap().success(),
        "it did not end in order"
    );
    assert_eq!(desk.json(&["verify", "--json"], "")["holds"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn cards_never_cross_a_network_in_the_clear() {
    let desk = Desk::new().await;
    let mut command = sugi();
    command
        .arg("serve")
        .env("SUGI_CONFIG", desk.config())
        .env("SUGI_LISTEN", "0.0.0.0:0");
    let (why, code) = failure(&run(&mut command, ""));
    assert!(
        code == 2 && why.contains("plain HTTP") && why.contains("behind_proxy"),
        "{why}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_its_memory_is_written_to_a_disk() {
    let desk = Desk::new().await;
    let service = Service::start(&desk);
    let limits = format!("/proc/{}/limits", service.process.id());
    let limits = std::fs::read_to_string(limits).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let words: Vec<_> = core.unwrap().split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{words:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_everybody_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::new().await;
    let key = desk.dir.path().join("splPrikeyPKCS8.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (why, code) = failure(&desk.sugi(&["serve"], ""));
    assert_ne!(code, 0);
    assert!(
        why.contains("chmod o-rwx") && why.contains("splPrikeyPKCS8.pem"),
        "{why}"
    );
}
