//! What an open page is told.

use jiff::SignedDuration;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    browser::Browser,
    test_app::{MAX_WAIT, TestApp},
};

/// A stream that was opened.
struct Live {
    stream: TcpStream,
    text: String,
}

impl Live {
    async fn open(test_app: &TestApp, browser: &Browser, query: &str) -> Self {
        let head = browser.request("GET", &format!("/live?{query}")).head();
        let mut stream = TcpStream::connect(test_app.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut live = Self {
            stream,
            text: String::new(),
        };
        live.until("\r\n\r\n").await;
        live
    }

    /// Waits until the stream has said this, and forgets what it has said until then.
    async fn until(&mut self, what: &str) {
        let read = async {
            loop {
                if let Some(at) = self.text.find(what) {
                    drop(self.text.drain(..at + what.len()));
                    return;
                }
                let mut bytes = [0; 1_024];
                let n = self.stream.read(&mut bytes).await.unwrap();
                assert!(n > 0, "it ended without {what}: {}", self.text);
                self.text.push_str(&String::from_utf8_lossy(&bytes[..n]));
            }
        };
        tokio::time::timeout(MAX_WAIT, read)
            .await
            .expect("it was not told");
    }
}

#[tokio::test]
async fn a_payments_page_hears_what_happens_to_it() {
    let test_app = TestApp::new().await;
    let mut kim = test_app.sign_in("kim").await;
    let paid = test_app.approved("A-1", 1_004).await;
    let seq = test_app.settled(&paid).await.seq;
    let mut live = Live::open(&test_app, &kim, &format!("of={paid}&seen={seq}")).await;
    let key = kim.form_key(&paid).await;
    let form = [("key", &*key), ("amount", "4"), ("reason", "x")];
    kim.follow(&format!("{paid}/cancel"), &form).await;
    live.until("event: changed").await;
    // What happened before the stream began is told as well.
    let mut late = Live::open(&test_app, &kim, &format!("of={paid}&seen={seq}")).await;
    late.until("event: changed").await;
}

#[tokio::test]
async fn any_page_hears_of_a_new_doubt() {
    let test_app = TestApp::new().await;
    let kim = test_app.sign_in("kim").await;
    let mut live = Live::open(&test_app, &kim, "of=/keyin").await;
    // It has looked once when a stream that is opened later has.
    let paid = test_app.approved("A-1", 1_004).await;
    live.until("event: changed").await;
    test_app.settled(&paid).await;
    test_app.in_doubt("A-2").await;
    live.until("event: changed").await;
}

#[tokio::test]
async fn an_open_page_keeps_no_session_alive_and_hears_when_it_is_over() {
    let test_app = TestApp::new().await;
    let kim = test_app.sign_in("kim").await;
    let mut live = Live::open(&test_app, &kim, "of=/payments").await;
    test_app.clock.advance(SignedDuration::from_mins(16));
    live.until("event: over").await;
    assert_eq!(kim.get("/payments").await.status, 303);
    // Whoever asks with it again is told so at once.
    let mut again = Live::open(&test_app, &kim, "of=/payments").await;
    again.until("event: over").await;
    let nobody = Browser::new(test_app.address);
    assert_eq!(nobody.get("/live").await.status, 401);
}
