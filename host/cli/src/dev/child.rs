//! The process that serves, seen from outside: kept running, told what to serve, blamed for a crash.
//!
//! The [`ServerHandle`](handle::ServerHandle) is what the session holds; the
//! [`ServerSupervisor`](supervisor::ServerSupervisor) keeps a
//! [`ServerProcess`](process::ServerProcess) behind it, which a
//! [`Starter`](starter::Starter) has started, and a [`ReplayState`](replay::ReplayState)
//! of what the next one must be told again. The way of code from the compiler to the server, and
//! of the answer back:
//!
//! ```text
//! engine      Publication          what is compiled, and why
//! publisher   PendingPublication   one at a time; becomes a Load
//! handle      Load                 code to serve, and nothing else
//! supervisor  PendingLoad          with a number, until its answer comes: asked again if the
//!                                  server ends before that
//! wire        Order::Load          ... the server serves it, or not ...
//!             ServerEvent::Done    with the number
//! supervisor  LoadOutcome          or a Refusal; what serves is replayed from now on
//! publisher   PublishReport        the publication, and what became of it
//! ```

pub(crate) mod crash;
pub(crate) mod handle;
mod in_flight;
mod last_words;
mod pending;
mod possessions;
pub(crate) mod process;
pub(crate) mod replay;
pub(crate) mod starter;
pub(crate) mod supervisor;
