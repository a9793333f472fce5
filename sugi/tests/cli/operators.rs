//! The first set-up, the operators and the audit from a shell.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::Value;
use sugi_store::Store;

use crate::{failure, files, run, serve::Service, sugi};

const PASSWORD: &str = "correct horse battery";

/// A folder with nothing in it yet.
struct Office(tempfile::TempDir);

impl Office {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// One that has been set up, by "kim".
    fn set_up() -> Self {
        let office = Self::new();
        let made = office.json(&["init", "--name", "kim", "--password-stdin", "--json"]);
        assert_eq!(made["name"], "kim");
        office
    }

    fn config(&self) -> PathBuf {
        self.0.path().join("sugi.toml")
    }

    fn ledger(&self) -> PathBuf {
        self.0.path().join("ledger")
    }

    /// Runs a command; whoever asks for a password is given the same one.
    fn sugi(&self, args: &[&str]) -> Output {
        self.sugi_with(args, PASSWORD)
    }

    fn sugi_with(&self, args: &[&str], stdin: &str) -> Output {
        run(sugi().args(args).env("SUGI_CONFIG", self.config()), stdin)
    }

    /// What a command answers that goes as asked: one JSON value.
    fn json(&self, args: &[&str]) -> Value {
        let lines = self.lines(args);
        assert_eq!(lines.len(), 1, "{args:?}");
        lines.into_iter().next().unwrap()
    }

    /// The same, one JSON value on each line.
    fn lines(&self, args: &[&str]) -> Vec<Value> {
        let output = self.sugi(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        let lines = text.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().unwrap()
    }

    /// What a command says that is refused.
    fn refused(&self, args: &[&str]) -> String {
        let (why, code) = failure(&self.sugi(args));
        assert_eq!(code, 2, "{args:?}: {why}");
        why
    }

    fn harm(&self, sql: &str) {
        let db = rusqlite::Connection::open(self.ledger().join("sugi.db")).unwrap();
        assert_eq!(db.execute(sql, []).unwrap(), 1, "{sql}");
    }
}

/// The user that these tests run as.
fn me() -> String {
    let id = std::process::Command::new("id")
        .arg("-un")
        .output()
        .unwrap();
    format!("cli:{}", String::from_utf8(id.stdout).unwrap().trim())
}

#[test]
fn the_first_set_up_makes_a_configuration_and_an_administrator_once() {
    let office = Office::new();
    let why = office.refused(&["init", "--password-stdin"]);
    assert!(why.contains("--name"), "{why}");
    let first = std::fs::read_to_string(office.config()).unwrap();
    let mode = std::fs::metadata(office.config())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let secret = office.0.path().join("access-secret");
    let mode = std::fs::metadata(&secret).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let sealed_with = std::fs::read_to_string(&secret).unwrap();
    assert_eq!(sealed_with.trim().len(), 64);
    let why = office.refused(&["init", "--name", "kim"]);
    assert!(why.contains("--password-stdin"), "{why}");
    let (why, code) =
        failure(&office.sugi_with(&["init", "--name", "kim", "--password-stdin"], "short\n"));
    assert!(code != 0 && why.contains("12 to 128 characters"), "{why}");
    assert_eq!(office.lines(&["user", "list", "--json"]).len(), 0);

    // What someone has made of the file stays.
    let theirs = first.replace("# idle_minutes = 15 ", "idle_minutes = 5 ");
    assert_ne!(first, theirs);
    std::fs::write(office.config(), &theirs).unwrap();
    let made = office.json(&["init", "--name", "kim", "--password-stdin", "--json"]);
    assert_eq!(
        made["roles"],
        serde_json::json!(["key_in", "cancel", "close", "administer"])
    );
    let kept = std::fs::read_to_string(office.config()).unwrap();
    assert_eq!(kept, theirs);
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), sealed_with);
    let why = office.refused(&["init", "--name", "lee", "--password-stdin"]);
    assert!(
        why.contains("already: kim") && why.contains("sugi user password"),
        "{why}"
    );

    let rows = office.lines(&["audit", "--json"]);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["actor"].as_str(), Some(me().as_str()));
    assert_eq!(rows[0]["subject"], "kim");
    for file in files(office.0.path()) {
        let text = std::fs::read(&file).unwrap();
        let found = text
            .windows(PASSWORD.len())
            .any(|part| part == PASSWORD.as_bytes());
        assert!(!found, "the password is in {}", file.display());
    }
}

#[test]
fn operators_are_added_and_changed_and_the_audit_tells() {
    let office = Office::set_up();
    let added = office.json(&[
        "user",
        "add",
        "lee",
        "--roles",
        "key_in,cancel",
        "--shops",
        "main",
        "--limit",
        "50000",
        "--password-stdin",
        "--json",
    ]);
    assert_eq!(added["roles"], serde_json::json!(["key_in", "cancel"]));
    assert_eq!(
        (&added["shops"][0], &added["amount_max"]),
        (&"main".into(), &50_000.into())
    );
    let change = |args: &[&str]| office.json(&[&["user"], args, &["--json"]].concat());
    assert_eq!(
        change(&["roles", "lee", "close"])["roles"],
        serde_json::json!(["close"])
    );
    assert_eq!(
        change(&["roles", "lee", "--none"])["roles"],
        serde_json::json!([])
    );
    let shops = change(&["shops", "lee", "main", "other"]);
    assert_eq!(shops["shops"], serde_json::json!(["main", "other"]));
    assert_eq!(
        change(&["shops", "lee", "--none"])["shops"],
        serde_json::json!([])
    );
    assert_eq!(change(&["shops", "lee", "--all"])["shops"], "all");
    assert_eq!(change(&["limit", "lee", "1004"])["amount_max"], 1004);
    assert!(change(&["limit", "lee", "--none"])["amount_max"].is_null());
    assert_eq!(change(&["lock", "lee"])["active"], false);
    assert_eq!(change(&["remove", "lee"])["active"], false);
    assert_eq!(change(&["unlock", "lee"])["active"], true);
    assert_eq!(change(&["codes-reset", "lee"])["has_codes"], false);
    assert_eq!(change(&["passkeys-reset", "lee"])["passkeys"], 0);
    change(&["password", "lee", "--password-stdin"]);
    let shown = office.json(&["user", "show", "lee", "--json"]);
    assert_eq!(
        (&shown["name"], &shown["sessions"]),
        (&"lee".into(), &serde_json::json!([]))
    );
    assert!(!shown.to_string().contains("argon2"));

    let rows = office.lines(&["audit", "--subject", "lee", "--json"]);
    let done: Vec<_> = rows
        .iter()
        .rev()
        .map(|row| row["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        done,
        [
            "user add: key_in, cancel",
            "user roles: close",
            "user roles: looks only",
            "user shops: main, other",
            "user shops: none",
            "user shops: all",
            "user limit: 1,004 KRW",
            "user limit: none",
            "user lock",
            "user lock",
            "user unlock",
            "user codes-reset",
            "user passkeys-reset",
            "user password",
        ]
    );
    assert!(
        rows.iter()
            .all(|row| row["actor"].as_str() == Some(&me()) && row["origin"] == "cli")
    );
    assert_eq!(
        office
            .lines(&["audit", "--actor", "operator:kim", "--json"])
            .len(),
        0
    );
    let said = String::from_utf8(office.sugi(&["user", "list"]).stdout).unwrap();
    assert!(
        said.contains("kim") && said.contains("looks only"),
        "{said}"
    );
}

#[test]
fn what_would_lock_everybody_out_or_means_nothing_is_refused() {
    let office = Office::set_up();
    for (args, named) in [
        (
            &["user", "lock", "kim"][..],
            "the last operator who can administer all shops",
        ),
        (
            &["user", "roles", "kim", "key_in"],
            "the last operator who can administer all shops",
        ),
        (
            &["user", "roles", "kim", "--none"],
            "the last operator who can administer all shops",
        ),
        (&["user", "lock", "lee"], "sugi user list"),
        (&["user", "show", "lee"], "there is no operator lee"),
        (
            &["user", "password", "lee", "--password-stdin"],
            "there is no operator lee",
        ),
        (
            &["user", "add", "kim", "--all-shops", "--password-stdin"],
            "choose another name",
        ),
        (
            &[
                "user",
                "add",
                "lee",
                "--roles",
                "boss",
                "--all-shops",
                "--password-stdin",
            ],
            "key_in, cancel, close",
        ),
        (
            &["user", "add", "lee", "--shops", "main"],
            "--password-stdin",
        ),
        (&["user", "add", "lee", "--password-stdin"], "--all-shops"),
        (&["user", "roles", "kim"], "required"),
        (&["user", "limit", "kim"], "required"),
        (
            &["user", "shops", "kim", "main", "--all"],
            "cannot be used with",
        ),
    ] {
        let why = office.refused(args);
        assert!(why.contains(named), "{args:?}: {why}");
        assert!(!why.contains(PASSWORD), "{why}");
    }
    // Nothing of it was done, so nothing of it is in the audit.
    assert_eq!(office.lines(&["audit", "--json"]).len(), 1);
    assert_eq!(
        office.lines(&["user", "list", "--json"])[0]["roles"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
}

#[test]
fn beside_a_service_operators_are_shown_and_not_changed() {
    let office = Office::set_up();
    let service = Store::open(&office.ledger()).unwrap();
    for args in [
        &["user", "add", "lee", "--all-shops", "--password-stdin"][..],
        &["user", "lock", "kim"],
        &["user", "password", "kim", "--password-stdin"],
        &["init", "--name", "lee", "--password-stdin"],
    ] {
        let (why, code) = failure(&office.sugi(args));
        assert!(
            code == 1 && why.contains("open in another process"),
            "{args:?}: {why}"
        );
    }
    assert_eq!(office.json(&["user", "list", "--json"])["name"], "kim");
    assert_eq!(
        office.json(&["user", "show", "kim", "--json"])["name"],
        "kim"
    );
    assert_eq!(office.json(&["audit", "--json"])["seq"], 1);
    assert_eq!(office.json(&["verify", "--json"])["audit_rows"], 1);
    let checkpoint = office.json(&["audit", "checkpoint", "--json"]);
    drop(service);
    // A ledger alone, without a configuration, is read as well.
    let alone = |args: &[&str]| -> Value {
        let output = run(sugi().args(args).arg("--data").arg(office.ledger()), "");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let same = alone(&["audit", "checkpoint", "--json"]);
    assert_eq!(same["checkpoint"], checkpoint["checkpoint"]);
    assert_eq!(same["installation"], checkpoint["installation"]);
    assert_eq!(alone(&["user", "list", "--json"])["name"], "kim");
}

/// Who was held in the night is let in by the machine's administrator, without stopping sales.
#[test]
fn beside_the_service_an_operator_is_unlocked_all_the_same() {
    let office = Office::set_up();
    let service = Service::start_at(&office.config(), &[]);
    for _ in 0..5 {
        assert_eq!(service.sign_in("kim", "not the password"), 401);
    }
    assert_eq!(service.sign_in("kim", PASSWORD), 429);
    let held = String::from_utf8(office.sugi(&["user", "list"]).stdout).unwrap();
    assert!(held.contains("held until"), "{held}");
    let unlocked = office.json(&["user", "unlock", "kim", "--json"]);
    assert_eq!(
        (&unlocked["name"], &unlocked["active"]),
        (&"kim".into(), &true.into())
    );
    assert_eq!(service.sign_in("kim", PASSWORD), 303);
    let rows = office.lines(&["audit", "--subject", "kim", "--json"]);
    let unlocked = rows.iter().find(|row| row["action"] == "user unlock");
    assert_eq!(unlocked.unwrap()["actor"].as_str(), Some(me().as_str()));
    let why = office.refused(&["user", "unlock", "lee"]);
    assert!(why.contains("there is no operator lee"), "{why}");
    // No one else on the machine reaches it, and it goes with the service.
    let socket = office.ledger().join("control.sock");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Killed, the service leaves it behind, which is in no one's way.
    drop(service);
    assert!(socket.exists());
    let shown = office.json(&["user", "unlock", "kim", "--json"]);
    assert_eq!(shown["name"], "kim");
    let mut service = Service::start_at(&office.config(), &[]);
    assert_eq!(
        office.json(&["user", "unlock", "kim", "--json"])["name"],
        "kim"
    );
    service.signal("-TERM");
    assert!(service.process.wait().unwrap().success());
    assert!(!socket.exists());
}

#[test]
fn a_checkpoint_that_was_kept_tells_what_was_cut_off_or_changed() {
    let office = Office::set_up();
    let add = |name: &str| {
        office.json(&[
            "user",
            "add",
            name,
            "--all-shops",
            "--password-stdin",
            "--json",
        ])
    };
    add("lee");
    add("park");
    let line = String::from_utf8(office.sugi(&["audit", "checkpoint"]).stdout).unwrap();
    let ledger = std::fs::canonicalize(office.ledger()).unwrap();
    assert!(
        line.starts_with("3:") && line.trim_end().ends_with(&path(&ledger)),
        "{line}"
    );
    let checkpoint = line.split_whitespace().next().unwrap();
    let verify = ["verify", "--checkpoint", checkpoint, "--json"];
    assert_eq!(
        office.json(&verify)["checkpoint"].as_str(),
        Some(checkpoint)
    );
    add("choi");
    assert_eq!(office.json(&verify)["audit_rows"], 4);

    let named = |args: &[&str], what: &str| {
        let (why, code) = failure(&office.sugi(args));
        assert!(code == 1 && why.contains(what), "{args:?}: {why}");
    };
    office.harm("delete from audit where seq = 4");
    assert_eq!(
        office.json(&verify)["audit_rows"],
        3,
        "what came after it is not checkpointed"
    );
    office.harm("delete from audit where seq = 3");
    assert_eq!(
        office.json(&["verify", "--json"])["audit_rows"],
        2,
        "cut off, it looks whole"
    );
    named(&verify, "audit row 3: it was cut off");
    add("moon");
    named(
        &verify,
        "audit row 3: it is not the row that was checkpointed",
    );
    office.harm("update audit set subject = 'somebody' where seq = 2");
    named(&["verify"], "audit row 2");
    named(&verify, "audit row 2");
    let why = office.refused(&["verify", "--checkpoint", "3:12"]);
    assert!(why.contains("64 hexadecimal digits"), "{why}");
}

fn path(path: &Path) -> String {
    path.display().to_string()
}
