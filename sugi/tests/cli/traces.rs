//! Traces, as a collector gets them.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    sync::mpsc,
};

use kcp_sandbox::{Fault, FaultKind};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{Span, Status, span::SpanKind, status::StatusCode},
};
use prost::Message as _;

use crate::{
    CARD, Desk, MAX_WAIT, failure, run,
    serve::{Service, key},
    sugi,
};

/// A collector on loopback that takes OTLP over HTTP and hands on what it got.
struct Collector {
    endpoint: String,
    got: mpsc::Receiver<Vec<u8>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (hand_on, got) = mpsc::channel();
        std::thread::spawn(move || {
            // Ends with the test's process, or with its receiver.
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let (mut line, mut length, mut head) = (String::new(), 0, String::new());
                while stream.read_line(&mut line).unwrap() > 2 {
                    let lower = line.to_ascii_lowercase();
                    if let Some(told) = lower.strip_prefix("content-length:") {
                        length = told.trim().parse().unwrap();
                    }
                    head.push_str(&lower);
                    line.clear();
                }
                assert!(head.starts_with("post /v1/traces http/1.1"), "{head}");
                assert!(
                    head.contains("content-type: application/x-protobuf"),
                    "{head}"
                );
                let mut body = vec![0; length];
                stream.read_exact(&mut body).unwrap();
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                stream.get_mut().write_all(answer).unwrap();
                if hand_on.send(body).is_err() {
                    return;
                }
            }
        });
        Self { endpoint, got }
    }

    /// All spans until `enough` of them are there, and the bytes they came in.
    fn spans(&self, enough: impl Fn(&[Span]) -> bool) -> (Vec<Span>, Vec<u8>) {
        let (mut spans, mut bytes) = (Vec::new(), Vec::new());
        while !enough(&spans) {
            let body = self
                .got
                .recv_timeout(MAX_WAIT)
                .unwrap_or_else(|_| panic!("no more spans came: {spans:#?}"));
            let told = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
            let scopes = told
                .resource_spans
                .into_iter()
                .flat_map(|one| one.scope_spans);
            spans.extend(scopes.flat_map(|scope| scope.spans));
            bytes.extend(body);
        }
        (spans, bytes)
    }
}

fn attribute<'a>(span: &'a Span, name: &str) -> &'a str {
    use opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue;
    let found = span.attributes.iter().find(|one| one.key == name);
    match found.and_then(|one| one.value.as_ref()?.value.as_ref()) {
        Some(StringValue(text)) => text,
        _ => "",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_goes_on_with_its_callers_trace_and_tells_nothing_of_card_or_buyer() {
    let desk = Desk::new().await;
    let (key, collector) = (key(&desk), Collector::start());
    let env = [("SUGI_TRACES__ENDPOINT", collector.endpoint.as_str())];
    let mut service = Service::start_with(&desk, &env);
    // What a caller writes beside its trace is anything, a card number among it.
    let traced = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\
                  tracestate: x=4111111111111111";
    let (status, paid) = service.pay_with(&key, "ORDER-SEEN-BY-NOBODY", CARD, traced);
    assert_eq!(status, 201);
    let id = paid["id"].as_str().unwrap();
    // A lost answer is settled in traces of its own: its caller has gone on long before.
    desk.sandbox
        .fault(Fault::new(FaultKind::LoseAnswer))
        .unwrap();
    assert_eq!(service.pay(&key, "ORDER-LOST-BY-ALL", CARD).0, 202);
    let reversed = |spans: &[Span]| {
        let settled = spans.iter().filter(|span| span.name == "settle");
        settled
            .map(|span| attribute(span, "outcome"))
            .any(|outcome| outcome == "reversed")
    };
    let (mut spans, mut bytes) = collector.spans(reversed);
    service.signal("-TERM");
    assert!(service.process.wait().unwrap().success());
    while let Ok(body) = collector.got.try_recv() {
        let told = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
        let scopes = told
            .resource_spans
            .into_iter()
            .flat_map(|one| one.scope_spans);
        spans.extend(scopes.flat_map(|scope| scope.spans));
        bytes.extend(body);
    }

    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    };
    let callers = "0af7651916cd43dd8448eb211c80319c";
    let of_caller: Vec<_> = spans
        .iter()
        .filter(|span| hex(&span.trace_id) == callers)
        .collect();
    let named = |name: &str| {
        let found = of_caller.iter().find(|span| span.name == name);
        *found.unwrap_or_else(|| panic!("no {name} among {of_caller:#?}"))
    };
    let (http, pay, kcp) = (
        named("POST /v1/payments"),
        named("pay"),
        named("kcp approve"),
    );
    assert_eq!(of_caller.len(), 3);
    assert_eq!(hex(&http.parent_span_id), "b7ad6b7169203331");
    assert_eq!(pay.parent_span_id, http.span_id);
    assert_eq!(kcp.parent_span_id, pay.span_id);
    assert_eq!(
        (http.kind(), kcp.kind()),
        (SpanKind::Server, SpanKind::Client)
    );
    assert_eq!(attribute(http, "http.route"), "/v1/payments");
    assert_eq!(
        (attribute(pay, "shop"), attribute(pay, "payment")),
        ("main", id)
    );
    assert_eq!(
        (attribute(kcp, "shop"), attribute(kcp, "call")),
        ("main", "approve")
    );
    assert_eq!(
        (attribute(pay, "outcome"), attribute(kcp, "outcome")),
        ("approved", "approved")
    );

    let lost = spans
        .iter()
        .find(|span| span.name == "kcp approve" && attribute(span, "outcome") == "lost");
    let status = lost.and_then(|span| span.status.as_ref());
    assert_eq!(status.map(Status::code), Some(StatusCode::Error));
    for (call, outcome) in [("look up", "found"), ("cancel", "cancel_done")] {
        let seen =
            |span: &&Span| attribute(span, "call") == call && attribute(span, "outcome") == outcome;
        assert_eq!(
            spans.iter().filter(seen).count(),
            1,
            "{call} {outcome}: {spans:#?}"
        );
    }

    for canary in ["ORDER-SEEN", "ORDER-LOST", "411111", "951010", "2030-12"] {
        let found = bytes
            .windows(canary.len())
            .any(|window| window == canary.as_bytes());
        assert!(!found, "{canary} is in a trace");
    }
}

#[test]
fn a_collector_that_cannot_be_spoken_to_stops_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("sugi.toml");
    std::fs::write(
        &config,
        "shop = {}\ntraces.endpoint = \"https://collector:4318\"\n",
    )
    .unwrap();
    let (why, code) = failure(&run(sugi().arg("serve").env("SUGI_CONFIG", &config), ""));
    assert!(code == 2 && why.contains("traces.endpoint"), "{why}");
}
