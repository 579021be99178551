//! An app, from what generated code declares to what answers requests.
//!
//! [`App`] is the builder, [`Routes`] what it builds: the routes in their folders' layouts,
//! middleware and error pages, ready to be started as often as a host likes. A started app
//! belongs to the host.
//!
//! ```
//! use nova::handler::*;
//! use nova::prelude::*;
//!
//! fn index() -> &'static str {
//!     "hello"
//! }
//! async fn user(Path(id): Path<u64>) -> String {
//!     format!("user {id}")
//! }
//!
//! pub fn routes() -> nova::Routes {
//!     let mut app = nova::App::new(nova::no_state());
//!     app.page("/", "pages/index.rs")
//!         .get(sync_0(index));
//!     app.page("/users/{id}", "pages/users/[id].rs")
//!         .get(async_1(user));
//!     app.finish()
//! }
//! # routes();
//! ```

mod builder;
mod folders;
mod left_values;
mod outside;
mod page;
pub(crate) mod page_libraries;
mod reserved;
mod routes;
mod started;

pub use self::builder::App;
pub use self::page::Page;
pub(crate) use self::routes::InitContext;
pub use self::routes::Routes;
pub(crate) use self::started::StartedApp;
