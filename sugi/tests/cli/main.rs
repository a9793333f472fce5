//! The program as people and scripts run it: real processes, a real sandbox, a real ledger.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test"
)]

mod backup;
mod bad_input;
mod bench;
mod commands;
mod demo;
mod faults;
mod kill;
mod mail;
mod open_files;
mod operators;
mod output;
mod pan_scan;
#[path = "../../../sugi-mail/tests/it/post.rs"]
#[allow(dead_code, reason = "the tests of mail use all of it")]
mod post;
mod purge;
mod secrets;
mod serve;
#[cfg(feature = "otel")]
mod traces;

use std::{
    io::Write as _,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use kcp_sandbox::Sandbox;
use serde_json::Value;

/// The guide's holder: the card, its proof. Digits that must be nowhere afterwards.
const CARD: &str = r#"{"number": "4111111111111111", "expiry": "2030-12",
    "holder_proof": {"birth_or_business_no": "951010", "password_prefix": "00"}}"#;

/// A folder with a `sugi.toml` at a sandbox.
struct Desk {
    dir: tempfile::TempDir,
    sandbox: Sandbox,
}

impl Desk {
    async fn new() -> Self {
        let sandbox = Sandbox::builder().order_lookup(true).start().await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        sandbox.credentials().write_to(dir.path()).unwrap();
        let toml = format!(
            r#"
            data = "ledger"
            [shop.main]
            site_cd = "{}"
            gateway = "{}"
            cert = "splCert.pem"
            key = "splPrikeyPKCS8.pem"
            key_password = "{}"
            contract.unauthenticated = true
            contract.order_lookup = true
            seconds = {{ connect = 20, answer = 20, uncertainty_window = 2, backoff = [0, 0.05, 0.2] }}
            "#,
            sandbox.credentials().site_cd,
            sandbox.url(),
            sandbox.credentials().key_password,
        );
        let file = dir.path().join("sugi.toml");
        std::fs::write(&file, toml).unwrap();
        // It may hold secrets later.
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        Self { dir, sandbox }
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("sugi.toml")
    }

    /// Runs a command on this desk. The sandbox goes on meanwhile: it lives on other threads.
    fn sugi(&self, args: &[&str], stdin: &str) -> Output {
        run(sugi().args(args).env("SUGI_CONFIG", self.config()), stdin)
    }

    /// Runs a command that answers with one JSON value.
    fn json(&self, args: &[&str], stdin: &str) -> Value {
        let output = self.sugi(args, stdin);
        let text = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|why| {
            panic!(
                "{args:?}: {why}: {text}{}",
                String::from_utf8_lossy(&output.stderr)
            )
        })
    }

    fn pay(&self, order: &str, amount: &str) -> Value {
        self.json(
            &["pay", "--order", order, "--amount", amount, "--json"],
            CARD,
        )
    }
}

fn sugi() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sugi"));
    command.env_remove("SUGI_CONFIG");
    command
}

fn run(command: &mut Command, stdin: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that fails early closes its stdin.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

/// Long enough for everything that is to come, on a busy machine.
const MAX_WAIT: Duration = Duration::from_mins(1);

/// Asks again and again until it is so.
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let since = tokio::time::Instant::now();
    while !so() {
        assert!(since.elapsed() < MAX_WAIT, "waited in vain: {what}");
        std::thread::yield_now();
    }
}

/// What a failed command said, and its exit code.
fn failure(output: &Output) -> (String, i32) {
    (
        String::from_utf8(output.stderr.clone()).unwrap(),
        output.status.code().unwrap(),
    )
}

/// Every file below a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}
