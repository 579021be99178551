//! The Nova host: loads route libraries, checks them, serves them, and swaps them while it serves.
//!
//! The program `nova-host` is [`main`]. A program of your own holds a [`Switch`], which takes a
//! candidate from its file to the generation that serves; a [`Site`], which answers requests from
//! it; and a [`Server`](server::Server) or whatever else brings the requests. `examples/custom-script`
//! is such a program.
//!
//! What is named here is meant to be used. The rooms below are open for the other programs of this
//! repository, and promise nothing.

#[doc(hidden)]
pub mod edge;
#[doc(hidden)]
pub mod generation;
#[doc(hidden)]
pub mod library;
#[doc(hidden)]
pub mod operate;
#[doc(hidden)]
pub mod process;
#[doc(hidden)]
pub mod release;
#[doc(hidden)]
pub mod rooms;
#[doc(hidden)]
pub mod run;
#[doc(hidden)]
pub mod server;
#[doc(hidden)]
pub mod site;
#[doc(hidden)]
pub mod supervise;
#[doc(hidden)]
pub mod swap;

pub use self::library::loader::{BuildId, LoadError, Store};
pub use self::library::start::StartInfo;
pub use self::run::{LinkedRelease, main, main_linked};
pub use self::site::files::{Assets, Caching};
pub use self::site::{Origin, Site, SiteResponse};
pub use self::swap::{SwapError, SwapSettings, Switch};
