//! The contract between a Nova host and a route library, and nothing else.
//!
//! A library exports two symbols: [`note::SYMBOL`], plain bytes that a host reads from the file
//! before it runs any code of the library, and abi_stable's root module, [`Library`]. Everything
//! that crosses is declared here, has a checked layout (`StableAbi`) and a documented owner.
//!
//! A third symbol may be missing: [`told::SYMBOL`], for what a host says that was thought of after
//! the contract was fixed.
//!
//! The crate also holds the glue on both sides, so that neither host nor SDK writes `unsafe` for
//! a call: the host implements [`HostExchange`], [`HeadSink`] and [`ChunkSource`], the SDK
//! implements [`Plugin`] and [`ChunkSource`].
//!
//! Rules of the boundary:
//! - No panic crosses it. Each `extern "C"` function below catches what it runs.
//! - Who allocates, frees: owned things carry their own drop function.
//! - Borrowed things live until the call, or the future that it returned, is gone.
//! - A loaded library is never unmapped, so `'static` data of a library stays valid.
#![allow(unsafe_code)] // The contract is where the unsafe code lives; see ARCHITECTURE.md.

mod bytes;
mod exchange;
mod guard;
mod library;
pub mod note;
mod page;
mod response;
pub mod root;
mod stream;
pub mod told;

pub use abi_stable;
pub use async_ffi;

pub use bytes::OwnedBytes;
pub use exchange::{Exchange, HostExchange, Param, Peer, RequestLine, Target};
pub use guard::{Guarded, Panic, guarded};
pub use library::{
    App, InitContext, LIBRARY_NAME, Library, LibraryRef, LogEvent, LogLevel, LogSink, Plugin,
    Purpose, Route,
};
pub use page::{NotAttached, PageEntry};
pub use response::{Answer, HeadSink, ResponseBody, ResponseHead, Start};
pub use stream::{BodyStream, ChunkSource, Failure, FailureKind};

/// The number of this contract. A host loads the libraries whose note carries the same number.
///
/// It moves with every change of a type in this crate, and the crate's major version with it.
pub const ABI: u32 = 1;
