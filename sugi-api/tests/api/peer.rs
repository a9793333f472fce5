//! Where a request comes from, as handlers are told, those of other routers as well.

use axum::{Router, routing::get};
use sugi_api::{ClientAddress, Limits, Listener};
use tokio::net::TcpListener;

use crate::{http::Request, test_app::TestApp};

/// A router of someone else's, merged into the API's.
async fn told(proxies: &[&str], headers: &[(&str, &str)]) -> String {
    let test_app = TestApp::new().await;
    let pages = Router::new().route(
        "/whoami",
        get(async |ClientAddress(ip): ClientAddress| ip.to_string()),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let proxies = proxies.iter().map(|proxy| proxy.parse().unwrap());
    let listening = Listener::from(listener).behind(proxies);
    let router = sugi_api::router(&test_app.api, pages);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = tokio::spawn(sugi_api::serve(
        listening,
        router,
        Limits::default(),
        async {
            drop(stopped.await);
        },
    ));
    let mut request = Request::new(address, "GET", "/whoami");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let answer = request.send().await;
    drop(stop);
    served.await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text
}

#[tokio::test]
async fn handlers_of_every_router_are_told_the_address() {
    let claim = ("x-forwarded-for", "192.0.2.7");
    assert_eq!(told(&[], &[]).await, "127.0.0.1");
    assert_eq!(told(&[], &[claim]).await, "127.0.0.1", "it was believed");
    assert_eq!(told(&["127.0.0.1"], &[]).await, "127.0.0.1");
    assert_eq!(told(&["127.0.0.1"], &[claim]).await, "192.0.2.7");
    let elsewhere = told(&["127.0.0.2", "10.0.0.0/8"], &[claim]).await;
    assert_eq!(elsewhere, "127.0.0.1", "no proxy of ours was believed");
    let two = [claim, ("X-Forwarded-For", "10.0.0.1, 198.51.100.1")];
    assert_eq!(told(&["127.0.0.1"], &two).await, "198.51.100.1");
}
