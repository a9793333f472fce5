//! Work for callers who have not proved who they are: a sign-in above all. It is bounded in bytes while it is
//! read, and in number, by address and in all, before anything is hashed or kept.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::body::Body;
use http::request::Parts;
use zeroize::Zeroizing;

use crate::{
    Api, ClientAddress, Standing,
    body::{BODY_BYTES_MAX, read_body_of},
    connections::Cap,
    problem::{Code, Problem},
};

/// How many such requests are at work at once.
const AT_ONCE: usize = 64;
/// How many of them for one address.
const AT_ONCE_PER_ADDRESS: usize = 16;
/// The largest body of one: a passkey's answer is the longest that anybody has to send.
const BODY_BYTES_MAX_UNPROVED: usize = 8 * 1024;

/// The work that is under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unproved(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A place for a piece of that work, until it is dropped; for callers who need none, nothing.
#[derive(Debug)]
pub struct WorkPlace(Option<(Unproved, IpAddr)>);

impl Unproved {
    fn take(&self, from: IpAddr) -> Option<WorkPlace> {
        let mut at_work = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = at_work.values().sum();
        let own = at_work.get(&from).copied().unwrap_or_default();
        if all >= AT_ONCE || own >= AT_ONCE_PER_ADDRESS {
            return None;
        }
        at_work.insert(from, own + 1);
        Some(WorkPlace(Some((self.clone(), from))))
    }
}

impl Drop for WorkPlace {
    fn drop(&mut self) {
        let Some((Unproved(at_work), from)) = &self.0 else {
            return;
        };
        let mut at_work = at_work.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = at_work.get_mut(from) {
            *own -= 1;
            if *own == 0 {
                at_work.remove(from);
            }
        }
    }
}

impl Api {
    /// Reads the body of a request whose caller may not have proved who it is; the place is to be kept until the work
    /// on it is done.
    ///
    /// # Errors
    /// As [`read_body`](crate::read_body), and when there is too much such work already.
    pub async fn read_body_of_anybody(
        &self,
        parts: &Parts,
        body: Body,
        timeout: Duration,
    ) -> Result<(Zeroizing<Vec<u8>>, WorkPlace), Problem> {
        let standing = parts.extensions.get::<Standing>();
        if standing.is_some_and(Standing::is_proved) {
            let bytes = read_body_of(body, &parts.headers, timeout, BODY_BYTES_MAX).await?;
            return Ok((bytes, WorkPlace(None)));
        }
        // A body that arrives slowly costs a connection, of which an address has few, and up to 8 KiB. It holds no
        // place: a handful of addresses could else keep everybody from signing in by sending nothing.
        let most = BODY_BYTES_MAX_UNPROVED;
        let bytes = read_body_of(body, &parts.headers, timeout, most).await?;
        let from = parts.extensions.get::<ClientAddress>().copied();
        let from = from.unwrap_or(ClientAddress(IpAddr::from([0, 0, 0, 0])));
        let place = self.0.unproved.take(from.counted_as()).ok_or_else(|| {
            self.0.connections.holds(Cap::Work, from.0);
            let detail = "too many requests without a key or a session are at work";
            Problem::new(Code::Overloaded, detail).retry_after(1)
        })?;
        Ok((bytes, place))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use hyper::body::Frame;

    use super::*;

    /// A body that does not arrive.
    struct Never;

    impl hyper::body::Body for Never {
        type Data = bytes::Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
            Poll::Pending
        }
    }

    /// An API over an empty ledger.
    fn api(folder: &std::path::Path) -> Api {
        let clock = sugi_clock::Clock::manual(jiff::Timestamp::UNIX_EPOCH);
        let store = sugi_store::Store::open(folder).unwrap();
        let engine = sugi_engine::Engine::new(store, [], clock.clone());
        let targets = sugi_webhooks::Targets::public();
        let line = sugi_webhooks::Line::new(None, targets).unwrap();
        let app = crate::App::new(engine, clock, sugi_access::Rules::default(), line);
        Api::new(app, [], crate::Limits::default())
    }

    /// Bodies that do not arrive hold connections, of which an address has few, but no place to work.
    #[tokio::test]
    async fn bodies_that_do_not_arrive_keep_nobody_from_working() {
        let folder = tempfile::tempdir().unwrap();
        let api = api(folder.path());
        let from = |n: u8| {
            let mut parts = http::Request::new(()).into_parts().0;
            let address = ClientAddress(IpAddr::from([192, 0, 2, n]));
            parts.extensions.insert(address);
            parts
        };
        let long = Duration::from_mins(10);
        let slow: Vec<_> = (0..AT_ONCE)
            .map(|n| from(u8::try_from(n % 4).unwrap()))
            .collect();
        let mut slow: Vec<_> = slow
            .iter()
            .map(|parts| Box::pin(api.read_body_of_anybody(parts, Body::new(Never), long)))
            .collect();
        for reading in &mut slow {
            tokio::select! {
                biased;
                _ = reading => panic!("it has no end"),
                () = std::future::ready(()) => {}
            }
        }
        let other = from(9);
        let read = api.read_body_of_anybody(&other, Body::from("name=kim"), long);
        let (bytes, place) = read.await.unwrap();
        assert_eq!(**bytes, *b"name=kim");
        assert_eq!(api.0.unproved.0.lock().unwrap().len(), 1);
        drop((place, slow));
        assert!(api.0.unproved.0.lock().unwrap().is_empty());
    }

    #[test]
    fn work_is_bounded_by_address_and_in_all() {
        let work = Unproved::default();
        let from = |n: u8| IpAddr::from([192, 0, 2, n]);
        let mut places: Vec<_> = std::iter::from_fn(|| work.take(from(1))).collect();
        assert_eq!(places.len(), AT_ONCE_PER_ADDRESS);
        for n in 2..=4 {
            places.extend(std::iter::from_fn(|| work.take(from(n))));
        }
        assert_eq!(places.len(), AT_ONCE);
        assert!(work.take(from(9)).is_none());
        places.truncate(AT_ONCE - 1);
        assert!(work.take(from(9)).is_some());
        drop(places);
        assert!(work.0.lock().unwrap().is_empty());
    }
}
