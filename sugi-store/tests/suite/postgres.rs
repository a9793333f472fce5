//! What only PostgreSQL has to show: several nodes, broken connections, a second server.

mod failover;
mod faults;
mod load;
mod proxy;
mod races;
mod readiness;
mod schema;
mod tls;

use std::time::Duration;

/// How long to wait for what must happen: far longer than it ever takes.
const MAX_WAIT: Duration = Duration::from_mins(1);
