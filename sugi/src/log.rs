//! What a process tells while it runs: the log, on stderr, and a service's traces.

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
            .with_writer(std::io::stderr)
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
