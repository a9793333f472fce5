//! Everything has a limit.

use std::time::Duration;

/// What a service takes at most. At a limit the answer is a clear error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Open connections; more wait to be accepted.
    pub connections: usize,
    /// Requests at work at once; more are told 503.
    pub requests: usize,
    /// Requests at work at once with one API key; more are told 429.
    pub requests_per_key: usize,
    /// How long a request's headers may take to arrive, and a connection may stand idle.
    pub header_read: Duration,
    /// How long a request's body may take to arrive; then it is told 408.
    pub body_read: Duration,
    /// How many headers; a request with more is told 431.
    pub headers: usize,
    /// How many bytes a connection holds of headers; a request with more is told 431.
    pub header_bytes: usize,
    /// How many bytes the disk of an embedded ledger must have free for the service to be ready.
    pub disk_free_bytes: u64,
    /// How long a stop waits for open requests.
    pub stop: Duration,
}

impl Default for Limits {
    /// 8,192 connections, 4,096 requests, 2,048 per key, ten seconds for headers and for bodies,
    /// 64 headers in 16 KiB, 256 MB of free disk, and 45 seconds for a stop: longer than a call to KCP can last.
    fn default() -> Self {
        Self {
            connections: 8_192,
            requests: 4_096,
            requests_per_key: 2_048,
            header_read: Duration::from_secs(10),
            body_read: Duration::from_secs(10),
            headers: 64,
            header_bytes: 16 * 1024,
            disk_free_bytes: 256_000_000,
            stop: Duration::from_secs(45),
        }
    }
}
