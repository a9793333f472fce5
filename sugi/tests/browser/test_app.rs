//! `sugi demo` in a process of its own, and a Chromium in front of it.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use thirtyfour::prelude::*;
use tokio::net::TcpSocket;

use crate::driver::Driver;

/// Longer than anything takes.
const MAX_WAIT: Duration = Duration::from_mins(1);

pub(crate) struct TestApp {
    demo: Child,
    driver: Driver,
    about: Value,
    /// A port that is taken, so that no one else gets it, and that no one listens on.
    nobody: TcpSocket,
    _dir: tempfile::TempDir,
}

impl TestApp {
    pub(crate) async fn new() -> Self {
        // Both say where they are in their own time.
        let started = tokio::task::spawn_blocking(Self::start);
        let started = tokio::time::timeout(MAX_WAIT, started).await;
        started
            .expect("demo and chromedriver do not start")
            .unwrap()
    }

    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut demo = Command::new(env!("CARGO_BIN_EXE_sugi"))
            .args(["demo", "--json", "--data"])
            .arg(dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(demo.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let about = serde_json::from_str(&line).expect("the demo says where it is");
        let nobody = TcpSocket::new_v4().unwrap();
        nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self {
            demo,
            driver: Driver::start(),
            about,
            nobody,
            _dir: dir,
        }
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.about["url"].as_str().unwrap())
    }

    /// The same by the name of this machine, which is what passkeys are good at.
    pub(crate) fn at_localhost(&self, path: &str) -> String {
        self.at(path).replace("127.0.0.1", "localhost")
    }

    pub(crate) fn password(&self) -> &str {
        self.about["operator"]["password"].as_str().unwrap()
    }

    /// A browser in a language, signed in.
    pub(crate) async fn browser(&self, lang: &str) -> WebDriver {
        let browser = self.stranger(lang).await;
        browser.goto(self.at("/sign-in")).await.unwrap();
        self.sign_in(&browser).await;
        browser
    }

    /// Signs in with the password, on the page that asks for it.
    pub(crate) async fn sign_in(&self, browser: &WebDriver) {
        for field in ["name", "password"] {
            let text = self.about["operator"][field].as_str().unwrap();
            let field = browser.find(By::Id(field)).await.unwrap();
            field.send_keys(text).await.unwrap();
        }
        let enter = browser.find(By::Css("button.button")).await.unwrap();
        enter.click().await.unwrap();
        self.until(browser, By::Id("keyin")).await;
    }

    /// A browser that no one has signed in at.
    pub(crate) async fn stranger(&self, lang: &str) -> WebDriver {
        self.driver.browser(lang).await
    }

    /// Waits for something to be on the page.
    pub(crate) async fn until(&self, browser: &WebDriver, what: By) -> WebElement {
        until(browser, what).await
    }

    /// Waits until another page is shown than this one.
    pub(crate) async fn left(&self, browser: &WebDriver, shown: &str) {
        let left = async { while browser.current_url().await.unwrap().as_str() == shown {} };
        tokio::time::timeout(MAX_WAIT, left)
            .await
            .expect("the page is still shown");
    }

    /// What the sandbox's books hold.
    pub(crate) fn books(&self) -> Vec<Value> {
        let books = self.control("GET", "/books", &Value::Null);
        books["transactions"].as_array().unwrap().clone()
    }

    pub(crate) fn fault(&self, name: &str) {
        self.faults(name, "approve", 1);
    }

    /// The same to another operation, and so many times.
    pub(crate) fn faults(&self, name: &str, on: &str, times: u32) {
        let fault = json!({ "fault": name, "on": on, "times": times });
        self.control("POST", "/faults", &fault);
    }

    /// From here on nothing goes wrong.
    pub(crate) fn clear_faults(&self) {
        self.control("DELETE", "/faults", &Value::Null);
    }

    /// Takes a payment through the API, so that there is something to see; returns it.
    pub(crate) fn sale(&self, order_no: &str) -> Value {
        self.pay(order_no, &json!({}))
    }

    /// The same, with other fields than most sales have.
    pub(crate) fn pay(&self, order_no: &str, other: &Value) -> Value {
        let mut sale = json!({
            "shop": "main", "order_no": order_no, "amount": 150_000, "product": "테스트 상품, \"특가\" 🎁",
            "buyer": { "name": "홍길동", "phone": "01000000000" },
            "card": { "number": "4111111111111111", "expiry": "2030-12" },
        });
        for (name, value) in other.as_object().unwrap() {
            sale[name] = value.clone();
        }
        self.api("/v1/payments", order_no, &sale)
    }

    /// Gives a part of a sale back through the API.
    pub(crate) fn cancel(&self, sale: &Value, amount: u64) {
        let path = format!(
            "/v1/payments/{}/cancellations",
            sale["id"].as_str().unwrap()
        );
        let part = json!({ "amount": amount, "reason": "고객 변심" });
        self.api(&path, "part", &part);
    }

    /// Has no one told of what happens, as a webhook that does not answer is; where it is to be seen.
    pub(crate) fn webhook(&self) -> String {
        let url = format!("http://{}/sugi", self.nobody.local_addr().unwrap());
        let made = self.api("/v1/webhooks", "w", &json!({ "url": url }));
        format!("/settings/webhooks/{}", made["id"].as_str().unwrap())
    }

    fn api(&self, path: &str, once: &str, body: &Value) -> Value {
        let key = self.about["api_key"].as_str().unwrap();
        let headers = format!("authorization: Bearer {key}\r\nidempotency-key: {once}\r\n");
        Self::ask(&self.about["url"], "POST", path, &headers, body)
    }

    /// Asks the sandbox's control port.
    fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        Self::ask(&self.about["sandbox"]["control"], method, path, "", body)
    }

    fn ask(at: &Value, method: &str, path: &str, headers: &str, body: &Value) -> Value {
        let host = at.as_str().unwrap().strip_prefix("http://").unwrap();
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let mut stream = TcpStream::connect(host).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 20"), "{head}");
        serde_json::from_str(body).unwrap_or_default()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        let _ = self.demo.kill();
        let _ = self.demo.wait();
    }
}

/// Waits for something to be on the page.
pub(crate) async fn until(browser: &WebDriver, what: By) -> WebElement {
    browser
        .query(what.clone())
        .wait(MAX_WAIT, Duration::from_millis(50))
        .first()
        .await
        .unwrap_or_else(|why| panic!("{what:?}: {why}"))
}

/// Types into whatever has the focus, key by key; returns how many keys that were.
pub(crate) async fn keys(browser: &WebDriver, text: &str) -> usize {
    browser
        .action_chain()
        .send_keys(text)
        .perform()
        .await
        .unwrap();
    text.chars().count()
}
