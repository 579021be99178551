//! Nova: what a page imports.
//!
//! A route is a file. `pages/users/[id].rs` answers `/users/{id}` with the functions it exports,
//! named after HTTP methods:
//!
//! ```
//! use nova::prelude::*;
//!
//! #[derive(Clone)]
//! pub struct Db;
//! # impl Db { async fn user(&self, _: u64) -> Result<Option<User>> { Ok(None) } }
//! # #[derive(serde::Serialize, serde::Deserialize)]
//! # pub struct User { name: String }
//!
//! pub async fn get(Path(id): Path<u64>, State(db): State<Db>) -> Result<Html> {
//!     let user = db.user(id).await?.ok_or(Error::not_found("no such user"))?;
//!     Ok(page("User", html! { h1 { (user.name) } }))
//! }
//!
//! pub async fn put(Path(id): Path<u64>, Json(user): Json<User>) -> (StatusCode, Json<User>) {
//!     # let _ = id;
//!     (StatusCode::OK, Json(user))
//! }
//! ```
//!
//! * [`prelude`] is all that a page needs.
//! * [`extract`] lists what a function may take, [`response`] what it may return.
//! * [`html`] is about pages and layouts, [`middleware`] about `_middleware.rs`, [`Error`] about
//!   errors and their pages, [`hooks`] about `app.rs`, [`jobs`] and [`mod@leadership`] about what an
//!   app does besides answering requests, [`log`] about what it logs.
//! * [`asset()`] links a file of `public/`.
//! * [`body`] and [`sse`] are about streams.
//! * [`rooms`] are channels by name that outlive a swap: what one page says, all hear.
//! * [`upgrade`] is about pages that take the connection over, after `101 Switching Protocols`; `ws`,
//!   with the feature of that name, about WebSockets.
//! * `tower`, a feature, is about layers and services of tower around and in pages.
//! * [`testing`] calls an app's routes in a test; [`precompile`] is about `precompile.rs`.
//! * [`routing`] is the matcher, which hosts use as well.

// A request goes downwards: `abi` polls what `app::started` answers, which finds the functions of
// the route (`pipeline::route`); `handler::call` takes the arguments (`extract`) out of the
// `request`, calls the function, and leaves its response to `pipeline::finish`.

#[doc(hidden)]
pub mod abi;
mod asset;
mod info;
#[cfg(debug_assertions)]
#[doc(hidden)]
pub mod instances;
#[doc(hidden)]
pub mod parts;
mod pipeline;
mod request;
mod state;
mod stream;
mod time;

pub mod app;
#[cfg(feature = "auth")]
pub mod auth;
pub mod body;
#[cfg(feature = "cookies")]
pub mod cookies;
pub mod error;
pub mod extract;
pub mod handler;
pub mod hooks;
pub mod html;
pub mod jobs;
pub mod leadership;
pub mod log;
pub mod middleware;
#[cfg(feature = "multipart")]
pub mod multipart;
pub mod precompile;
pub mod prelude;
pub mod response;
pub mod rooms;
#[cfg(feature = "sessions")]
pub mod session;
pub mod sse;
pub mod testing;
#[cfg(feature = "tower")]
pub mod tower;
pub mod upgrade;
#[cfg(feature = "validation")]
pub mod validation;
#[cfg(feature = "ws")]
pub mod ws;

#[cfg(feature = "typed-header")]
pub use headers;
pub use http;
pub use maud;
#[doc(inline)]
pub use nova_abi::SwapMode as Swap;
pub use nova_routing as routing;
pub use tokio;
pub use tracing;

pub use crate::app::{App, Routes};
pub use crate::asset::asset;
pub use crate::error::Error;
pub use crate::hooks::{Purpose, no_state};
pub use crate::info::{build_id, is_dev};
pub use crate::leadership::leadership;
pub use crate::response::Result;
pub use crate::rooms::room;
pub use crate::upgrade::Upgrade;
