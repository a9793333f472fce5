//! Traces in a program that was built without them.

use axum::Router;
use tokio::runtime::Handle;
use tracing_subscriber::{Layer, Registry};

use crate::{cli::Failure, config::TracesConfig};

/// There are none.
pub(crate) enum Traces {}

impl Traces {
    /// Refuses a configuration that asks for them.
    pub(crate) fn begin(_: &TracesConfig, _: Handle) -> Result<Self, Failure> {
        Err(
            Failure::new("[traces] is configured, and this sugi was built without them")
                .hint("build it with its feature `otel`, or take [traces] out")
                .code(2),
        )
    }

    pub(crate) fn layer(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        match *self {}
    }

    pub(crate) fn around(&self, _: Router) -> Router {
        match *self {}
    }

    pub(crate) fn end(&self) {
        match *self {}
    }
}
