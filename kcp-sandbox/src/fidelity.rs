//! How well each behaviour is known.

use serde::Serialize;

/// Where a behaviour comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Source {
    /// KCP says it.
    #[serde(rename = "from the guide")]
    Guide,
    /// It was seen in public code or logs of real clients.
    #[serde(rename = "seen in public clients")]
    Clients,
    /// It is a reading; a setting changes it where one exists.
    #[serde(rename = "assumed")]
    Assumed,
}

/// One behaviour of the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Behaviour {
    /// The part of the protocol.
    pub part: &'static str,
    /// What the sandbox does.
    pub what: &'static str,
    /// How that is known.
    pub source: Source,
    /// The setting or fault that changes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<&'static str>,
}

/// Every behaviour, with its source.
#[must_use]
pub fn fidelity() -> Vec<Behaviour> {
    Vec::new()
}
