//! One connection: a request, its answer, and whether the connection is fit for another.

use std::future::{Future, poll_fn};
use std::io;
use std::net::TcpStream;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::header::{DATE, HeaderMap};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::{Timestamp, fmt::rfc2822};
use tokio::time::{Instant, timeout_at};

use super::stream::{Stream, Written};
use super::{ANSWER_BYTES_MAX, Answer, Failure};
use crate::outcome::{LostWhy, NotSent};

type Driver = http1::Connection<TokioIo<Stream>, Full<Bytes>>;

/// A connection and its driver. The driver is polled by whoever uses the connection, not by a task of
/// its own: nothing is read or written while the connection is idle.
pub(super) struct Link {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: Option<Pin<Box<Driver>>>,
    written: Written,
    /// The same socket once more, to look whether anything has come in.
    probe: TcpStream,
    idle_since: Instant,
}

/// A failed request, with the request itself if no byte of it was written and it is still at hand.
pub(super) struct Failed {
    pub(super) failure: Failure,
    pub(super) request: Option<Request<Full<Bytes>>>,
}

impl Link {
    pub(super) async fn new(
        stream: Stream,
        written: Written,
        probe: TcpStream,
    ) -> Result<Self, NotSent> {
        let handshake = http1::Builder::new().handshake(TokioIo::new(stream)).await;
        let (sender, driver) = handshake.map_err(|_| NotSent::Disconnected)?;
        let driver = Some(Box::pin(driver));
        Ok(Self {
            sender,
            driver,
            written,
            probe,
            idle_since: Instant::now(),
        })
    }

    /// Sends a request and reads its whole answer, all within the given time.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        time: Duration,
    ) -> Result<Answer, Failed> {
        let deadline = Instant::now() + time;
        self.written.take_back();
        let head = match timeout_at(deadline, self.head(request)).await {
            Ok(Ok(head)) => head,
            Ok(Err(back)) => return Err(self.failed(LostWhy::Disconnected, back)),
            Err(_) => return Err(self.failed(LostWhy::TimedOut, None)),
        };
        let status = head.status().as_u16();
        let date = date(head.headers());
        // Outside of what the time-out drops, so that the part that did come can be looked at.
        let mut body = Vec::new();
        let outcome = timeout_at(deadline, self.body(head.into_body(), &mut body)).await;
        let why = match outcome {
            Ok(Ok(())) => return Ok(Answer { status, date, body }),
            Ok(Err(why)) => why,
            Err(_) => LostWhy::TimedOut,
        };
        Err(Failed {
            failure: Failure::Lost { why, body },
            request: None,
        })
    }

    /// Whether the connection can take another request: the last answer is read to its end, nothing
    /// more has come, and the other side has not closed.
    pub(super) async fn is_fit(&mut self) -> bool {
        // Asks the socket itself. The runtime's own notice of a closed connection can be late.
        let quiet = matches!(self.probe.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        if !quiet {
            return false;
        }
        let Self { sender, driver, .. } = self;
        poll_fn(|cx| {
            let Some(running) = driver else {
                return Poll::Ready(false);
            };
            if running.as_mut().poll(cx).is_ready() {
                *driver = None;
                return Poll::Ready(false);
            }
            Poll::Ready(matches!(sender.poll_ready(cx), Poll::Ready(Ok(()))))
        })
        .await
    }

    /// Until the driver has seen that the other side closed.
    #[cfg(test)]
    pub(super) async fn until_dead(&mut self) {
        if let Some(driver) = self.driver.take() {
            let _ = driver.await;
        }
    }

    pub(super) fn rest(&mut self) {
        self.idle_since = Instant::now();
    }

    pub(super) fn rested(&self) -> Duration {
        self.idle_since.elapsed()
    }

    /// The head of the answer. A request that was never taken up comes back.
    async fn head(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Option<Request<Full<Bytes>>>> {
        let answer = self.sender.try_send_request(request);
        drive(&mut self.driver, answer)
            .await
            .map_err(|mut error| error.take_message())
    }

    async fn body(&mut self, mut incoming: Incoming, out: &mut Vec<u8>) -> Result<(), LostWhy> {
        while let Some(frame) = drive(&mut self.driver, incoming.frame()).await {
            let frame = frame.map_err(|_| LostWhy::Disconnected)?;
            if let Some(data) = frame.data_ref() {
                if out.len() + data.len() > ANSWER_BYTES_MAX {
                    return Err(LostWhy::TooLarge);
                }
                out.extend_from_slice(data);
            }
        }
        Ok(())
    }

    /// No head of an answer came: not sent, or lost, as the note says.
    fn failed(&self, why: LostWhy, back: Option<Request<Full<Bytes>>>) -> Failed {
        if self.written.any() {
            Failed {
                failure: Failure::Lost {
                    why,
                    body: Vec::new(),
                },
                request: None,
            }
        } else {
            Failed {
                failure: Failure::NotSent(NotSent::Disconnected),
                request: back,
            }
        }
    }
}

/// The time in an answer's `Date`, in the one form that servers write.
fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    let at = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    // A clock that was never set says nothing.
    (at > Timestamp::UNIX_EPOCH).then_some(at)
}

/// Runs `work` to its end while driving the connection. A connection that ends is let go, which ends
/// the work that waits for it.
async fn drive<T>(driver: &mut Option<Pin<Box<Driver>>>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        if let Some(running) = driver
            && running.as_mut().poll(cx).is_ready()
        {
            *driver = None;
        }
        work.as_mut().poll(cx)
    })
    .await
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_servers_time_is_read_from_its_date() {
        let date = |text: &'static str| {
            let value = HeaderValue::from_static(text);
            super::date(&HeaderMap::from_iter([(DATE, value)]))
        };
        let at = date("Mon, 30 Nov 2026 21:14:44 GMT").map(|at| at.to_string());
        assert_eq!(at.as_deref(), Some("2026-11-30T21:14:44Z"));
        for wrong in ["", "yesterday", "Thu, 01 Jan 1970 00:00:00 GMT"] {
            assert_eq!(date(wrong), None, "{wrong}");
        }
    }
}
