//! The sandbox from outside: real HTTP over loopback, read with a client that knows nothing of it.

mod approve;
mod cancel;
mod client;
mod control;
mod credentials;
mod faults;
mod inquire;
mod lints;
mod programs;
mod samples;
mod secrets;
mod worlds;
