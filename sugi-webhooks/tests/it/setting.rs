//! Setting webhooks up and taking them away.

use sugi_webhooks::{
    Answer, BadAddress, BadAuthority, Line, NOT_REACHED, NewWebhook, Targets, WEBHOOKS_MOST,
    WebhookError,
};

use crate::{
    receiver::Receiver,
    test_app::{TestApp, new},
};

const URL: &str = "https://shop.example.com/sugi";

fn keyed(url: &str, key: &str) -> NewWebhook {
    NewWebhook {
        key: Some(("key:shop".into(), key.into())),
        ..new(url)
    }
}

#[tokio::test]
async fn asked_twice_it_is_set_up_once() {
    let test_app = TestApp::new();
    let (first, secret, again) = test_app.webhooks.add(keyed(URL, "k")).await.unwrap();
    assert!(!again);
    let (second, same, again) = test_app.webhooks.add(keyed(URL, "k")).await.unwrap();
    assert_eq!((second, same, again), (first.clone(), secret, true));
    let other = test_app
        .webhooks
        .add(keyed("https://example.com/", "k"))
        .await;
    assert!(matches!(other, Err(WebhookError::KeyReused)), "{other:?}");
    test_app.webhooks.add(keyed(URL, "l")).await.unwrap();
    // What another key made of its secret is not this one's to hear.
    let renewed = test_app.webhooks.renew_secret(&first.id, None).await;
    renewed.unwrap();
    let again = test_app.webhooks.add(keyed(URL, "k")).await;
    assert!(matches!(again, Err(WebhookError::Renewed)), "{again:?}");
    let all = test_app.webhooks.all().await.unwrap();
    assert_eq!(all.len(), 2);
    assert!(all.iter().any(|one| one.id == first.id));
    test_app.webhooks.remove(&first.id).await.unwrap();
    assert_eq!(test_app.webhooks.get(&first.id).await.unwrap(), None);
    assert_eq!(test_app.webhooks.all().await.unwrap().len(), 1);
}

#[tokio::test]
async fn its_secret_is_in_no_file() {
    let test_app = TestApp::new();
    let (webhook, secret) = test_app.webhook(URL).await;
    let (next, _) = test_app
        .webhooks
        .renew_secret(&webhook.id, None)
        .await
        .unwrap();
    for file in ["sugi.db", "sugi.db-wal"] {
        let bytes = std::fs::read(test_app.dir.path().join(file)).unwrap();
        for secret in [&secret, &next] {
            let text = secret.as_str().trim_start_matches("whsec_").as_bytes();
            assert!(
                !bytes.windows(text.len()).any(|part| part == text),
                "{file}"
            );
        }
    }
}

#[tokio::test]
async fn while_its_secret_changes_it_signs_with_both() {
    let (test_app, receiver) = (TestApp::new(), Receiver::begin(&[]).await);
    let (webhook, old) = test_app.webhook(&receiver.url).await;
    let renew = async |key| {
        let by = Some(("key:shop", key));
        test_app
            .webhooks
            .renew_secret(&webhook.id, by)
            .await
            .unwrap()
    };
    let (new, again) = renew("k").await;
    assert!(!again);
    assert_eq!(renew("k").await, (new.clone(), true));
    let try_out = async || {
        let webhook = test_app.webhooks.get(&webhook.id).await.unwrap().unwrap();
        let answer = test_app.webhooks.try_out(&webhook, "k").await;
        assert_eq!(answer, Answer::Status(200));
        receiver.got().pop().unwrap()
    };
    let got = try_out().await;
    assert_eq!(
        (got.signed_by(&new), got.signed_by(&old)),
        (Some(0), Some(1))
    );
    assert!(
        got.body.contains(r#""type":"webhook.test""#),
        "{}",
        got.body
    );
    test_app.advance(24 * 3_600);
    let got = try_out().await;
    assert_eq!((got.signed_by(&new), got.signed_by(&old)), (Some(0), None));
}

#[tokio::test]
async fn without_a_secret_of_the_installation_there_is_none() {
    let test_app = TestApp::with(None, None);
    let none = test_app.webhooks.add(new(URL)).await;
    assert!(matches!(none, Err(WebhookError::NoSecret)), "{none:?}");
    assert!(test_app.webhooks.all().await.unwrap().is_empty());
}

/// What a webhook must not reach: this machine, inner networks, a cloud's metadata.
#[tokio::test]
async fn inner_addresses_are_told_only_where_the_configuration_says_so() {
    let (test_app, receiver) = (TestApp::new(), Receiver::begin(&[]).await);
    let public = test_app.reaching(Targets::public());
    for url in [
        receiver.url.as_str(),
        "http://localhost:8081/",
        "http://[::1]:8081/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fd00:ec2::254]/",
        "https://[::ffff:169.254.169.254]/",
        "https://100.64.0.1/",
    ] {
        let refused = public.add(new(url)).await;
        assert!(
            matches!(refused, Err(WebhookError::Address(BadAddress::NotPublic))),
            "{url}: {refused:?}"
        );
    }
    // One that was set up while it was allowed is not told any more either.
    let (webhook, _) = test_app.webhook(&receiver.url).await;
    let Answer::None(why) = public.try_out(&webhook, "k").await else {
        panic!("it was told");
    };
    assert!(why.contains("webhooks.allow_networks"), "{why}");
    // Nor is what only turns out when its name is looked up: a name, and a number that is one.
    let port = receiver.url.rsplit(':').next().unwrap();
    for (host, says) in [
        ("localhost", "webhooks.allow_networks"),
        // TLS has no such name, so it does not come so far.
        ("2130706433", NOT_REACHED),
        ("127.1", NOT_REACHED),
    ] {
        let url = format!("https://{host}:{port}");
        let (webhook, _) = test_app.webhook(&url).await;
        let Answer::None(why) = public.try_out(&webhook, "k").await else {
            panic!("{url} was told");
        };
        assert!(why.contains(says), "{url}: {why}");
    }
    assert!(receiver.got().is_empty());
    assert_eq!(
        test_app.webhooks.try_out(&webhook, "k").await,
        Answer::Status(200)
    );
}

#[tokio::test]
async fn there_are_only_so_many() {
    let test_app = TestApp::new();
    for _ in 0..WEBHOOKS_MOST {
        test_app.webhook(URL).await;
    }
    let more = test_app.webhooks.add(new(URL)).await;
    assert!(matches!(more, Err(WebhookError::TooMany)), "{more:?}");
}

#[tokio::test]
async fn whoever_is_not_there_is_not_told() {
    let test_app = TestApp::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let (webhook, _) = test_app.webhook(&url).await;
    let Answer::None(why) = test_app.webhooks.try_out(&webhook, "k").await else {
        panic!("somebody was there")
    };
    assert!(why.starts_with("not reached: "), "{why}");
    assert_eq!(test_app.webhooks.tries(), (0, 1));
}

#[tokio::test]
async fn who_takes_it_and_says_no_end_has_taken_it() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let test_app = TestApp::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (webhook, _) = test_app.webhook(&url).await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut part = [0; 4_096];
        let _ = stream.read(&mut part).await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head).await.unwrap();
        // And nothing more, for as long as the other end is there.
        let _ = stream.read(&mut part).await;
        std::future::pending::<()>().await;
    });
    let answer = test_app.webhooks.try_out(&webhook, "k").await;
    assert_eq!(answer, Answer::Status(200));
}

#[tokio::test]
async fn with_tls_only_the_right_one_is_told() {
    use std::sync::Arc;
    use tokio_rustls::{TlsAcceptor, rustls};

    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut part = [0; 4_096];
            let mut seen = Vec::new();
            while !seen.ends_with(b"}") {
                let n = stream.read(&mut part).await.unwrap();
                seen.extend_from_slice(&part[..n]);
            }
            let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
            stream.write_all(answer).await.unwrap();
            let _ = stream.shutdown().await;
        }
    });
    let url = format!("https://localhost:{port}/");
    for (test_app, told) in [
        (TestApp::trusting(Some(made.cert.pem().as_bytes())), true),
        (TestApp::new(), false),
    ] {
        let (webhook, _) = test_app.webhook(&url).await;
        let answer = test_app.webhooks.try_out(&webhook, "k").await;
        assert_eq!(answer == Answer::Status(204), told, "{answer}");
        assert!(
            told || answer.to_string().contains("certificate"),
            "{answer}"
        );
    }
    assert_eq!(
        Line::new(Some(b"no certificate"), Targets::public()).err(),
        Some(BadAuthority)
    );
}
