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
//!   errors and their pages, [`hooks`] about `app.rs`.
//! * [`asset()`] links a file of `public/`.
//! * [`body`] and [`sse`] are about streams.
//! * [`testing`] calls an app's routes in a test; [`precompile`] is about `precompile.rs`.
//! * [`routing`] is the matcher; with `default-features = false` it is all there is.

// Without the SDK, what the text above links to is not there.
#![cfg_attr(not(feature = "sdk"), allow(rustdoc::broken_intra_doc_links))]

pub mod routing;

#[cfg(feature = "sdk")]
#[doc(hidden)]
pub mod abi;
#[cfg(feature = "sdk")]
mod application;
#[cfg(feature = "sdk")]
mod asset;
#[cfg(feature = "sdk")]
mod context;
#[cfg(feature = "sdk")]
mod info;
#[cfg(all(feature = "sdk", debug_assertions))]
#[doc(hidden)]
pub mod instances;
#[cfg(feature = "sdk")]
#[doc(hidden)]
pub mod split;
#[cfg(feature = "sdk")]
mod state;
#[cfg(feature = "sdk")]
mod stream;

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
pub mod precompile;
#[cfg(feature = "sdk")]
pub mod prelude;
#[cfg(feature = "sdk")]
pub mod response;
#[cfg(feature = "sdk")]
pub mod sse;
#[cfg(feature = "sdk")]
pub mod testing;

#[cfg(feature = "sdk")]
pub use {headers, http, maud, tokio, tracing};

#[cfg(feature = "sdk")]
pub use crate::{
    app::{App, Routes},
    asset::asset,
    error::{Error, Result},
    hooks::{Purpose, no_state},
    info::{build_id, is_dev},
};
