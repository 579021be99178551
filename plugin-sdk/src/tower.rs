//! Layers and services of [tower](https://docs.rs/tower) around and in pages: the feature `tower`.
//!
//! `_middleware.rs` may export `layers` instead of, or beside, `middleware`:
//!
//! ```
//! use nova::prelude::*;
//! use nova::tower::Layers;
//! use tower::ServiceBuilder;
//! use tower_http::compression::CompressionLayer;
//! use tower_http::cors::CorsLayer;
//!
//! // pages/api/_middleware.rs
//! pub fn layers() -> impl Layers {
//!     ServiceBuilder::new().layer(CorsLayer::permissive()).layer(CompressionLayer::new())
//! }
//! ```
//!
//! They are built once, when the app starts, and each request is handed to a clone of what they made,
//! as tower does it. A page may be a service by itself, such as a whole router of axum:
//!
//! ```
//! use axum::Router;
//! use axum::routing::get;
//!
//! // pages/legacy/[[...path]].rs
//! pub fn service() -> Router {
//!     Router::new().route("/users/{id}", get(|| async { "a user" }))
//! }
//! ```
//!
//! It sees the path below its folder, as under `nest_service` of axum: `/legacy/users/7` is
//! `/users/7`; [`OriginalUri`] is in the extensions of the request.
//!
//! Both may take `State<T>`, as a page does. [`Next`](crate::middleware::Next), the argument of a
//! `middleware` function, is a [`Service`], too.

mod body;
mod layers;
mod mount;
mod service;

pub use self::layers::{Inner, Layers, layers_0, layers_1};
pub use self::mount::{OriginalUri, service_0, service_1};
pub use self::service::HttpService;
pub use tower_layer::Layer;
pub use tower_service::Service;
