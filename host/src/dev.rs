//! The development server.

mod ansi;
mod change;
mod endpoints;
mod guard;
mod hub;
mod inject;
mod message;
mod snapshot;
mod waiting;
mod watch;
