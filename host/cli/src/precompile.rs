//! Precompilation: every route of a library is exercised before it is needed.
//!
//! What is sent is a [plan](nova_host::release::plan): a file that is generated from the routes
//! ([`generate`]) and edited by people. A child process loads the library through the same code as
//! a host that serves, with `Purpose::Precompile`, and sends the requests ([`child`]); its parent
//! gives it time for each of them and starts another for the rest when one hangs or crashes
//! ([`run`]). What came of it is a [`report`].

mod child;
mod generate;
mod protocol;
mod report;
mod run;

pub(crate) use self::child::ROLE;
pub(crate) use self::protocol::{Extent, RenderedPage};
pub(crate) use self::report::{AnswerKind, RequestOutcome, RequestReport};
pub(crate) use self::run::{Precompilation, PrecompileOrder, precompile};
