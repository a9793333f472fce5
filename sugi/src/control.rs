//! A door of the running service for the machine's administrator: a socket in the ledger's folder.
//!
//! A ledger in a file belongs to the service alone while it runs, so `sugi user unlock` cannot write beside it.
//! It asks the service instead. Only the service's own user and root are listened to, by what the kernel says
//! of the other end. There is one request, a line, and one answer, a line of JSON.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sugi_access::Access;
use sugi_core::Actor;
use sugi_store::AuditEntry;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
};

use crate::{cli::Failure, cli::user, print, unix_user};

/// Its name in the ledger's folder.
const FILE: &str = "control.sock";
/// The longest line.
const BYTES_MAX: u64 = 4_096;
/// How long either end waits for the other.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// What can be asked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Ask {
    /// Let an operator sign in again.
    Unlock(Actor),
}

/// What becomes of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    /// It is done: the operator as they are now.
    Done(serde_json::Value),
    /// It is not.
    Refused(String),
}

/// The socket, as long as the service runs.
pub(crate) struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Opens it in the folder of a ledger that this process has to itself. Without it the service runs all
    /// the same.
    pub(crate) fn open(folder: &Path) -> Option<Self> {
        let path = folder.join(FILE);
        // No one else has the ledger, so what is there was left by a process that was killed.
        let _ = std::fs::remove_file(&path);
        let opened = UnixListener::bind(&path).and_then(|listener| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
            Ok(listener)
        });
        match opened {
            Ok(listener) => Some(Self { listener, path }),
            Err(why) => {
                let path = path.display();
                print::talk(&format!(
                    "warning: {path}: {why}; `sugi user unlock` has to wait until the service is stopped"
                ));
                None
            }
        }
    }

    /// Answers, one after the other, until it is told to end.
    pub(crate) async fn run(self, access: &Access, until: impl Future<Output = ()>) {
        let answer = async {
            loop {
                match self.listener.accept().await {
                    Ok((stream, _)) => {
                        let answered = tokio::time::timeout(MAX_WAIT, answer(access, stream));
                        if !matches!(answered.await, Ok(Ok(()))) {
                            tracing::warn!("a request at the control socket was not answered");
                        }
                    }
                    Err(why) => {
                        tracing::warn!(%why, "the control socket");
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
            }
        };
        tokio::select! {
            () = answer => {}
            () = until => {}
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn answer(access: &Access, mut stream: UnixStream) -> std::io::Result<()> {
    let theirs = stream.peer_cred()?.uid();
    let ours = rustix::process::geteuid().as_raw();
    let answer = if theirs == ours || theirs == 0 {
        let line = line(&mut stream).await?;
        match serde_json::from_str(&line) {
            Ok(Ask::Unlock(name)) => unlock(access, &name, theirs).await,
            Err(_) => Answer::Refused("the service does not know this request".into()),
        }
    } else {
        Answer::Refused("run it as the service's user, or as root".into())
    };
    let mut text = serde_json::to_vec(&answer)?;
    text.push(b'\n');
    stream.write_all(&text).await?;
    stream.shutdown().await
}

async fn line(stream: &mut UnixStream) -> std::io::Result<String> {
    let mut line = String::new();
    let mut read = BufReader::new(stream.take(BYTES_MAX));
    read.read_line(&mut line).await?;
    Ok(line)
}

async fn unlock(access: &Access, name: &Actor, uid: u32) -> Answer {
    let operator = match access.unlock(name).await {
        Ok(operator) => operator,
        Err(why) => return Answer::Refused(why.to_string()),
    };
    let audit_entry = AuditEntry {
        at: access.clock().now(),
        actor: format!("cli:{}", unix_user::name_of(uid)),
        action: "user unlock".into(),
        subject: name.to_string(),
        outcome: "done".into(),
        origin: "cli".into(),
    };
    match access.write_down(audit_entry).await {
        Ok(()) => Answer::Done(user::as_json(&operator)),
        Err(why) => Answer::Refused(format!("it is done, but it is not in the audit: {why}")),
    }
}

/// Asks the service that has a ledger's folder. `None` if none answers there.
pub(crate) async fn ask(folder: &Path, ask: &Ask) -> Option<Result<serde_json::Value, Failure>> {
    let mut stream = UnixStream::connect(folder.join(FILE)).await.ok()?;
    let asking = async {
        let mut text = serde_json::to_vec(ask)?;
        text.push(b'\n');
        stream.write_all(&text).await?;
        line(&mut stream).await
    };
    let failed = |why: &dyn std::fmt::Display| {
        Failure::new(format!("the running service did not answer: {why}"))
            .hint("look into its log, and at `sugi user show` for what became of it")
    };
    let answer = match tokio::time::timeout(MAX_WAIT, asking).await {
        Ok(Ok(text)) => text,
        Ok(Err(why)) => return Some(Err(failed(&why))),
        Err(why) => return Some(Err(failed(&why))),
    };
    Some(match serde_json::from_str(&answer) {
        Ok(Answer::Done(operator)) => Ok(operator),
        Ok(Answer::Refused(why)) => Err(Failure::new(why).code(2)),
        Err(why) => Err(failed(&why)),
    })
}
