//! A mail server on loopback that takes emails, or does not.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_rustls::TlsAcceptor;

/// How the server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Takes every letter.
    Good,
    /// Takes no letter to anybody.
    NoSuchMailbox,
    /// Hangs up when it has the whole letter, without a word.
    HangsUp,
    /// Knows no TLS.
    Plain,
}

/// A letter as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) to: Vec<String>,
    pub(crate) login: Option<String>,
    pub(crate) over_tls: bool,
    pub(crate) body: String,
}

pub(crate) struct Post {
    pub(crate) address: SocketAddr,
    /// The authority that its certificate is from, PEM.
    pub(crate) authority: String,
    email_messages: Arc<watch::Sender<Vec<Arrived>>>,
}

impl Post {
    /// A server that its clients turn to TLS, with a certificate for `localhost`.
    pub(crate) async fn open(mood: Mood) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let authority = made.cert.pem();
        let chain = vec![made.cert.der().clone()];
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key.unwrap())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let email_messages = Arc::new(watch::Sender::new(Vec::new()));
        let taken = Arc::clone(&email_messages);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, taken) = (acceptor.clone(), Arc::clone(&taken));
                tokio::spawn(async move {
                    let _ = serve(stream, acceptor, mood, &taken).await;
                });
            }
        });
        Self {
            address,
            authority,
            email_messages,
        }
    }

    /// What has arrived.
    pub(crate) fn email_messages(&self) -> Vec<Arrived> {
        self.email_messages.borrow().clone()
    }

    /// Waits until so many have arrived.
    pub(crate) async fn arrived(&self, count: usize) -> Vec<Arrived> {
        let mut seen = self.email_messages.subscribe();
        let all = seen.wait_for(|email_messages| email_messages.len() >= count);
        let all = tokio::time::timeout(Duration::from_secs(30), all).await;
        all.expect("letters that arrive").unwrap().clone()
    }
}

async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    mood: Mood,
    taken: &watch::Sender<Vec<Arrived>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 test\r\n").await?;
    if !talk(&mut stream, mood, false, taken).await? {
        return Ok(());
    }
    let mut stream = BufReader::new(acceptor.accept(stream.into_inner()).await?);
    talk(&mut stream, mood, true, taken).await?;
    Ok(())
}

/// Talks until the end, or until TLS is to begin: then `true`.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    mood: Mood,
    over_tls: bool,
    taken: &watch::Sender<Vec<Arrived>>,
) -> std::io::Result<bool> {
    let mut email_message = Arrived {
        to: Vec::new(),
        login: None,
        over_tls,
        body: String::new(),
    };
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(false);
        }
        let line = line.trim_end();
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "EHLO" if over_tls || mood == Mood::Plain => b"250-test\r\n250 AUTH PLAIN\r\n",
            "EHLO" => b"250-test\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n",
            "STAR" => {
                stream.write_all(b"220 go\r\n").await?;
                return Ok(true);
            }
            "AUTH" => {
                email_message.login = line.rsplit(' ').next().map(ToOwned::to_owned);
                b"235 welcome\r\n"
            }
            "RCPT" if mood == Mood::NoSuchMailbox => {
                b"550 <kim@example.com> is no mailbox here\r\n"
            }
            "RCPT" => {
                email_message.to.push(line["RCPT TO:".len()..].to_owned());
                b"250 ok\r\n"
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                loop {
                    let mut line = String::new();
                    if stream.read_line(&mut line).await? == 0 {
                        return Ok(false);
                    }
                    if line == ".\r\n" {
                        break;
                    }
                    email_message.body.push_str(&line);
                }
                taken.send_modify(|email_messages| email_messages.push(email_message.clone()));
                if mood == Mood::HangsUp {
                    return Ok(false);
                }
                b"250 taken\r\n"
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(false);
            }
            _ => b"250 ok\r\n",
        };
        stream.write_all(answer).await?;
    }
}
