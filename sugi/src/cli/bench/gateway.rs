//! A gateway that answers at once: just enough of KCP's approval, and as little work as can be, so
//! that what is measured is the service in front of it. It keeps no books and checks nothing; for
//! that there is the sandbox, whose own work would hide some of the service's.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::wire::{Incoming, read};

/// A running gateway. It ends when it is dropped.
pub(super) struct Gateway {
    pub(super) url: String,
    delay_ms: Arc<AtomicU64>,
    server: JoinHandle<()>,
}

impl Gateway {
    pub(super) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (delay_ms, approved) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let delay = Arc::clone(&delay_ms);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (delay, count) = (Arc::clone(&delay), Arc::clone(&approved));
                tokio::spawn(async move {
                    // A client that goes away is no news.
                    let _ = connection(stream, &delay, &count).await;
                });
            }
        });
        Ok(Self {
            url,
            delay_ms,
            server,
        })
    }

    /// How long answers take from now on.
    pub(super) fn delay(&self, ms: u64) {
        self.delay_ms.store(ms, Ordering::Relaxed);
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn connection(
    mut stream: TcpStream,
    delay_ms: &AtomicU64,
    approved: &AtomicU64,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4_096);
    while let Some(Incoming { body, end, .. }) = read(&mut stream, &mut buffer).await? {
        let answer = {
            let body = &buffer[body..end];
            let (amount, order) = (
                field(body, b"\"amount\":\""),
                field(body, b"\"ordr_idxx\":\""),
            );
            approval(&amount, &order, approved.fetch_add(1, Ordering::Relaxed))
        };
        buffer.drain(..end);
        match delay_ms.load(Ordering::Relaxed) {
            0 => {}
            ms => tokio::time::sleep(Duration::from_millis(ms)).await,
        }
        stream.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

/// The text of a field, from a body that our own client wrote.
fn field(body: &[u8], name: &[u8]) -> String {
    let from = body
        .windows(name.len())
        .position(|window| window == name)
        .map_or(body.len(), |at| at + name.len());
    let text = body[from..].split(|byte| *byte == b'"').next();
    String::from_utf8_lossy(text.unwrap_or_default()).into_owned()
}

fn approval(amount: &str, order: &str, n: u64) -> String {
    let body = format!(
        "{{\"res_cd\":\"0000\",\"res_msg\":\"정상처리\",\"res_en_msg\":\"processing completed\",\
         \"trace_no\":\"T0000{n:014}\",\"pay_method\":\"PACA\",\"order_no\":\"{order}\",\
         \"tno\":\"{tno:014}\",\"amount\":\"{amount}\",\"card_mny\":\"{amount}\",\"coupon_mny\":\"0\",\
         \"escw_yn\":\"N\",\"card_cd\":\"CCLG\",\"card_name\":\"신한카드\",\"acqu_cd\":\"CCLG\",\
         \"acqu_name\":\"신한카드\",\"card_no\":\"4111110000001111\",\"mcht_taxno\":\"1138521083\",\
         \"mall_taxno\":\"1138521083\",\"ca_order_id\":\"{order}\",\"app_no\":\"{app:08}\",\
         \"app_time\":\"20261126120000\",\"noinf\":\"N\",\"noinf_type\":\"\",\"quota\":\"00\",\
         \"partcanc_yn\":\"Y\",\"card_bin_type_01\":\"0\",\"card_bin_type_02\":\"0\"}}",
        tno = 26_000_000_000_000 + n,
        app = n % 100_000_000,
    );
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_is_read_as_one_of_what_was_asked() {
        let asked = br#"{"site_cd":"T0000","amount":"1004","card_mny":"1004","ordr_idxx":"A-1"}"#;
        assert_eq!(field(asked, b"\"amount\":\""), "1004");
        assert_eq!(field(asked, b"\"ordr_idxx\":\""), "A-1");
        assert_eq!(field(asked, b"\"tno\":\""), "");
        let answer = approval("1004", "A-1", 7);
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["order_no"], "A-1");
        assert_eq!(body["amount"], "1004");
        assert_eq!(body["tno"], "26000000000007");
    }
}
