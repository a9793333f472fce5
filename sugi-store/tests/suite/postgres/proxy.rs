//! A wire that breaks.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// Passes bytes to a server and back. Every connection breaks after some number of bytes, another
/// one each time: the even ones on the way back, when the server has heard everything, the odd ones
/// on the way there.
pub(super) struct Proxy {
    pub(super) address: String,
    pub(super) cuts: watch::Receiver<u32>,
}

impl Proxy {
    pub(super) async fn begin(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = server.to_owned();
        let (counted, cuts) = watch::channel(0);
        tokio::spawn(async move {
            let mut count = 0_u32;
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(pass(client, server, count, counted.clone()));
                count += 1;
            }
        });
        Self { address, cuts }
    }
}

async fn pass(client: TcpStream, server: TcpStream, n: u32, cuts: watch::Sender<u32>) {
    // Each piece goes on at once, as on the wire itself.
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let most = 6_000 + n.wrapping_mul(2_654_435_761) as usize % 40_000;
    let (there, back) = if n.is_multiple_of(2) {
        (usize::MAX, most)
    } else {
        (most, usize::MAX)
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // Whichever way ends first takes the other with it, once what it passed on has arrived.
    tokio::select! {
        () = one_way(from_client, to_server, there) => {}
        () = one_way(from_server, to_client, back) => {}
    }
    cuts.send_modify(|cuts| *cuts += 1);
}

async fn one_way(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut most: usize) {
    let mut bytes = vec![0; 4_096];
    while most > 0 {
        let room = most.min(bytes.len());
        let Ok(count @ 1..) = from.read(&mut bytes[..room]).await else {
            return;
        };
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
        most -= count;
    }
}
