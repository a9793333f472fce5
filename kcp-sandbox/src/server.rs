//! Accepting connections and serving HTTP/1 on them, with a hand on the socket for faults.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::payload::Payload;

/// Connections open at once; further ones wait in the operating system's queue.
const MAX_CONNECTIONS: usize = 8_192;
/// A connection that sends no request for so long is closed.
const HEADER_TIMEOUT: Duration = Duration::from_mins(1);

/// The service ended the connection without an answer, on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the connection was closed on purpose")]
pub(crate) struct HungUp;

/// What a service may do to the connection under it.
#[derive(Default)]
pub(crate) struct Line {
    reset: AtomicBool,
    extra: Mutex<Option<Bytes>>,
    has_extra: AtomicBool,
}

impl Line {
    /// The connection will end with a TCP reset.
    pub(crate) fn reset(&self) {
        self.reset.store(true, Ordering::Release);
    }

    /// These bytes follow the answer that is about to be sent.
    pub(crate) fn send_after_answer(&self, bytes: Bytes) {
        *self.extra.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
        self.has_extra.store(true, Ordering::Release);
    }
}

/// Serves `listener` until `closing` says true, then waits for nothing and closes everything.
pub(crate) async fn serve<S, F>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    mut closing: watch::Receiver<bool>,
    service: S,
) where
    S: Fn(Request<Incoming>, Arc<Line>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response<Payload>, HungUp>> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = closed(&mut closing) => break,
            accepted = accept(&listener, &places) => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        let Some((stream, place)) = accepted else {
            continue;
        };
        let (tls, service) = (tls.clone(), service.clone());
        connections.spawn(async move {
            connection(stream, tls, service).await;
            drop(place);
        });
    }
    connections.shutdown().await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            // Out of file descriptors, most likely: wait for some to come back.
            tracing::warn!(%error, "cannot accept a connection");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

/// Returns when the sandbox stops, or when it is gone.
pub(crate) async fn closed(closing: &mut watch::Receiver<bool>) {
    let _ = closing.wait_for(|closing| *closing).await;
}

async fn connection<S, F>(stream: TcpStream, tls: Option<TlsAcceptor>, service: S)
where
    S: Fn(Request<Incoming>, Arc<Line>) -> F,
    F: Future<Output = Result<Response<Payload>, HungUp>>,
{
    // Small answers leave at once.
    let _ = stream.set_nodelay(true);
    let stream = match tls {
        None => Stream::Plain(stream),
        Some(tls) => match tokio::time::timeout(HEADER_TIMEOUT, tls.accept(stream)).await {
            Ok(Ok(stream)) => Stream::Tls(Box::new(stream)),
            _ => return,
        },
    };
    let line = Arc::new(Line::default());
    let socket = Socket {
        stream,
        line: line.clone(),
        pending: None,
    };
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(
            TokioIo::new(socket),
            service_fn(|request| service(request, line.clone())),
        )
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "connection ended");
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The connection under hyper, on which faults act.
struct Socket {
    stream: Stream,
    line: Arc<Line>,
    /// What still has to be written of bytes that follow an answer.
    pending: Option<Bytes>,
}

impl Socket {
    fn tcp(&self) -> &TcpStream {
        match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.get_ref().0,
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.line.reset.load(Ordering::Acquire) {
            let _ = self.tcp().set_zero_linger();
        }
    }
}

macro_rules! on_stream {
    ($self:ident, $stream:ident => $call:expr) => {
        match &mut $self.get_mut().stream {
            Stream::Plain($stream) => {
                let $stream = Pin::new($stream);
                $call
            }
            Stream::Tls($stream) => {
                let $stream = Pin::new($stream.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on_stream!(self, stream => stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self, stream => stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    /// hyper flushes once an answer is written whole; what is to follow it goes out here.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.line.has_extra.swap(false, Ordering::AcqRel) {
            let extra = self
                .line
                .extra
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            self.pending = extra;
        }
        while let Some(mut pending) = self.pending.take() {
            let written = match self.as_mut().poll_write(cx, &pending) {
                Poll::Ready(written) => written?,
                Poll::Pending => {
                    self.pending = Some(pending);
                    return Poll::Pending;
                }
            };
            pending.advance(written);
            if !pending.is_empty() {
                self.pending = Some(pending);
            }
        }
        on_stream!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.line.reset.load(Ordering::Acquire) {
            // An orderly end would precede the reset.
            return Poll::Ready(Ok(()));
        }
        ready!(self.as_mut().poll_flush(cx))?;
        on_stream!(self, stream => stream.poll_shutdown(cx))
    }
}
