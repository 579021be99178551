//! The development server.

mod ansi;
mod endpoints;
mod guard;
mod hub;
mod inject;
mod message;
mod waiting;
