//! Letters to a mail server on loopback, over real TLS.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

mod post;

use sugi_mail::{EmailMessage, Mailer, Security, SendError, Server, ServerError};

use self::post::{Mood, Post};

fn server(post: &Post) -> Server {
    let mut server = Server::new("localhost", "가게 <shop@example.com>");
    server.port = Some(post.address.port());
    server.authority = Some(post.authority.clone().into_bytes());
    server
}

fn email_message() -> EmailMessage {
    EmailMessage {
        html: Some("<p>감사합니다</p>".into()),
        id: Some("k1".into()),
        ..EmailMessage::text("kim@example.com", "매출전표", "감사합니다")
    }
}

#[tokio::test]
async fn a_letter_arrives_over_tls_with_all_that_is_in_it() {
    let post = Post::open(Mood::Good).await;
    let mut server = server(&post);
    server.login = Some(("shop".into(), "geheim".to_owned().into()));
    assert!(!format!("{server:?}").contains("geheim"));
    Mailer::new(server)
        .unwrap()
        .send(email_message())
        .await
        .unwrap();
    let [arrived] = &post.arrived(1).await[..] else {
        panic!("more than one letter")
    };
    assert_eq!(arrived.to, ["<kim@example.com>"]);
    assert!(arrived.over_tls && arrived.login.is_some(), "{arrived:?}");
    for part in [
        "Message-ID: <k1@example.com>",
        "text/plain",
        "text/html",
        "To: kim@example.com",
    ] {
        assert!(arrived.body.contains(part), "{part}: {}", arrived.body);
    }
}

#[tokio::test]
async fn no_letter_goes_to_a_server_that_is_not_believed() {
    let post = Post::open(Mood::Good).await;
    let stranger = Server {
        authority: None,
        ..server(&post)
    };
    let no_tls = Post::open(Mood::Plain).await;
    for server in [stranger, server(&no_tls)] {
        let sent = Mailer::new(server).unwrap().send(email_message()).await;
        assert!(matches!(sent, Err(SendError::NotSent(_))), "{sent:?}");
    }
    assert!(post.email_messages().is_empty() && no_tls.email_messages().is_empty());
    let clear = Server {
        security: Security::None,
        ..Server::new("mail.example.com", "shop@example.com")
    };
    assert!(matches!(Mailer::new(clear), Err(ServerError::Clear(_))));
    let nobody = Server::new("localhost", "shop");
    assert!(matches!(Mailer::new(nobody), Err(ServerError::From)));
}

#[tokio::test]
async fn a_failure_tells_whether_the_letter_may_be_out() {
    for (mood, may_be_out) in [(Mood::NoSuchMailbox, false), (Mood::HangsUp, true)] {
        let post = Post::open(mood).await;
        let sent = Mailer::new(server(&post))
            .unwrap()
            .send(email_message())
            .await;
        let unknown = matches!(sent, Err(SendError::Unknown(_)));
        assert!(sent.is_err() && unknown == may_be_out, "{mood:?}: {sent:?}");
        assert_eq!(post.email_messages().len(), usize::from(may_be_out));
        let said = sent.unwrap_err().to_string();
        assert!(!said.contains("kim@"), "{said}");
    }
    // No one is there.
    let post = Post::open(Mood::Good).await;
    let gone = server(&post);
    let gone = Server {
        port: Some(1),
        ..gone
    };
    let sent = Mailer::new(gone).unwrap().send(email_message()).await;
    assert!(matches!(sent, Err(SendError::NotSent(_))), "{sent:?}");
}

#[tokio::test]
async fn nothing_but_one_address_is_taken() {
    let post = Post::open(Mood::Good).await;
    let mailer = Mailer::new(server(&post)).unwrap();
    for to in [
        "",
        "kim",
        "kim@example.com, lee@example.com",
        "Kim <kim@example.com>",
        "kim@example.com\r\nBcc: lee@example.com",
        "kim@example.com>\r\nRCPT TO:<lee@example.com",
    ] {
        let to = EmailMessage::text(to, "x", "x");
        let sent = mailer.send(to).await;
        assert!(matches!(sent, Err(SendError::Address)), "{sent:?}");
    }
    let two_lines = EmailMessage::text(
        "kim@example.com",
        "x\r\nBcc: lee@example.com",
        "x\r\n.\r\nQUIT",
    );
    mailer.send(two_lines).await.unwrap();
    let [arrived] = &post.email_messages()[..] else {
        panic!("{:?}", post.email_messages())
    };
    assert_eq!(arrived.to, ["<kim@example.com>"]);
    assert!(
        !arrived.body.contains("\r\nBcc:") && arrived.body.contains("QUIT"),
        "{}",
        arrived.body
    );
}
