//! What a process tells while it runs: the log, on stderr, and a service's traces.

use std::io::{self, Write};

use nhn_kcp::pan::{self, Rule};
use tracing_subscriber::{
    EnvFilter, Layer, Registry, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// Sets up the log: `SUGI_LOG` says what is in it, `SUGI_LOG_FORMAT=json` makes each line an object. A
/// service tells of every request, a command only of trouble. Spans of traces go to `traces` alone.
pub(crate) fn begin(service: bool, traces: Option<Box<dyn Layer<Registry> + Send + Sync>>) {
    let usual = if service { "info" } else { "warn" };
    let filter = EnvFilter::try_from_env("SUGI_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    let filter = match format!("{}=off", sugi_engine::TRACES).parse() {
        Ok(none) => filter.add_directive(none),
        Err(_) => filter,
    };
    let json = std::env::var("SUGI_LOG_FORMAT").is_ok_and(|format| format == "json");
    let lines = || {
        fmt::layer()
            .with_writer(|| Masked(io::stderr()))
            .with_ansi(false)
            .log_internal_errors(false)
    };
    let log = tracing_subscriber::registry().with(traces);
    if json {
        log.with(lines().json().with_filter(filter)).init();
    } else {
        log.with(lines().with_filter(filter)).init();
    }
}

/// Writes lines of the log with every card number in them masked. None of ours puts one there; what others
/// say (the database, the gateway, a library) goes through here as well.
struct Masked<W>(W);

impl<W: Write> Write for Masked<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A line comes whole.
        let text = String::from_utf8_lossy(line);
        let safe = pan::hidden(&text, Rule::Stored);
        self.0.write_all(safe.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_the_log_holds_a_card_number() {
        let mut out = Vec::new();
        let mut log = Masked(&mut out);
        let id = "pay_0193b0a1c2d37e4f4111111111111111";
        writeln!(log, "why=\"4111-1111-1111-1111 is no number\" id={id}").unwrap();
        let said = String::from_utf8(out).unwrap();
        assert_eq!(
            said,
            format!("why=\"411111******1111 is no number\" id={id}\n")
        );
    }
}
