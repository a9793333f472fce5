//! Work for callers who are not signed in is little, and few of them have it done at once.

use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpSocket, TcpStream},
};

use crate::{browser::Browser, http::Answer, test_app::TestApp};

/// How many pieces of such work an address has at once.
const AT_ONCE: usize = 16;

const HEAD: &str = "POST /sign-in HTTP/1.1\r\nhost: sugi\r\nconnection: close\r\n\
                    content-type: application/x-www-form-urlencoded\r\n";

async fn begin(address: &str, test_app: &TestApp, request: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind(format!("{address}:0").parse().unwrap())
        .unwrap();
    let mut stream = socket.connect(test_app.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_sign_in_is_small_and_bodies_that_do_not_arrive_keep_no_one_out() {
    let test_app = TestApp::new().await;
    let long = "x".repeat(9_000);
    let answer = Browser::new(test_app.address)
        .post("/sign-in", &[("name", &long)])
        .await;
    assert_eq!(answer.status, 413);

    // Bodies that never arrive are no work, so they keep no one at their address from it, and no one elsewhere.
    let never = format!("{HEAD}content-length: 100\r\n\r\nname=");
    let mut open = Vec::new();
    for _ in 0..=AT_ONCE {
        open.push(begin("127.0.0.2", &test_app, &never).await);
    }
    let whole = format!("{HEAD}content-length: 27\r\n\r\nname=small&password=x&next=");
    let mut stream = begin("127.0.0.2", &test_app, &whole).await;
    let answer = Answer::read(&mut stream).await;
    assert_eq!(answer.status, 401, "{answer:?}");
    test_app.sign_in("small").await;
    drop(open);
}
