//! Traces to an OpenTelemetry collector, over OTLP and HTTP.
//!
//! A request that brings a `traceparent` goes on with its caller's trace; its `tracestate` is left out. What a span may hold is
//! decided where it is made (`sugi_engine::TRACES`); nothing else is exported, and no line of the log.

mod post;

use axum::{Router, extract::Request, http::HeaderMap, middleware::Next, response::Response};
use opentelemetry::{
    propagation::{Extractor, TextMapPropagator as _},
    trace::FutureExt as _,
    trace::TracerProvider as _,
};
use opentelemetry_otlp::{WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tokio::runtime::Handle;
use tracing_subscriber::{Layer, Registry, filter::filter_fn};

use self::post::Post;
use crate::{cli::Failure, config::TracesConfig};

/// The trace of a caller, and nothing else of its headers: `tracestate` is free text of any caller, and would go to the
/// collector with every span.
struct TraceParent<'a>(&'a HeaderMap);

impl Extractor for TraceParent<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let parent = self.0.get(name).filter(|_| name == TRACEPARENT);
        parent.and_then(|parent| parent.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

/// The header of a caller's trace.
const TRACEPARENT: &str = "traceparent";

/// Traces that are being exported.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to export. Spans are sent in the background; where the collector does not keep up, or is
    /// away, they are dropped: no payment waits for a trace.
    pub(crate) fn begin(config: &TracesConfig, runtime: Handle) -> Result<Self, Failure> {
        let post = Post::new(&config.endpoint, runtime)
            .map_err(|why| Failure::new(format!("traces.endpoint: {why}")).code(2))?;
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_endpoint(post.traces())
            .with_http_client(post)
            .build()?;
        let resource = Resource::builder()
            .with_service_name("sugi")
            .with_attribute(opentelemetry::KeyValue::new(
                "service.version",
                env!("CARGO_PKG_VERSION"),
            ))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        Ok(Self(provider))
    }

    /// What hands spans over to the export.
    pub(crate) fn layer(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        let ours = filter_fn(|what| what.is_span() && what.target() == sugi_engine::TRACES);
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("sugi"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false)
            .with_filter(ours)
            .boxed()
    }

    /// Makes requests go on with the traces of their callers.
    #[allow(
        clippy::unused_self,
        reason = "there are traces only where there is a self"
    )]
    pub(crate) fn around(&self, router: Router) -> Router {
        let go_on = async |request: Request, next: Next| -> Response {
            let caller = TraceParent(request.headers());
            let caller = TraceContextPropagator::new().extract(&caller);
            next.run(request).with_context(caller).await
        };
        router.layer(axum::middleware::from_fn(go_on))
    }

    /// Sends what is left.
    pub(crate) fn end(&self) {
        // A collector that is away must not make the end of a service look like a failure.
        if let Err(why) = self.0.shutdown() {
            tracing::warn!(%why, "the last traces were not sent");
        }
    }
}
