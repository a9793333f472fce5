//! Connections: what counts as not sent, when one is used again, and how answers may be framed.

use std::time::Duration;

use nhn_kcp::{
    ApproveError, CancelError, InquireError, LostWhy, MoneyMoved, NotSent, Timeouts, Tno,
};
use tokio::net::TcpListener;

use crate::house::{full, inquiry, patient, sale};
use crate::raw::{self, Act, Server, http, success};

fn a_tno() -> Tno {
    Tno::parse("26542357804508").unwrap()
}

#[tokio::test]
async fn a_refused_connection_is_not_sent() {
    // A port that is taken, so that no one else gets it, and that no one listens on.
    let nobody = tokio::net::TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    let client = raw::client(&url, patient()).await;
    let error = client.approve(sale("A-1", 1000)).await.unwrap_err();
    assert!(
        matches!(error, ApproveError::NotSent(NotSent::Connect(_))),
        "{error:?}"
    );
    assert_eq!(error.money_moved(), MoneyMoved::No);
    let error = client.cancel(&full(&a_tno())).await.unwrap_err();
    assert!(
        matches!(error, CancelError::NotSent(NotSent::Connect(_))),
        "{error:?}"
    );
    let error = client.inquire(&inquiry(&a_tno())).await.unwrap_err();
    assert!(
        matches!(error, InquireError::NotSent(NotSent::Connect(_))),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_tls_handshake_that_does_not_end_is_not_sent() {
    // Takes the connection and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let connect = Duration::from_millis(100);
    let client = raw::client(
        &url,
        Timeouts {
            connect,
            ..patient()
        },
    )
    .await;
    let error = client.approve(sale("A-1", 1000)).await.unwrap_err();
    assert_eq!(error, ApproveError::NotSent(NotSent::ConnectTimedOut));
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_not_sent_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { drop(listener.accept().await) });
    let client = raw::client(&url, patient()).await;
    let error = client.approve(sale("A-1", 1000)).await.unwrap_err();
    assert!(
        matches!(error, ApproveError::NotSent(NotSent::Tls(_))),
        "{error:?}"
    );
}

#[tokio::test]
async fn silence_after_the_request_is_unknown() {
    let server = Server::start(|_| Act::Answer(Vec::new())).await;
    let answer = Duration::from_millis(100);
    let client = server
        .client(Timeouts {
            answer,
            ..patient()
        })
        .await;
    let error = client.approve(sale("A-1", 1000)).await.unwrap_err();
    assert!(matches!(&error, ApproveError::Unknown(lost) if lost.why == LostWhy::TimedOut));
    assert_eq!(error.money_moved(), MoneyMoved::Maybe);
}

#[tokio::test]
async fn one_connection_serves_many_calls() {
    let server = Server::start(|_| Act::Answer(http(&success("A-1", 1000)))).await;
    let client = server.client(patient()).await;
    for _ in 0..5 {
        client.approve(sale("A-1", 1000)).await.unwrap();
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn no_connection_is_kept_if_so_wished() {
    let server = Server::start(|_| Act::Answer(http(&success("A-1", 1000)))).await;
    let client = server
        .client(Timeouts {
            idle: Duration::ZERO,
            ..patient()
        })
        .await;
    for _ in 0..3 {
        client.approve(sale("A-1", 1000)).await.unwrap();
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_not_written_to() {
    let mut server = Server::start(|_| Act::AnswerAndClose(http(&success("A-1", 1000)))).await;
    let client = server.client(patient()).await;
    for round in 1..=20 {
        // Each time on a fresh connection, because the last one was closed: never lost, never unsent.
        client.approve(sale("A-1", 1000)).await.unwrap();
        server.closed.recv().await.unwrap();
        assert_eq!(server.connections(), round);
    }
}

/// The other side closes while this runtime is busy with something else and cannot have noticed.
#[tokio::test]
async fn a_close_that_the_runtime_did_not_see_is_seen() {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = raw::client(
        &format!("http://{}", listener.local_addr().unwrap()),
        patient(),
    )
    .await;
    let (close, closing) = std::sync::mpsc::channel();
    let (tell, closed) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            // A request is smaller than this and comes in one piece on loopback.
            assert!(stream.read(&mut [0; 8192]).unwrap() > 1000);
            stream.write_all(&http(&success("A-1", 1000))).unwrap();
            closing.recv().unwrap();
            drop(stream);
            tell.send(()).unwrap();
        }
    });
    client.approve(sale("A-1", 1000)).await.unwrap();
    close.send(()).unwrap();
    // Blocks the runtime on purpose.
    closed.recv().unwrap();
    client.approve(sale("A-1", 1000)).await.unwrap();
}

#[tokio::test]
async fn a_connection_with_something_unasked_on_it_is_not_used_again() {
    let twice = [http(&success("A-1", 1000)), http(&success("A-1", 1000))].concat();
    let server = Server::start(move |_| Act::Answer(twice.clone())).await;
    let client = server.client(patient()).await;
    client.approve(sale("A-1", 1000)).await.unwrap();
    client.approve(sale("A-1", 1000)).await.unwrap();
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn an_answer_meant_for_another_order_is_unknown_without_a_number() {
    let server = Server::start(|_| Act::Answer(http(&success("A-1", 1000)))).await;
    let client = server.client(patient()).await;
    let error = client.approve(sale("A-2", 1000)).await.unwrap_err();
    let ApproveError::Unknown(lost) = error else {
        panic!("{error:?}")
    };
    assert_eq!((lost.why, lost.tno), (LostWhy::WrongOrder, None));
}

/// Cuts a whole HTTP answer at every byte, however its length is told.
#[tokio::test]
async fn a_stream_cut_at_any_byte_is_unknown() {
    let body = success("A-1", 1000);
    let counted = http(&body);
    let chunked = {
        let (one, two) = body.split_at(40);
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n",
            one.len(),
            two.len()
        )
        .into_bytes()
    };
    let to_the_end = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}").into_bytes();
    for whole in [counted, chunked, to_the_end] {
        let length = whole.len();
        let text = String::from_utf8(whole.clone()).unwrap();
        let complete = text.find("26542357804508\"").map(|at| at + 15).unwrap();
        let server = Server::start(move |cut| Act::AnswerAndClose(whole[..cut].to_vec())).await;
        let client = server.client(patient()).await;
        for cut in 0..length {
            let error = client.approve(sale("A-1", 1000)).await;
            let Err(ApproveError::Unknown(lost)) = error else {
                panic!("{cut}: {error:?}")
            };
            assert_eq!(lost.tno.is_some(), cut >= complete, "{cut}");
        }
        client.approve(sale("A-1", 1000)).await.unwrap();
    }
}

#[tokio::test]
async fn answers_that_are_not_http_are_unknown() {
    for garbage in [
        "SSH-2.0-x\r\n",
        "HTTP/1.1 999999 x\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx\r\n\r\n",
    ] {
        let server = Server::start(move |_| Act::AnswerAndClose(garbage.into())).await;
        let client = server.client(patient()).await;
        let error = client.approve(sale("A-1", 1000)).await.unwrap_err();
        assert!(
            matches!(&error, ApproveError::Unknown(lost) if lost.why == LostWhy::Disconnected),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn another_status_is_unknown_even_with_a_refusal_in_it() {
    let body = r#"{"res_cd":"8015","res_msg":"no","tno":"26542357804508"}"#;
    for status in [201, 301, 400, 403, 404, 500, 503] {
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nlocation: /\r\n\r\n",
            body.len()
        );
        let server = Server::start(move |_| Act::Answer((head.clone() + body).into_bytes())).await;
        let client = server.client(patient()).await;
        let error = client.approve(sale("A-1", 1000)).await.unwrap_err();
        let ApproveError::Unknown(lost) = error else {
            panic!("{error:?}")
        };
        assert_eq!(
            (lost.why, lost.tno),
            (LostWhy::HttpStatus(status), Some(a_tno()))
        );
        assert_eq!(server.connections(), 1);
    }
}

#[test]
fn a_client_outlives_the_runtime_it_was_first_used_on() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let (first, second) = (runtime(), runtime());
    // The server has a runtime and a thread of its own.
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        runtime().block_on(async move {
            let server = Server::start(|_| Act::Answer(http(&success("A-1", 1000)))).await;
            tell.send(server.client(patient()).await).unwrap();
            std::future::pending::<()>().await;
        });
    });
    let client = told.recv().unwrap();
    first.block_on(client.approve(sale("A-1", 1000))).unwrap();
    drop(first);
    second.block_on(client.approve(sale("A-1", 1000))).unwrap();
}
