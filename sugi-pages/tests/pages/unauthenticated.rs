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
async fn a_sign_in_is_small_and_few_are_at_work_for_an_address() {
    let test_app = TestApp::new().await;
    let long = "x".repeat(9_000);
    let answer = Browser::new(test_app.address)
        .post("/sign-in", &[("name", &long)])
        .await;
    assert_eq!(answer.status, 413);

    // Bodies that never end. Which of them are read first does not matter: one more than may be is refused.
    let never = format!("{HEAD}content-length: 100\r\n\r\nname=");
    let mut open = Vec::new();
    for _ in 0..=AT_ONCE {
        open.push(begin("127.0.0.2", &test_app, &never).await);
    }
    let waits = open.iter_mut().map(|stream| Box::pin(Answer::read(stream)));
    let (refused, _, _) = futures_util::future::select_all(waits).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.text.contains("요청이 너무 많습니다") || refused.text.contains("Too much"));
    // Somebody elsewhere signs in meanwhile.
    test_app.sign_in("small").await;
}
