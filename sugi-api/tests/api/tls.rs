//! TLS of our own.

use std::sync::Arc;

use axum::{Router, routing::get};
use rustls::{ClientConfig, RootCertStore};
use sugi_api::{Limits, Listener, Tls, TlsError};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

#[tokio::test]
async fn requests_are_answered_over_tls_and_not_in_the_clear() {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = Tls::from_pem(
        pair.cert.pem().as_bytes(),
        pair.signing_key.serialize_pem().as_bytes(),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/", get(async || "answered"));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = tokio::spawn(sugi_api::serve(
        Listener::with_tls(listener, tls.unwrap()),
        router,
        Limits::default(),
        async { drop(stopped.await) },
    ));

    let mut roots = RootCertStore::empty();
    roots.add(pair.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = connector
        .connect("localhost".try_into().unwrap(), stream)
        .await
        .unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("answered"),
        "{answer}"
    );

    let mut plain = TcpStream::connect(address).await.unwrap();
    plain
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut refused = Vec::new();
    // The server may answer with a TLS alert or just close.
    let _ = plain.read_to_end(&mut refused).await;
    assert!(
        !refused.windows(8).any(|part| part == b"answered"),
        "answered in the clear"
    );

    drop(stop);
    assert_eq!(served.await.unwrap(), 0);
}

#[test]
fn what_cannot_be_used_is_told_apart() {
    let pair = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (one, two) = (pair(), pair());
    let (cert, key) = (one.cert.pem(), one.signing_key.serialize_pem());
    assert!(matches!(
        Tls::from_pem(b"", key.as_bytes()),
        Err(TlsError::Certificate)
    ));
    assert!(matches!(
        Tls::from_pem(cert.as_bytes(), b"nonsense"),
        Err(TlsError::Key)
    ));
    let other = two.signing_key.serialize_pem();
    assert!(matches!(
        Tls::from_pem(cert.as_bytes(), other.as_bytes()),
        Err(TlsError::Pair(_))
    ));
}
