//! What only PostgreSQL has to show: several nodes, broken connections, a second server.

mod failover;
mod faults;
mod load;
mod proxy;
mod races;
mod schema;
mod tls;
