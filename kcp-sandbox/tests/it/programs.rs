//! The guide's samples as programs that really run, in the languages that people use.

use std::path::PathBuf;
use std::process::Stdio;

use kcp_sandbox::Sandbox;

use crate::client::lint_names;

/// Runs a program of `tests/it/programs` against a sandbox and gives what it printed.
async fn run(sandbox: &Sandbox, interpreter: &str, package: &str, file: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/programs")
        .join(file);
    let dir = tempfile::tempdir().unwrap();
    let certificate = dir.path().join("splCert.pem");
    std::fs::write(&certificate, &sandbox.credentials().cert_pem).unwrap();
    let output = tokio::task::spawn_blocking({
        let (interpreter, url) = (interpreter.to_owned(), sandbox.url().to_owned());
        move || {
            std::process::Command::new(interpreter)
                .arg(path)
                .args([url, certificate.display().to_string()])
                .stdin(Stdio::null())
                .output()
        }
    });
    let output = output.await.unwrap().unwrap_or_else(|e| {
        panic!("{interpreter} cannot be run ({e}): install it, on Debian with `apt-get install {package}`")
    });
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{file}: {talk}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn java_breaks_a_name_with_a_comma() {
    let sandbox = Sandbox::start().await.unwrap();
    let printed = run(&sandbox, "java", "default-jdk-headless", "Sample.java").await;
    assert!(printed.contains("\"res_cd\":\"0000\""), "{printed}");
    assert_eq!(sandbox.books().transactions[0].kind, "unauthenticated");
    assert_eq!(
        lint_names(&sandbox),
        [
            "forbidden_character:good_name",
            "java_comma_crlf:good_name",
            "missing_charset"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn node_is_approved() {
    let sandbox = Sandbox::start().await.unwrap();
    let printed = run(&sandbox, "node", "nodejs", "sample.mjs").await;
    assert_eq!(printed.trim(), "0000 정상처리");
    assert_eq!(sandbox.books().transactions[0].kind, "authenticated");
    assert_eq!(lint_names(&sandbox), ["missing_charset"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn python_is_approved() {
    let sandbox = Sandbox::start().await.unwrap();
    let printed = run(&sandbox, "python3", "python3", "sample.py").await;
    assert_eq!(printed.trim(), "0000 정상처리");
    assert_eq!(sandbox.books().transactions[0].kind, "authenticated");
    assert_eq!(
        lint_names(&sandbox),
        ["missing_charset", "stray_charset_header"]
    );
}
