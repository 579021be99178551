//! Nova: what a page imports.

pub mod routing;

#[cfg(feature = "sdk")]
#[doc(hidden)]
pub mod abi;
#[cfg(feature = "sdk")]
mod application;
#[cfg(feature = "sdk")]
mod context;
#[cfg(feature = "sdk")]
mod info;

#[cfg(feature = "sdk")]
pub mod app;
#[cfg(feature = "sdk")]
pub mod body;
#[cfg(feature = "sdk")]
pub mod error;
#[cfg(feature = "sdk")]
pub mod extract;
#[cfg(feature = "sdk")]
pub mod handler;
#[cfg(feature = "sdk")]
pub mod hooks;
#[cfg(feature = "sdk")]
pub mod html;
#[cfg(feature = "sdk")]
pub mod middleware;
#[cfg(feature = "sdk")]
pub mod prelude;
#[cfg(feature = "sdk")]
pub mod response;
#[cfg(feature = "sdk")]
pub mod sse;
#[cfg(feature = "sdk")]
pub mod testing;

#[cfg(feature = "sdk")]
mod exports {
    pub use headers;
    pub use http;
    pub use tokio;
    pub use tracing;

    pub use crate::app::{App, Routes};
    pub use crate::error::{Error, Result};
    pub use crate::hooks::{Purpose, no_state};
    pub use crate::info::{build_id, is_dev};
}
#[cfg(feature = "sdk")]
pub use exports::*;
