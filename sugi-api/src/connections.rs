//! Who may hold connections. A caller who has shown no key and no session is a stranger: an address has a few of those,
//! all of them together leave a reserve, and when they are at that cap the address with the most of them pays for the
//! next one that comes. Who has shown a key or a session is cut for no one.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use crate::{
    limits::Limits,
    peer::ClientAddress,
    problem::{Code, Problem},
};

/// How often the log says that a cap holds.
const LOG_EVERY: Duration = Duration::from_mins(1);
/// How many connections may be on their way out while others come in for them.
const LEAVING: usize = 64;

/// Which cap holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cap {
    /// An address has as many strangers as it may; the next is refused.
    Address,
    /// All strangers together are as many as they may be; one of the address with the most is cut.
    UnauthenticatedSampler,
    /// All connections; the next is refused.
    All,
    /// Requests without a key or a session that are at work; the next is refused.
    Work,
    /// An answer whose caller does not read it; its connection is cut.
    Unread,
}

impl Cap {
    pub(crate) const EACH: [Self; 5] = [
        Self::Address,
        Self::UnauthenticatedSampler,
        Self::All,
        Self::Work,
        Self::Unread,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::UnauthenticatedSampler => "strangers",
            Self::All => "all",
            Self::Work => "work",
            Self::Unread => "unread",
        }
    }
}

/// The connections of a service, counted. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connections(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    open: usize,
    /// Connections of strangers: by address, in the order in which they came, and how each is cut.
    unauthenticated: HashMap<IpAddr, BTreeMap<u64, Arc<Notify>>>,
    strangers_open: usize,
    next: u64,
    held: [Held; Cap::EACH.len()],
}

/// How often a cap held.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    times: u64,
    logged_times: u64,
    logged: Option<Instant>,
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    connections: Connections,
    from: IpAddr,
    n: u64,
    cut: Arc<Notify>,
    proved: Arc<AtomicBool>,
    /// A proxy of ours, whose connections carry callers of all kinds.
    is_proxy: bool,
}

/// Whether the caller of a request has proved who it is. An extension of every request that
/// [`serve`](crate::serve) takes, for whatever finds a key or a session good.
#[derive(Debug, Clone)]
pub struct Standing {
    connection: Arc<Place>,
    request: Arc<AtomicBool>,
}

impl Connections {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a connection in, or says which cap holds.
    pub(crate) fn enter(
        &self,
        address: IpAddr,
        is_proxy: bool,
        limits: &Limits,
    ) -> Result<Place, Cap> {
        let from = ClientAddress(address.to_canonical()).counted_as();
        let mut state = self.lock();
        let of_address = state.unauthenticated.get(&from).map_or(0, BTreeMap::len);
        if !is_proxy && of_address >= limits.connections_per_address {
            state.holds(Cap::Address, address);
            return Err(Cap::Address);
        }
        let is_full = state.open >= limits.connections;
        if is_full && (state.strangers_open == 0 || state.open >= limits.connections + LEAVING) {
            state.holds(Cap::All, address);
            return Err(Cap::All);
        }
        if is_full || !is_proxy && state.strangers_open >= limits.unauthenticated() {
            let of = state.cut_one();
            state.holds(Cap::UnauthenticatedSampler, of.unwrap_or(address));
        }
        let (n, cut) = (state.next, Arc::<Notify>::default());
        state.next += 1;
        state.open += 1;
        if !is_proxy {
            state.strangers_open += 1;
            let of_address = state.unauthenticated.entry(from).or_default();
            of_address.insert(n, Arc::clone(&cut));
        }
        Ok(Place {
            connections: self.clone(),
            from,
            n,
            cut,
            proved: Arc::new(AtomicBool::new(is_proxy)),
            is_proxy,
        })
    }

    /// A cap held against someone.
    pub(crate) fn holds(&self, cap: Cap, address: IpAddr) {
        self.lock().holds(cap, address);
    }

    /// The answer to a connection that is refused.
    pub(crate) fn refusal(cap: Cap) -> Vec<u8> {
        let (code, detail) = match cap {
            Cap::Address => (
                Code::TooManyConnections,
                "this address has too many connections on which neither a key nor a session was shown",
            ),
            _ => (Code::Overloaded, "as many connections are open as may be"),
        };
        Problem::new(code, detail).retry_after(1).to_http1()
    }

    /// How many are open, how many of them strangers', and how often each cap held.
    pub(crate) fn counts(&self) -> (usize, usize, [(Cap, u64); Cap::EACH.len()]) {
        let state = self.lock();
        let held = Cap::EACH.map(|cap| (cap, state.held[cap as usize].times));
        (state.open, state.strangers_open, held)
    }
}

impl State {
    /// Cuts the oldest connection of the address that has the most of them; whose it was.
    fn cut_one(&mut self) -> Option<IpAddr> {
        let most = self.unauthenticated.iter().max_by_key(|(_, connections)| {
            let oldest = connections.keys().next().copied();
            (connections.len(), Reverse(oldest))
        });
        let of = *most?.0;
        let connections = self.unauthenticated.get_mut(&of)?;
        let (_, cut) = connections.pop_first()?;
        cut.notify_one();
        if connections.is_empty() {
            self.unauthenticated.remove(&of);
        }
        self.strangers_open -= 1;
        Some(of)
    }

    /// Takes a connection out of the strangers'; nothing to do if it is none of theirs any more.
    fn forget(&mut self, from: IpAddr, n: u64) {
        let Some(connections) = self.unauthenticated.get_mut(&from) else {
            return;
        };
        if connections.remove(&n).is_some() {
            self.strangers_open -= 1;
        }
        if connections.is_empty() {
            self.unauthenticated.remove(&from);
        }
    }

    /// Counts that a cap held, and says so in the log from time to time.
    fn holds(&mut self, cap: Cap, address: IpAddr) {
        let held = &mut self.held[cap as usize];
        held.times += 1;
        if held.logged.is_some_and(|at| at.elapsed() < LOG_EVERY) {
            return;
        }
        let since = held.times - held.logged_times;
        (held.logged, held.logged_times) = (Some(Instant::now()), held.times);
        let (open, unauthenticated) = (self.open, self.strangers_open);
        let cap = cap.as_str();
        tracing::warn!(cap, %address, times = since, open, unauthenticated, "a cap on connections holds");
    }
}

impl Place {
    /// Waits until someone else is to have the place.
    pub(crate) async fn cut(&self) {
        self.cut.notified().await;
    }

    /// The standing of a request that comes in now.
    pub(crate) fn standing(self: &Arc<Self>) -> Standing {
        Standing {
            connection: Arc::clone(self),
            request: Arc::default(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.connections.lock();
        state.forget(self.from, self.n);
        state.open -= 1;
    }
}

impl Standing {
    /// The caller has shown a good key or a session that lives. Its connection is no stranger's from here on.
    pub fn proved(&self) {
        self.request.store(true, Ordering::Relaxed);
        let place = &self.connection;
        if !place.is_proxy && !place.proved.swap(true, Ordering::Relaxed) {
            place.connections.lock().forget(place.from, place.n);
        }
    }

    /// Whether it has.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        self.request.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        connections: 8,
        connections_per_address: 4,
        ..Limits::DEFAULT
    };

    fn enter(connections: &Connections, address: &str) -> Result<Arc<Place>, Cap> {
        let address = address.parse().unwrap();
        connections.enter(address, false, &LIMITS).map(Arc::new)
    }

    fn is_cut(place: &Place) -> bool {
        use std::task::{Context, Poll, Waker};
        let cut = std::pin::pin!(place.cut());
        cut.poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[test]
    fn an_address_has_so_many_strangers_and_as_many_as_it_likes_that_proved_themselves() {
        let all = Connections::default();
        let four: Vec<_> = (0..4).map(|_| enter(&all, "192.0.2.1").unwrap()).collect();
        assert_eq!(enter(&all, "192.0.2.1").err(), Some(Cap::Address));
        assert_eq!(enter(&all, "::ffff:192.0.2.1").err(), Some(Cap::Address));
        assert!(enter(&all, "192.0.2.2").is_ok());
        four[0].standing().proved();
        four[0].standing().proved();
        let fifth = enter(&all, "192.0.2.1").unwrap();
        assert_eq!(enter(&all, "192.0.2.1").err(), Some(Cap::Address));
        drop(fifth);
        assert!(enter(&all, "192.0.2.1").is_ok());
        assert_eq!(all.counts().0, 4);
    }

    #[test]
    fn the_address_with_the_most_strangers_pays_and_those_with_a_key_never() {
        let all = Connections::default();
        let known = enter(&all, "192.0.2.9").unwrap();
        known.standing().proved();
        let crowd: Vec<_> = (0..4).map(|_| enter(&all, "192.0.2.1").unwrap()).collect();
        let two: Vec<_> = (0..2).map(|_| enter(&all, "192.0.2.2").unwrap()).collect();
        // Six of eight are strangers': that is all that they may have.
        let third = enter(&all, "192.0.2.3").unwrap();
        assert!(is_cut(&crowd[0]) && !is_cut(&crowd[1]));
        assert!(!is_cut(&known) && !is_cut(&two[0]) && !is_cut(&third));
        assert_eq!(all.counts().1, 6);
        let held = all.counts().2.map(|(cap, times)| (cap.as_str(), times));
        assert_eq!(held[..2], [("address", 0), ("strangers", 1)]);
    }

    #[test]
    fn those_with_a_key_fill_all_places_and_then_nobody_else_comes_in() {
        let all = Connections::default();
        let mut known = Vec::new();
        for n in 0..8 {
            let place = enter(&all, &format!("192.0.2.{n}")).unwrap();
            place.standing().proved();
            known.push(place);
        }
        assert_eq!(enter(&all, "192.0.2.200").err(), Some(Cap::All));
        drop(known.pop());
        assert!(enter(&all, "192.0.2.200").is_ok());
    }

    #[test]
    fn a_proxys_connections_are_nobodys_and_its_requests_prove_themselves_one_by_one() {
        let all = Connections::default();
        let proxy = "192.0.2.1".parse().unwrap();
        let of_proxy: Vec<_> = (0..8)
            .map(|_| Arc::new(all.enter(proxy, true, &LIMITS).unwrap()))
            .collect();
        let (one, other) = (of_proxy[0].standing(), of_proxy[0].standing());
        one.proved();
        assert!(one.is_proved() && !other.is_proved());
        assert_eq!(all.counts().1, 0);
    }
}
