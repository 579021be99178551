//! The contract between a Nova host and a route library, and nothing else.
//!
//! A library exports two symbols: [`note::SYMBOL`], plain bytes that a host reads from the file
//! before it runs any code of the library, and abi_stable's root module, [`Library`]. Everything
//! that crosses is declared here, has a checked layout (`StableAbi`) and a documented owner.
//!
//! What is thought of after the contract was fixed has a place on each side, so that nobody is refused
//! because of it: what a host offers goes into [`HostServices`], a table that only grows; what an
//! application can do besides is an [`Extension`], which is asked for by its name. The layouts of
//! these two are not checked, and never change.
//!
//! The crate also holds the glue on both sides, so that neither host nor SDK writes `unsafe` for
//! a call: the host implements [`HostExchange`], [`HeadSink`], [`HostConnection`] and
//! [`ChunkSource`], the SDK implements [`Plugin`], [`UpgradeHandler`] and [`ChunkSource`].
//!
//! Rules of the boundary:
//! - No panic crosses it. What runs code of an app is caught, and so is what polls or drops for the
//!   other side; futures cross as [`GuardedFuture`]. The few functions by which a library asks the
//!   host about its request ([`HostExchange`], [`HeadSink`]) catch nothing: they run code of the host
//!   alone, and a panic in it would end the process, as out of every `extern "C"` function.
//! - Who allocates, frees: owned things carry their own drop function.
//! - Borrowed things live until the call, or the future that it returned, is gone.
//! - A loaded library is never unmapped, so `'static` data of a library stays valid.
#![allow(unsafe_code)] // The contract is where the unsafe code lives; see ARCHITECTURE.md.

mod bytes;
mod connection;
mod exchange;
mod extension;
mod future;
mod guard;
mod leadership;
mod library;
pub mod note;
mod response;
mod revocable;
mod rooms;
pub mod root;
mod services;
mod stream;
mod swap_mode;

pub use abi_stable;
pub use async_ffi;

pub use bytes::OwnedBytes;
pub use connection::{Connection, HostConnection, Upgrade, UpgradeHandler};
pub use exchange::{Exchange, HostExchange, Param, Peer, RequestLine, Target};
pub use extension::{Exported, Extension, ExtensionTable};
pub use future::GuardedFuture;
pub use guard::{Guarded, Panic, guarded};
pub use leadership::{LeadershipTable, LeadingPlugin};
pub use library::{App, InitContext, LIBRARY_NAME, Library, LibraryRef, Plugin, Purpose, Route};
pub use response::{Answer, Failures, HeadSink, PageError, ResponseBody, ResponseHead, Start};
pub use revocable::{After, Counts, Inside, Revocable, Watched};
pub use rooms::{
    HostRooms, LONGEST_ROOM_MESSAGE, LONGEST_ROOM_NAME, RoomError, RoomEvent, RoomReader,
    RoomStart, Rooms, Subscription,
};
pub use services::{HostServices, LogEvent, LogLevel, LogSink, Services};
pub use stream::{BodyStream, ChunkSource, Failure, FailureKind};
pub use swap_mode::{SwapMode, UnknownSwapMode};

/// The number of this contract. A host loads the libraries whose note carries the same number.
///
/// It moves with every change of a type in this crate, and the crate's major version with it.
pub const ABI: u32 = 1;
