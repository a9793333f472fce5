//! Connections: within limits, and to a graceful end.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
    task::JoinSet,
};
use tower::ServiceExt as _;

use crate::{
    Network,
    connections::{Cap, Connections, Place},
    limits::Limits,
    listening::{Listener, Tls},
    peer::ClientAddress,
    write_timeout::WriteTimeout,
};

/// How long to wait when no more connections can be opened.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How much of an answer a connection holds before it waits for its caller to read.
const BUFFER_BYTES: usize = 32 * 1024;

/// Serves HTTP/1.1, over TLS or plain, until `shutdown`; then no connection is accepted any more, open requests are
/// answered, and what is still open after [`Limits::stop`] is cut. Returns how many were cut.
///
/// Cutting a request does not cut the work on its payment: for that wait on the engine.
pub async fn serve(
    listening: impl Into<Listener>,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> usize {
    let Listener {
        socket: listener,
        tls,
        proxies,
        connections: counted,
    } = listening.into();
    let proxies: Arc<[Network]> = proxies.into();
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, socket)) => {
                    let is_proxy = proxies.iter().any(|proxy| proxy.contains(socket.ip()));
                    let place = match counted.enter(socket.ip(), is_proxy, &limits) {
                        Ok(place) => Arc::new(place),
                        Err(cap) => {
                            refuse(stream, cap, tls.is_some());
                            continue;
                        }
                    };
                    let caller = Caller {
                        socket,
                        proxies: Arc::clone(&proxies),
                        place: Arc::clone(&place),
                        counted: counted.clone(),
                    };
                    let (router, tls, stopping) = (router.clone(), tls.clone(), stopping.clone());
                    connections.spawn(async move {
                        tokio::select! {
                            () = place.cut() => {}
                            () = open(stream, caller, tls, router, limits, stopping) => {}
                        }
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

/// Says why a connection is refused, if that can be said at once, and closes it. Nothing waits for its other end.
fn refuse(stream: TcpStream, cap: Cap, is_tls: bool) {
    use std::io::Write as _;
    if is_tls {
        return;
    }
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write_all(&Connections::refusal(cap));
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
}

/// Who is at the other end of a connection: perhaps a proxy of ours, with callers of its own.
#[derive(Clone)]
struct Caller {
    socket: SocketAddr,
    proxies: Arc<[Network]>,
    place: Arc<Place>,
    counted: Connections,
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
    let stream = WriteTimeout::new(stream, limits.answer_write);
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
    let Caller {
        socket,
        proxies,
        place,
        counted,
    } = caller;
    let service = service_fn(move |mut request: Request<Incoming>| {
        let router = router.clone();
        let peer = ClientAddress::of(socket, &proxies, request.headers());
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(place.standing());
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
        .max_buf_size(BUFFER_BYTES.max(limits.header_bytes))
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
        if is_unread(&why) {
            counted.holds(Cap::Unread, socket.ip());
        }
        tracing::debug!(%why, "a connection ended");
    }
}

/// Whether a connection ended because its caller does not read.
fn is_unread(why: &hyper::Error) -> bool {
    use std::error::Error as _;
    let cause = why.source().and_then(|cause| cause.downcast_ref());
    cause.is_some_and(|cause: &std::io::Error| cause.kind() == std::io::ErrorKind::TimedOut)
}
