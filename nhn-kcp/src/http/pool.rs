//! Idle connections: few, fresh, and looked at before they are used again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::link::Link;

/// The idle connections of one client, the one used last on top.
pub(super) struct Pool {
    state: Mutex<State>,
    idle_time: Duration,
    idle_max: usize,
}

#[derive(Default)]
struct State {
    idle: Vec<Link>,
    sweeper: Option<JoinHandle<()>>,
}

impl Pool {
    pub(super) fn new(idle_time: Duration, idle_max: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            idle_time,
            idle_max,
        })
    }

    /// A connection that is fit to be used, if there is one. Those that are not are closed.
    pub(super) async fn take(&self) -> Option<Link> {
        loop {
            let mut link = self.lock().idle.pop()?;
            if link.rested() < self.idle_time && link.is_fit().await {
                return Some(link);
            }
        }
    }

    /// Keeps a connection for later, if it is fit and there is room.
    pub(super) async fn put(self: &Arc<Self>, mut link: Link) {
        if self.idle_time.is_zero() || !link.is_fit().await {
            return;
        }
        link.rest();
        let mut state = self.lock();
        if state.idle.len() >= self.idle_max {
            return;
        }
        state.idle.push(link);
        // A sweeper can also have ended with the runtime it ran on.
        if state.sweeper.as_ref().is_none_or(JoinHandle::is_finished) {
            state.sweeper = Some(tokio::spawn(sweep(Arc::downgrade(self), self.idle_time)));
        }
    }

    /// Takes out what has been idle too long; `None` when nothing is left to watch.
    fn expired(&self) -> Option<Vec<Link>> {
        let mut state = self.lock();
        if state.idle.is_empty() {
            state.sweeper = None;
            return None;
        }
        Some(
            state
                .idle
                .extract_if(.., |link| link.rested() >= self.idle_time)
                .collect(),
        )
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(sweeper) = self.lock().sweeper.take() {
            sweeper.abort();
        }
    }
}

/// Closes connections that no one came back for, and ends when none are left.
async fn sweep(pool: Weak<Pool>, idle_time: Duration) {
    loop {
        tokio::time::sleep(idle_time).await;
        let Some(pool) = pool.upgrade() else { return };
        match pool.expired() {
            Some(links) => drop(links),
            None => return,
        }
    }
}
