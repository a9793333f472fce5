//! Mail that sugi sends: a sales slip to a buyer, the audit checkpoint to the people who keep it.
//!
//! One message at a time to one server, over TLS unless that server is this machine, within limits. A
//! message is sent once: whether it went out is told as well as it is known, and trying again is for
//! whoever asked.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use sugi_mail::{EmailMessage, Mailer, Server};
//! let mut server = Server::new("smtp.example.com", "가게 <shop@example.com>");
//! server.login = Some(("shop".into(), "…".to_owned().into()));
//! let mailer = Mailer::new(server)?;
//! mailer.send(EmailMessage::text("kim@example.com", "영수증", "…")).await?;
//! # Ok(())
//! # }
//! ```

use std::{sync::Arc, time::Duration};

use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, MultiPart, SinglePart},
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
        extension::ClientId,
    },
};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// How long the server may take for each step.
const MAX_WAIT: Duration = Duration::from_secs(15);
/// How long all of an email may take.
const PATIENCE_IN_ALL: Duration = Duration::from_secs(45);
/// Letters on their way at a time.
const AT_ONCE: usize = 4;

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte; port 465 if nothing is said.
    Tls,
    /// In the clear until the server turns to TLS, which it has to; port 587 if nothing is said.
    StartTls,
    /// In the clear: for a server on this machine only. Port 25 if nothing is said.
    None,
}

/// The server that takes the mail.
#[derive(Clone)]
pub struct Server {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: Option<u16>,
    /// How it is spoken to.
    pub security: Security,
    /// User and password, if it wants them.
    pub login: Option<(String, Zeroizing<String>)>,
    /// Who the mail is from: an address, or `Name <address>`.
    pub from: String,
    /// An authority to trust besides the browsers', PEM.
    pub authority: Option<Vec<u8>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The login holds a password.
        write!(f, "Server {{ host: {:?}, .. }}", self.host)
    }
}

impl Server {
    /// A server that wants `STARTTLS` and no login.
    #[must_use]
    pub fn new(host: impl Into<String>, from: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port: None,
            security: Security::StartTls,
            login: None,
            from: from.into(),
            authority: None,
        }
    }
}

/// An email message.
#[derive(Debug, Clone)]
pub struct EmailMessage {
    /// To which address.
    pub to: String,
    /// What it is about.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// The same for whoever reads mail in a browser.
    pub html: Option<String>,
    /// Its name, of letters and digits: the same letter twice is known as one by whoever gets it.
    pub id: Option<String>,
}

impl EmailMessage {
    /// A message of plain text.
    #[must_use]
    pub fn text(
        to: impl Into<String>,
        subject: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        Self {
            to: to.into(),
            subject: subject.into(),
            text: text.into(),
            html: None,
            id: None,
        }
    }
}

/// A server's description is wrong; nothing was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Whom mail is from.
    #[error("from is not an address such as shop@example.com or Name <shop@example.com>")]
    From,
    /// Mail in the clear to another machine.
    #[error(
        "mail to {0} would cross a network in the clear; only a server on this machine is spoken to without TLS"
    )]
    Clear(String),
    /// Its name or its authority.
    #[error("{host}: {why}")]
    Tls {
        /// The server.
        host: String,
        /// What is wrong.
        why: String,
    },
}

/// A message was not sent, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The address is none. Nothing was sent.
    #[error("this is not a mail address")]
    Address,
    /// Too many emails are on their way. Nothing was sent.
    #[error("too many letters are on their way; try again in a moment")]
    Busy,
    /// The message did not go out.
    #[error("the mail server did not take it: {0}")]
    NotSent(String),
    /// It may have gone out.
    #[error("the mail server did not answer to the end, so the letter may have gone out: {0}")]
    Unknown(String),
}

/// Sends emails. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Mailer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    from: Mailbox,
    transport: AsyncSmtpTransport<Tokio1Executor>,
    room: Semaphore,
}

impl Mailer {
    /// A way to a server, which is not asked anything yet.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn new(server: Server) -> Result<Self, ServerError> {
        let Server {
            host,
            port,
            security,
            login,
            from,
            authority,
        } = server;
        let from: Mailbox = from.parse().map_err(|_| ServerError::From)?;
        let failed = |why: lettre::transport::smtp::Error| ServerError::Tls {
            host: host.clone(),
            why: why.to_string(),
        };
        if security == Security::None && !is_here(&host) {
            return Err(ServerError::Clear(host));
        }
        let mut tls = TlsParameters::builder(host.clone());
        if let Some(authority) = authority {
            tls = tls.add_root_certificate(Certificate::from_pem(&authority).map_err(failed)?);
        }
        let tls = tls.build().map_err(failed)?;
        let (tls, usual) = match security {
            Security::Tls => (Tls::Wrapper(tls), 465),
            Security::StartTls => (Tls::Required(tls), 587),
            Security::None => (Tls::None, 25),
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&host)
            .port(port.unwrap_or(usual))
            .tls(tls)
            .hello_name(ClientId::Domain(from.email.domain().to_owned()))
            .timeout(Some(MAX_WAIT));
        if let Some((user, password)) = login {
            transport = transport.credentials(Credentials::new(user, password.to_string()));
        }
        Ok(Self(Arc::new(Inner {
            from,
            transport: transport.build(),
            room: Semaphore::new(AT_ONCE),
        })))
    }

    /// Sends an email, once.
    ///
    /// # Errors
    /// [`SendError`], which says whether it may have gone out.
    pub async fn send(&self, email_message: EmailMessage) -> Result<(), SendError> {
        let to = email_message.to.trim().to_owned();
        // A server's words mostly quote whom an email is to, and words end up in logs.
        let words = |why: &dyn std::error::Error| words(why).replace(&to, "…");
        let message = self.message(email_message)?;
        let _room = self.0.room.try_acquire().map_err(|_| SendError::Busy)?;
        let too_long = || "it took too long".to_owned();
        // A connection of its own first: what keeps that from coming about (no one there, a certificate
        // that is not believed, a wrong password) is told apart from what ends in the middle of an email.
        let reach = tokio::time::timeout(PATIENCE_IN_ALL, self.0.transport.test_connection()).await;
        match reach {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return Err(SendError::NotSent("it is not ready".into())),
            Ok(Err(why)) => return Err(SendError::NotSent(words(&why))),
            Err(_) => return Err(SendError::NotSent(too_long())),
        }
        let sent = tokio::time::timeout(PATIENCE_IN_ALL, self.0.transport.send(message)).await;
        match sent {
            Ok(Ok(_)) => Ok(()),
            // A server that answered said no.
            Ok(Err(why)) if why.is_permanent() || why.is_transient() => {
                Err(SendError::NotSent(words(&why)))
            }
            Ok(Err(why)) => Err(SendError::Unknown(words(&why))),
            Err(_) => Err(SendError::Unknown(too_long())),
        }
    }

    fn message(&self, email_message: EmailMessage) -> Result<Message, SendError> {
        // An address and nothing else: no name, no second one, no line that begins another header.
        let to: Address = email_message
            .to
            .trim()
            .parse()
            .map_err(|_| SendError::Address)?;
        let message = Message::builder()
            .from(self.0.from.clone())
            .to(Mailbox::new(None, to))
            .subject(email_message.subject.replace(char::is_control, " "));
        let id = email_message.id.map(|id| {
            let id: String = id.chars().filter(char::is_ascii_alphanumeric).collect();
            format!("<{id}@{}>", self.0.from.email.domain())
        });
        let message = match id {
            Some(id) => message.message_id(Some(id)),
            None => message,
        };
        let message = match email_message.html {
            Some(html) => {
                message.multipart(MultiPart::alternative_plain_html(email_message.text, html))
            }
            None => message.singlepart(SinglePart::plain(email_message.text)),
        };
        message.map_err(|why| SendError::NotSent(why.to_string()))
    }
}

/// An error with its causes.
fn words(why: &dyn std::error::Error) -> String {
    let mut words = why.to_string();
    let mut cause = why.source();
    while let Some(why) = cause {
        words = format!("{words}: {why}");
        cause = why.source();
    }
    words
}

/// Whether something is one mail address and nothing else.
#[must_use]
pub fn is_address(text: &str) -> bool {
    text.parse::<Address>().is_ok()
}

/// Whether a name is this machine's own and no one else's.
fn is_here(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
