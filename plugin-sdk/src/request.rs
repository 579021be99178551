//! One request, as extractors see it.
//!
//! A request stays where it arrived, behind [`Incoming`]: nothing of it is copied before an
//! extractor asks. Only a middleware owns a whole `http::Request`; after it the rest of the chain
//! reads from that one.
//!
//! The body is there once, so a function has at most one argument that takes it. Which arguments
//! those are is in the types: only `RequestContext<'_, Whole>` leads to the body, and only an
//! extractor whose part is [`Whole`] is handed one. What else can be taken once belongs there as
//! well: the connection behind a request that upgrades it.

mod context;
mod head;
mod incoming;
#[cfg(any(feature = "sessions", feature = "ws"))]
pub(crate) mod origin;
mod whole;

pub use self::context::{HasBody, Head, RequestContext, RequestPart, Whole};
pub(crate) use self::context::{RouteInfo, StepInput};
pub(crate) use self::incoming::{Incoming, Unrouted};
