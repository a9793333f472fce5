//! Everything has a limit.

use std::time::Duration;

/// What a service takes at most. At a limit the answer is a clear error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Open connections. Three quarters of them are for callers who have shown neither a key nor a session: one of
    /// the address with the most is cut for the next that comes. The rest is the reserve of those who have.
    pub connections: usize,
    /// Connections of one address without a key or a session; more are told 429.
    pub connections_per_address: usize,
    /// Requests at work at once; more are told 503.
    pub requests: usize,
    /// Requests at work at once with one API key; more are told 429.
    pub requests_per_key: usize,
    /// How long a request's headers may take to arrive, and a connection may stand idle.
    pub header_read: Duration,
    /// How long a request's body may take to arrive; then it is told 408.
    pub body_read: Duration,
    /// How long an answer may wait for its caller to read on; then the connection is cut.
    pub answer_write: Duration,
    /// How many headers; a request with more is told 431.
    pub headers: usize,
    /// How many bytes a connection holds of headers; a request with more is told 431.
    pub header_bytes: usize,
    /// How many bytes the disk of an embedded ledger must have free for the service to be ready.
    pub disk_free_bytes: u64,
    /// How long a stop waits for open requests.
    pub stop: Duration,
}

/// Descriptors that are neither a connection nor a call for one: the ledger's files or its database, the log, webhooks.
const OWN_DESCRIPTORS: usize = 128;

impl Limits {
    /// 8,192 connections, 2,048 of an address that has shown no key; 4,096 requests, 2,048 per key; ten seconds for
    /// headers and for bodies, twenty for an answer to be read on; 64 headers in 16 KiB, 256 MB of free disk, and 45
    /// seconds for a stop: longer than a call to KCP can last.
    pub const DEFAULT: Self = Self {
        connections: 8_192,
        connections_per_address: 2_048,
        requests: 4_096,
        requests_per_key: 2_048,
        header_read: Duration::from_secs(10),
        body_read: Duration::from_secs(10),
        answer_write: Duration::from_secs(20),
        headers: 64,
        header_bytes: 16 * 1024,
        disk_free_bytes: 256_000_000,
        stop: Duration::from_secs(45),
    };

    /// The same with no more than a process can do that may have so many open files. A request that is at work may
    /// take a second one, for its call to KCP.
    #[must_use]
    pub fn within(self, descriptors: u64) -> Self {
        let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
        let usable = descriptors.saturating_sub(OWN_DESCRIPTORS);
        let connections = self.connections.min(usable / 3 * 2);
        let requests = self.requests.min(usable / 3);
        Self {
            connections,
            connections_per_address: self.connections_per_address.min(connections / 4),
            requests,
            requests_per_key: self.requests_per_key.min(requests),
            ..self
        }
    }

    /// How many connections may be of callers who have shown neither a key nor a session.
    pub(crate) fn unauthenticated(&self) -> usize {
        self.connections - self.connections / 4
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_fits_into_the_descriptors() {
        for descriptors in [256, 1_024, 4_096, 20_000, u64::MAX] {
            let limits = Limits::DEFAULT.within(descriptors);
            let most = limits.connections + limits.requests + OWN_DESCRIPTORS;
            assert!(most as u64 <= descriptors, "{descriptors}: {limits:?}");
            assert!(limits.connections_per_address * 4 <= limits.connections);
            assert!(limits.unauthenticated() < limits.connections);
        }
        assert_eq!(Limits::DEFAULT.within(u64::MAX), Limits::DEFAULT);
    }
}
