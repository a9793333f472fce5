//! Real PostgreSQL servers for tests: private, short-lived, and gone afterwards.
//!
//! ```no_run
//! // A fresh database in the server that all tests of a run share.
//! let database = pg_for_tests::database();
//! println!("{}", database.url());
//! // A server of one's own, to be killed.
//! let server = pg_for_tests::Server::start(&[]);
//! server.kill();
//! ```
//!
//! The server's binaries are Debian's (`/usr/lib/postgresql/*/bin`, the newest wins, or what
//! `PG_FOR_TESTS_BIN` names). If there are none, tests that need them fail and say what to install.
//!
//! Tests run in processes of their own and end in many ways, so none of them can be the one that
//! stops the server. A keeper does, a shell script of its own (`keeper.sh`): users hold a lock,
//! which the kernel takes from them when they end, and once no one has held it for two seconds the
//! keeper stops the server and removes it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "it is part of tests: what goes wrong here fails them"
)]

use std::{
    fs::{self, File},
    net::TcpListener,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

const KEEPER: &str = include_str!("keeper.sh");
/// Tenths of a second that the shared server outlives its last user: the next test may be near.
const LINGER: &str = "20";

/// A database of a test's own.
#[derive(Debug, Clone)]
pub struct Database {
    url: String,
}

impl Database {
    /// Its address, with user and password.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs SQL in it through `psql` and returns what that prints, without headings.
    #[allow(
        clippy::must_use_candidate,
        reason = "many statements have nothing to say"
    )]
    pub fn sql(&self, sql: &str) -> String {
        psql(&self.url, sql)
    }
}

/// Makes a fresh, empty database in the server that is shared by all tests that run at the time.
#[must_use]
pub fn database() -> Database {
    static SHARED: OnceLock<Server> = OnceLock::new();
    let shared = SHARED.get_or_init(|| {
        let uid = fs::metadata("/proc/self").map_or(0, |me| me.uid());
        Server::enter(
            std::env::temp_dir().join(format!("pg-for-tests-{uid}")),
            LINGER,
            &[],
            None,
        )
    });
    shared.database()
}

/// A server that runs at least as long as this is kept.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    url: String,
    pid: u32,
    /// Whether the folder is this server's alone.
    own: bool,
    _user: File,
}

impl Server {
    /// Starts a server of one's own, with settings such as `max_wal_senders=4`.
    #[must_use]
    pub fn start(settings: &[&str]) -> Self {
        Self::enter(own_folder(), "0", settings, None)
    }

    /// Starts a server of one's own that has files beside its data, which settings can name as
    /// `../NAME`: certificates and the like.
    #[must_use]
    pub fn start_with_files(settings: &[&str], files: &[(&str, &str)]) -> Self {
        let folder = own_folder();
        fs::create_dir_all(&folder).expect("a folder for PostgreSQL");
        for (name, content) in files {
            let path = folder.join(name);
            fs::write(&path, content).expect("a file for PostgreSQL");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
                .expect("a file for PostgreSQL");
            if is_root() {
                run(Command::new("chown").arg("postgres").arg(&path));
            }
        }
        Self::enter(folder, "0", settings, None)
    }

    /// Where its files are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where it answers: `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        self.url
            .rsplit_once('@')
            .map_or(&self.url, |(_, address)| address)
    }

    /// Starts a standby of this server, which streams from it under a name that
    /// `synchronous_standby_names` can use.
    #[must_use]
    pub fn standby(&self, name: &str) -> Self {
        Self::enter(own_folder(), "0", &["hot_standby=on"], Some((self, name)))
    }

    /// Makes a fresh, empty database.
    #[must_use]
    pub fn database(&self) -> Database {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "t{}_{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        psql(
            &format!("{}/postgres", self.url),
            &format!("create database {name}"),
        );
        self.named(&name)
    }

    /// A database that exists, by its name.
    #[must_use]
    pub fn named(&self, name: &str) -> Database {
        Database {
            url: format!("{}/{name}", self.url),
        }
    }

    /// Kills the server as a power cut would: no goodbye, nothing written.
    pub fn kill(&self) {
        let pid = self.pid.to_string();
        // Its children would notice only after a while, and go on answering until then.
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        let mut kill = Command::new("sh");
        // A child may have ended meanwhile by itself, so what `kill` says of it does not count.
        run(kill
            .args(["-c", "kill -KILL $0; kill -KILL $@ 2>/dev/null; true"])
            .arg(&pid)
            .args(children.split_whitespace()));
    }

    /// Makes a standby the primary, and waits until it is.
    pub fn promote(&self) {
        self.named("postgres").sql("select pg_promote(true, 30)");
    }

    fn enter(
        folder: PathBuf,
        linger: &str,
        settings: &[&str],
        primary: Option<(&Self, &str)>,
    ) -> Self {
        let own = linger == "0";
        fs::create_dir_all(&folder).expect("a folder for PostgreSQL");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))
            .expect("a folder for PostgreSQL");
        let lock = |name: &str| {
            let path = folder.join(name);
            File::options()
                .create(true)
                .append(true)
                .open(path)
                .expect("a lock for PostgreSQL")
        };
        let user = lock("users");
        user.lock_shared().expect("a lock for PostgreSQL");
        // Of many tests that begin at once, one starts the server.
        let start = lock("start");
        start.lock().expect("a lock for PostgreSQL");
        let kept = lock("keeper").try_lock().is_err();
        let ready = folder.join("ready");
        if !kept || !ready.exists() {
            let _ = fs::remove_file(&ready);
            if let Some((primary, name)) = primary {
                copy(primary, name, &folder);
            }
            keep(&folder, linger, settings);
        }
        let told = fs::read_to_string(&ready).expect("the server's address");
        let (url, pid) = told.trim().split_once('\n').expect("the server's address");
        Self {
            url: url.into(),
            pid: pid.parse().expect("a process"),
            own,
            folder,
            _user: user,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.own {
            return;
        }
        // The keeper would see that no one is left; this only spares it the wait, and waits for it.
        let _ = Command::new("kill")
            .args(["-INT", &self.pid.to_string()])
            .stderr(Stdio::null())
            .status();
        let keeper = File::open(self.folder.join("keeper"));
        if let Ok(keeper) = keeper {
            wait(Duration::from_secs(15), || keeper.try_lock().is_ok());
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Sets a keeper to work on a folder, and waits until the server answers.
fn keep(folder: &Path, linger: &str, settings: &[&str]) {
    let failed = folder.join("failed");
    let binaries = binaries();
    let script = folder.join("keeper.sh");
    fs::write(&script, KEEPER).expect("a script");
    let mut why = String::new();
    // The port is free when it is looked up, and may be someone else's a moment later.
    for _ in 0..3 {
        let _ = fs::remove_file(&failed);
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|free| free.local_addr())
            .expect("a port")
            .port();
        let log = File::options()
            .create(true)
            .append(true)
            .open(folder.join("log"))
            .expect("a log");
        Command::new("setsid")
            .args(["--fork", "sh"])
            .arg(&script)
            .arg(folder)
            .arg(&binaries)
            .args([&port.to_string(), linger])
            .args(settings)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .status()
            .expect("setsid, which every Debian has");
        let ended = wait(Duration::from_mins(1), || {
            folder.join("ready").exists() || failed.exists()
        });
        if ended && folder.join("ready").exists() {
            return;
        }
        why = fs::read_to_string(&failed).unwrap_or_else(|_| "nothing happened".into());
    }
    let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
    panic!("PostgreSQL did not start: {why}\n{log}");
}

/// Copies a running server into a folder, to follow it.
fn copy(primary: &Server, name: &str, folder: &Path) {
    let data = folder.join("data");
    let source = format!("{}/postgres?application_name={name}", primary.url);
    let mut command = as_server();
    if is_root() {
        run(Command::new("chown").arg("postgres:postgres").arg(folder));
    }
    command
        .current_dir("/")
        .arg(binaries().join("pg_basebackup"));
    run(command
        .args([
            "--wal-method=stream",
            "--write-recovery-conf",
            "--checkpoint=fast",
            "-d",
            &source,
            "-D",
        ])
        .arg(data));
    run(Command::new("cp")
        .args(["-p"])
        .arg(primary.folder.join("password"))
        .arg(folder));
}

fn own_folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let n = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("pg-for-tests-own-{}-{n}", std::process::id()))
}

fn binaries() -> PathBuf {
    if let Some(named) = std::env::var_os("PG_FOR_TESTS_BIN") {
        return named.into();
    }
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let newest = versions
        .filter(|path| path.join("bin/initdb").exists())
        .max_by_key(|path| version(path));
    newest
        .expect("tests need PostgreSQL's server: apt-get install postgresql")
        .join("bin")
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// A command that runs as a user that PostgreSQL accepts.
fn as_server() -> Command {
    if is_root() {
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
            "--",
        ]);
        command
    } else {
        Command::new("env")
    }
}

fn psql(url: &str, sql: &str) -> String {
    run(Command::new(binaries().join("psql")).args([
        "-X",
        "-q",
        "-A",
        "-t",
        "-v",
        "ON_ERROR_STOP=1",
        "-d",
        url,
        "-c",
        sql,
    ]))
}

fn run(command: &mut Command) -> String {
    let output = command
        .stdin(Stdio::null())
        .output()
        .expect("a command that every Debian has");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}: {said}",
        command.get_program().display()
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Looks every 10 ms, at most so long; says whether it came true.
fn wait(most: Duration, mut done: impl FnMut() -> bool) -> bool {
    let pause = Duration::from_millis(10);
    for _ in 0..most.as_millis() / pause.as_millis() {
        if done() {
            return true;
        }
        std::thread::sleep(pause);
    }
    done()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_database_is_there_and_its_own() {
        let (one, two) = (super::database(), super::database());
        one.sql("create table t (n bigint)");
        assert_eq!(one.sql("select count(*) from t"), "0");
        assert_eq!(
            two.sql("select count(*) from pg_class where relname = 't'"),
            "0"
        );
        assert_eq!(one.sql("show fsync"), "on");
    }
}
