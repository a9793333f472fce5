//! A pooler between us and PostgreSQL that gives a session to whoever asks next: what is set and prepared on it would get
//! lost, or meet what someone else has prepared.

use std::time::Duration;

use tokio_postgres::{Client, SimpleQueryMessage};

use super::target::Target;
use crate::error::StoreError;

/// How long a second session may take to be found; a pool that has no more waits for its clients.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Refuses an address behind which sessions are shared.
///
/// Two connections are opened, and the second holds a transaction. If the first is at the same server process as
/// before, and not at the second's, each has a session of its own.
pub(super) async fn refuse(target: &Target) -> Result<(), StoreError> {
    let (one, other) = (connect(target).await?, connect(target).await?);
    let own = process(&one).await?;
    let looked = tokio::time::timeout(TIMEOUT, async {
        other.simple_query("begin").await?;
        let others = process(&other).await?;
        let again = process(&one).await?;
        Ok::<_, tokio_postgres::Error>(others != own && again == own)
    });
    if matches!(looked.await, Ok(Ok(true))) {
        return Ok(());
    }
    let why = "this address is a pooler's that shares sessions between its clients (PgBouncer with pool_mode = \
               transaction or statement), and a ledger needs sessions of its own; set pool_mode = session, or give \
               PostgreSQL's own address";
    Err(StoreError::Failed { why: why.into() })
}

async fn connect(target: &Target) -> Result<Client, StoreError> {
    let (client, driver) = target.connect().await?;
    // It ends with the client.
    tokio::spawn(driver);
    Ok(client)
}

/// The server's process behind a connection. Asked without a prepared statement, which such a pooler may refuse.
async fn process(client: &Client) -> Result<Option<String>, tokio_postgres::Error> {
    let rows = client.simple_query("select pg_backend_pid()").await?;
    Ok(rows.iter().find_map(|row| match row {
        SimpleQueryMessage::Row(row) => row.get(0).map(ToOwned::to_owned),
        _ => None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
    };

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[kind][..], &length.to_be_bytes(), body].concat()
    }

    /// Answers as a server does whose process has this number, as far as it is asked here.
    async fn answer(mut client: TcpStream, process: &str) -> std::io::Result<()> {
        let startup = client.read_u32().await?;
        client
            .read_exact(&mut vec![0; startup as usize - 4])
            .await?;
        let ready = message(b'Z', b"I");
        let hello = [message(b'R', &[0; 4]), ready.clone()].concat();
        client.write_all(&hello).await?;
        while client.read_u8().await? == b'Q' {
            let length = client.read_u32().await? as usize;
            let mut sql = vec![0; length - 4];
            client.read_exact(&mut sql).await?;
            let column = [b"pid\0".as_slice(), &[0; 18]].concat();
            let size = u32::try_from(process.len()).unwrap().to_be_bytes();
            let cell = [&[0, 1][..], &size, process.as_bytes()].concat();
            let told = if sql.starts_with(b"select") {
                [
                    message(b'T', &[&[0, 1][..], &column].concat()),
                    message(b'D', &cell),
                    message(b'C', b"SELECT 1\0"),
                ]
                .concat()
            } else {
                message(b'C', b"BEGIN\0")
            };
            client.write_all(&[told, ready.clone()].concat()).await?;
        }
        Ok(())
    }

    /// A pooler whose clients are at the processes that `process` names, by the client's number.
    async fn pooler(process: impl Fn(usize) -> String + Send + 'static) -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            for n in 0.. {
                let (client, _) = listener.accept().await.unwrap();
                let process = process(n);
                tokio::spawn(async move { answer(client, &process).await });
            }
        });
        Target::parse(&format!("postgres://sugi@{address}/sugi?sslmode=disable")).unwrap()
    }

    #[tokio::test]
    async fn shared_sessions_are_refused_and_own_ones_are_not() {
        let own = pooler(|n| (100 + n).to_string()).await;
        refuse(&own).await.unwrap();
        let shared = pooler(|_| "100".into()).await;
        let why = refuse(&shared).await.unwrap_err().to_string();
        assert!(why.contains("pool_mode = session"), "{why}");
        let database = pg_for_tests::database();
        refuse(&Target::parse(database.url()).unwrap())
            .await
            .unwrap();
    }
}
