//! The services that are measured: processes of their own, so that their work is theirs alone.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::wire::read;
use crate::{cli::Failure, print};

/// What a process says once it can be asked.
const READY: &str = "listening on http://";

/// A running service. It ends when it is dropped.
pub(super) struct Service {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Service {
    /// Starts this program with these arguments and a configuration. Of the environment it sees
    /// nothing of sugi's but what is given here. The log of requests is off: the pass-through has
    /// none.
    pub(super) fn start(
        args: &[&str],
        config: &Path,
        env: &[(&str, &str)],
    ) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SUGI_") {
                command.env_remove(name);
            }
        }
        command
            .args(args)
            .arg("--config")
            .arg(config)
            .env("SUGI_LOG", "warn")
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let said = child.stderr.take().map(BufReader::new);
        let mut said = said.into_iter().flat_map(BufRead::lines).flatten();
        let mut last = String::new();
        let address = said.by_ref().find_map(|line| {
            let address = line.strip_prefix(READY).map(str::parse);
            last = line;
            address
        });
        let Some(Ok(address)) = address else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(Failure::new(format!(
                "{} did not start: {last}",
                args.join(" ")
            )));
        };
        std::thread::spawn(move || said.for_each(|line| print::talk(&line)));
        Ok(Self { child, address })
    }

    /// The processor time it has used, where the system tells it.
    pub(super) fn cpu(&self) -> Option<Duration> {
        cpu_of(&self.child.id().to_string())
    }

    /// A number of its metrics.
    pub(super) async fn metric(&self, name: &str) -> Result<u64, Failure> {
        let mut stream = TcpStream::connect(self.address).await?;
        let ask = b"GET /metrics HTTP/1.1\r\nHost: bench\r\n\r\n";
        stream.write_all(ask).await?;
        let mut answer = Vec::new();
        read(&mut stream, &mut answer).await?;
        let text = String::from_utf8_lossy(&answer);
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        value
            .and_then(|value| value.trim().parse().ok())
            .ok_or_else(|| Failure::new(format!("the service does not tell {name}")))
    }
}

impl Drop for Service {
    /// Ends it without asking: nothing is in flight any more, and a ledger has to stand that.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What programs are told a tick of processor time is, on Linux.
const TICK: Duration = Duration::from_millis(10);

/// The processor time of a process; `self` is this one.
pub(super) fn cpu_of(process: &str) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in brackets may hold anything; numbers begin behind it with the third field.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = |field: usize| fields.get(field - 3)?.parse::<u32>().ok();
    Some(TICK * (ticks(14)? + ticks(15)?))
}

/// The processor time of all processes of this name.
pub(super) fn cpu_of_all(name: &str) -> Option<Duration> {
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let named = processes.filter_map(|process| {
        let process = process.file_name().into_string().ok()?;
        let known = std::fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
        (known.trim_end() == name).then(|| cpu_of(&process))?
    });
    Some(named.sum())
}

/// The processor time that the whole machine has spent working.
pub(super) fn cpu_of_machine() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let fields: Vec<u64> = stat
        .lines()
        .next()?
        .split_ascii_whitespace()
        .skip(1)
        .map_while(|field| field.parse().ok())
        .collect();
    // User, nice, system, (idle, waiting for disks,) interrupts of two kinds, stolen by a host.
    let busy: u64 = [0, 1, 2, 5, 6, 7]
        .iter()
        .filter_map(|at| fields.get(*at))
        .sum();
    Some(TICK * u32::try_from(busy).ok()?)
}
