//! What `docs/webhooks.md` tells receivers to do, done: in each of its languages.

use std::{path::Path, process::Command};

use sugi_clock::Clock;
use sugi_core::PublicEvent;
use sugi_webhooks::{BACKOFF, SigningSecret, signature};

const DOCUMENT: &str = include_str!("../../../docs/webhooks.md");
const BODY: &str = r#"{"id":"evt_1","product":"테스트 상품"}"#;

/// The document's code in a language.
fn code(language: &str) -> &str {
    let (_, rest) = DOCUMENT.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

/// Has a program in a language look at a message: signed with two secrets, the right one of them second;
/// then with the body changed; then an old one.
fn told(run: impl Fn(&Path, &[String]) -> Command) {
    let dir = tempfile::tempdir().unwrap();
    let (secret, other) = (SigningSecret::new(), SigningSecret::new());
    let now = Clock::real().now();
    let day = jiff::SignedDuration::from_hours(24);
    for (at, body, right) in [
        (now, BODY, true),
        (now, r#"{"id":"evt_2"}"#, false),
        (now - day, BODY, false),
    ] {
        let sign = |secret: &SigningSecret| signature(secret, "evt_1", at, BODY.as_bytes());
        let signatures = format!("{} {}", sign(&other), sign(&secret));
        let at = at.as_second().to_string();
        let args = [secret.as_str(), "evt_1", &at, &signatures, body];
        let output = run(dir.path(), &args.map(ToOwned::to_owned))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout)
            .trim()
            .to_lowercase();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said, right.to_string(), "{body}: {complaint}");
    }
}

#[test]
fn python_knows_what_is_from_sugi() {
    told(|dir, args| {
        let call = r#"
import sys
secret, id, at, signature, body = sys.argv[1:]
headers = {"webhook-id": id, "webhook-timestamp": at, "webhook-signature": signature}
print(verify(secret, headers, body.encode()))
"#;
        std::fs::write(dir.join("verify.py"), format!("{}{call}", code("python"))).unwrap();
        let mut python = Command::new("python3");
        python.arg(dir.join("verify.py")).args(args);
        python
    });
}

#[test]
fn javascript_knows_what_is_from_sugi() {
    told(|dir, args| {
        let call = r#"
const [secret, id, at, signature, body] = process.argv.slice(2);
const headers = { "webhook-id": id, "webhook-timestamp": at, "webhook-signature": signature };
console.log(verify(secret, headers, Buffer.from(body)));
"#;
        std::fs::write(dir.join("verify.mjs"), format!("{}{call}", code("js"))).unwrap();
        let mut node = Command::new("node");
        node.arg(dir.join("verify.mjs")).args(args);
        node
    });
}

#[test]
fn java_knows_what_is_from_sugi() {
    told(|dir, args| {
        let main = r#"
public class Main {
    public static void main(String[] args) throws Exception {
        var headers = Map.of("webhook-id", args[1], "webhook-timestamp", args[2], "webhook-signature", args[3]);
        System.out.println(Webhook.verify(args[0], headers, args[4].getBytes(StandardCharsets.UTF_8)));
    }
}
"#;
        // The file's first class is the one that is run.
        let (imports, webhook) = code("java").split_once("\n\n").unwrap();
        let file = dir.join("Main.java");
        std::fs::write(&file, format!("{imports}\n{main}\n{webhook}")).unwrap();
        let mut java = Command::new("java");
        java.arg("-Dfile.encoding=UTF-8")
            .arg("-Dsun.jnu.encoding=UTF-8")
            .arg(file)
            .args(args);
        java.env("LC_ALL", "C.UTF-8");
        java
    });
}

#[test]
fn every_type_is_told_of_and_the_ladder_is_the_one_that_is_climbed() {
    for public_event in PublicEvent::ALL {
        let named = format!("`{}`", public_event.as_str());
        assert!(DOCUMENT.contains(&named), "{named}");
    }
    let steps = "5 seconds, 5 minutes, half an hour, 2, 5, 10, 14, 20 and 24 hours";
    assert!(DOCUMENT.replace('\n', " ").contains(steps));
    let minutes = BACKOFF.map(|step| step.as_secs() / 60);
    assert_eq!(minutes, [0, 5, 30, 120, 300, 600, 840, 1_200, 1_440]);
    assert_eq!(BACKOFF[0].as_secs(), 5);
}
