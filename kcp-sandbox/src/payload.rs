//! An answer's body, sent as a script says: whole, cut, dripping, or followed by too much.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

/// Filler is sent in pieces of this size.
const FILLER: &[u8] = &[b' '; 16 * 1024];

/// The body of every answer of this crate.
pub(crate) enum Payload {
    Whole(Full<Bytes>),
    Script(Script),
}

/// A body that is sent step by step.
pub(crate) struct Script {
    steps: VecDeque<Step>,
    /// What the Content-Length header promises, kept or not.
    promised: u64,
    sleep: Option<Pin<Box<Sleep>>>,
    flushed: bool,
}

enum Step {
    Send(Bytes),
    /// One byte at a time, with a pause before each.
    Drip(Bytes, Duration),
    Fill(u64),
    /// The connection ends here, in the middle of what was promised.
    Break,
}

/// The body broke off on purpose.
#[derive(Debug, thiserror::Error)]
#[error("cut on purpose")]
pub(crate) struct Cut;

impl Payload {
    pub(crate) fn whole(body: impl Into<Bytes>) -> Self {
        Self::Whole(Full::new(body.into()))
    }

    /// The first `at` bytes of a body whose full length is promised.
    pub(crate) fn cut(body: &Bytes, at: usize) -> Self {
        let promised = body.len() as u64;
        let head = body.slice(..at.min(body.len().saturating_sub(1)));
        Self::script(vec![Step::Send(head), Step::Break], promised)
    }

    /// Byte by byte.
    pub(crate) fn drip(body: Bytes, pause: Duration) -> Self {
        let promised = body.len() as u64;
        Self::script(vec![Step::Drip(body, pause)], promised)
    }

    /// The body, then so many spaces.
    pub(crate) fn followed_by_spaces(body: Bytes, spaces: u64) -> Self {
        let promised = body.len() as u64 + spaces;
        Self::script(vec![Step::Send(body), Step::Fill(spaces)], promised)
    }

    fn script(steps: Vec<Step>, promised: u64) -> Self {
        Self::Script(Script {
            steps: steps.into(),
            promised,
            sleep: None,
            flushed: false,
        })
    }
}

impl Script {
    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        loop {
            let Some(step) = self.steps.front_mut() else {
                return Poll::Ready(None);
            };
            match step {
                Step::Send(bytes) => {
                    let bytes = std::mem::take(bytes);
                    self.steps.pop_front();
                    if !bytes.is_empty() {
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                }
                Step::Drip(bytes, pause) => {
                    if bytes.is_empty() {
                        self.steps.pop_front();
                        continue;
                    }
                    let sleep = self
                        .sleep
                        .get_or_insert_with(|| Box::pin(tokio::time::sleep(*pause)));
                    std::task::ready!(sleep.as_mut().poll(cx));
                    self.sleep = None;
                    return Poll::Ready(Some(Ok(bytes.split_to(1))));
                }
                Step::Fill(0) => {
                    self.steps.pop_front();
                }
                Step::Fill(left) => {
                    let piece = usize::try_from(*left)
                        .unwrap_or(usize::MAX)
                        .min(FILLER.len());
                    *left -= piece as u64;
                    return Poll::Ready(Some(Ok(Bytes::from_static(&FILLER[..piece]))));
                }
                Step::Break => {
                    // What was handed over so far leaves for the network while we are pending.
                    if !self.flushed {
                        self.flushed = true;
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    return Poll::Ready(Some(Err(Cut)));
                }
            }
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body)
                .poll_frame(cx)
                .map_err(|never| match never {}),
            Self::Script(script) => script.next(cx).map_ok(Frame::data),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Script(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Script(script) => SizeHint::with_exact(script.promised),
        }
    }
}
