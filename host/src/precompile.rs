//! Precompilation: every route of a library is exercised before anybody needs it.
//!
//! What is sent is a [`plan`]: a file that is generated from the routes and edited by people. A
//! child process loads the library through the same code as a host that serves, with
//! `Purpose::Precompile`, and sends the requests (`child`); its parent gives it time for each of
//! them and starts another for the rest when one hangs or crashes (`run`). What came of it is a
//! `report`. A host takes the GETs of the plan to warm a library up before it is published.

#[cfg(feature = "cli")]
mod child;
#[cfg(feature = "cli")]
mod generate;
pub mod plan;
#[cfg(feature = "cli")]
mod report;
#[cfg(feature = "cli")]
mod run;

#[cfg(feature = "cli")]
pub(crate) use self::{
    child::{ROLE, Rendered, run as child_run},
    report::{Exercised, Kind, Outcome},
    run::{Extent, Order, Precompiled, precompile},
};

/// Under this address a library answers to precompilation alone: what its pages and its
/// `precompile.rs` ask for. An ordinary route, so that the contract knows nothing of it, but in no
/// table.
pub(crate) const RESERVED: &str = "/_nova/precompile";

/// Whether a route is for precompilation alone.
pub(crate) fn is_reserved(pattern: &str) -> bool {
    pattern.strip_prefix(RESERVED).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
