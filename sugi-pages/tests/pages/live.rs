//! What an open page is told.

use jiff::SignedDuration;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    browser::Browser,
    house::{House, PATIENCE},
};

/// A stream that was opened.
struct Live {
    stream: TcpStream,
    text: String,
}

impl Live {
    async fn open(house: &House, browser: &Browser, query: &str) -> Self {
        let head = browser.request("GET", &format!("/live?{query}")).head();
        let mut stream = TcpStream::connect(house.address).await.unwrap();
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
        tokio::time::timeout(PATIENCE, read)
            .await
            .expect("it was not told");
    }
}

#[tokio::test]
async fn a_payments_page_hears_what_happens_to_it() {
    let house = House::new().await;
    let mut kim = house.sign_in("kim").await;
    let paid = house.approved("A-1", 1_004).await;
    let seq = house.settled(&paid).await.seq;
    let mut live = Live::open(&house, &kim, &format!("of={paid}&seen={seq}")).await;
    let key = kim.form_key(&paid).await;
    let form = [("key", &*key), ("amount", "4"), ("reason", "x")];
    kim.follow(&format!("{paid}/cancel"), &form).await;
    live.until("event: changed").await;
    // What happened before the stream began is told as well.
    let mut late = Live::open(&house, &kim, &format!("of={paid}&seen={seq}")).await;
    late.until("event: changed").await;
}

#[tokio::test]
async fn any_page_hears_of_a_new_doubt() {
    let house = House::new().await;
    let kim = house.sign_in("kim").await;
    let mut live = Live::open(&house, &kim, "of=/keyin").await;
    // It has looked once when a stream that is opened later has.
    let paid = house.approved("A-1", 1_004).await;
    live.until("event: changed").await;
    house.settled(&paid).await;
    house.in_doubt("A-2").await;
    live.until("event: changed").await;
}

#[tokio::test]
async fn an_open_page_keeps_no_session_alive_and_hears_when_it_is_over() {
    let house = House::new().await;
    let kim = house.sign_in("kim").await;
    let mut live = Live::open(&house, &kim, "of=/payments").await;
    house.clock.advance(SignedDuration::from_mins(16));
    live.until("event: over").await;
    assert_eq!(kim.get("/payments").await.status, 303);
    // Whoever asks with it again is told so at once.
    let mut again = Live::open(&house, &kim, "of=/payments").await;
    again.until("event: over").await;
    let nobody = Browser::new(house.address);
    assert_eq!(nobody.get("/live").await.status, 401);
}
