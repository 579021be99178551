//! What an operator asks of a running host, and what it does by itself.
//!
//! [`admin`] is the socket and what is said over it; the [`operator`] swaps, goes back and keeps
//! what serves; [`recycle`] and [`succession`] renew the process without closing its sockets.

pub mod admin;
pub mod operator;
pub mod recycle;
pub mod succession;
pub mod trial;
