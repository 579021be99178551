//! What an operator asks of a running host, and what it does by itself.
//!
//! [`admin`] is the socket and what is said over it; the [`operator`] swaps, rolls back and keeps
//! what serves, and goes back by itself as the [`rollback_policy`] says; [`succession`] recycles the
//! process without closing its sockets; `tasks` are those that never end.

pub mod admin;
pub mod operator;
mod public_folders;
pub(crate) mod redeploy;
pub mod rollback_policy;
pub mod succession;
pub(crate) mod tasks;
mod watches;
