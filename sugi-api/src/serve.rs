//! Connections: within limits, and to a graceful end.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tower::ServiceExt as _;

use crate::{
    door::{Door, Tls},
    limits::Limits,
    peer::Peer,
};

/// How long to wait when no more connections can be opened.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves HTTP/1.1, over TLS or plain, until `shutdown`; then no connection is accepted any more, open requests are
/// answered, and what is still open after [`Limits::stop`] is cut. Returns how many were cut.
///
/// Cutting a request does not cut the work on its payment: for that wait on the engine.
pub async fn serve(
    door: impl Into<Door>,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> usize {
    let Door {
        listener,
        tls,
        behind_proxy,
    } = door.into();
    let room = Arc::new(Semaphore::new(limits.connections));
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = async {
            // The semaphore is never closed.
            let place = Arc::clone(&room).acquire_owned().await.ok();
            (listener.accept().await, place)
        };
        tokio::select! {
            () = &mut shutdown => break,
            (accepted, place) = accepted => match accepted {
                Ok((stream, socket)) => {
                    let (caller, tls) = (Caller { socket, behind_proxy }, tls.clone());
                    let (router, stopping) = (router.clone(), stopping.clone());
                    connections.spawn(async move {
                        open(stream, caller, tls, router, limits, stopping).await;
                        drop(place);
                    });
                }
                Err(why) => {
                    tracing::warn!(%why, "cannot accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    drop(listener);
    stop.send_replace(true);
    let _ = tokio::time::timeout(limits.stop, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
    let cut = connections.len();
    if cut > 0 {
        tracing::warn!(cut, "connections were still open at the end");
    }
    connections.shutdown().await;
    cut
}

/// Who is at the other end of a connection: perhaps a proxy of ours, with callers of its own.
#[derive(Clone, Copy)]
struct Caller {
    socket: SocketAddr,
    behind_proxy: bool,
}

/// Greets a connection. A handshake may take as long as headers may.
async fn open(
    stream: TcpStream,
    caller: Caller,
    tls: Option<Tls>,
    router: Router,
    limits: Limits,
    stopping: watch::Receiver<bool>,
) {
    // Small answers must not wait for more to send.
    let _ = stream.set_nodelay(true);
    let Some(Tls(acceptor)) = tls else {
        return connection(stream, caller, router, limits, stopping).await;
    };
    match tokio::time::timeout(limits.header_read, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => connection(stream, caller, router, limits, stopping).await,
        Ok(Err(why)) => tracing::debug!(%why, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    caller: Caller,
    router: Router,
    limits: Limits,
    mut stopping: watch::Receiver<bool>,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        let router = router.clone();
        let peer = Peer::of(caller.socket, caller.behind_proxy, request.headers());
        request.extensions_mut().insert(peer);
        async move {
            Ok::<_, Infallible>(
                router
                    .oneshot(request.map(Body::new))
                    .await
                    .unwrap_or_else(|never| match never {}),
            )
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read)
        .max_headers(limits.headers)
        .max_header_size(limits.header_bytes)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = async { drop(stopping.wait_for(|stop| *stop).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(why) = ended {
        tracing::debug!(%why, "a connection ended");
    }
}
