//! Sessions: what an app remembers of a visitor from one request to the next.
//!
//! [`Session`] is an argument of pages, layouts, error pages and middleware. All of one request share
//! it; it is read when the first of them asks for it, and saved once when the answer is ready, if it
//! has changed. A page that does not ask for it has nothing to do with it.
//!
//! ```
//! use nova::prelude::*;
//!
//! #[derive(Default, serde::Deserialize, serde::Serialize)]
//! pub struct Cart {
//!     items: Vec<u64>,
//! }
//!
//! pub fn post(session: Session, Path(item): Path<u64>) -> Result<Redirect> {
//!     let mut cart: Cart = session.get("cart")?.unwrap_or_default();
//!     cart.items.push(item);
//!     session.insert("cart", &cart)?;
//!     session.flash("info", "It is in your cart.")?;
//!     Ok(Redirect::to("/cart"))
//! }
//! ```
//!
//! Sessions are kept in a cookie, encrypted with the key [`NOVA_SECRET`](crate::cookies::secret), and
//! so survive a swap, a recycle, a restart and whatever else becomes of the host: 4,096 bytes at most,
//! cookie and all, and out of the app's reach, so that a copy of the cookie stays good until it
//! expires. With the feature `sessions-store` they can be kept in a [store](Sessions::in_store)
//! instead. `init` in `app.rs` says so, and how long they last:
//!
//! ```
//! use std::time::Duration;
//!
//! use nova::session::{self, Sessions};
//!
//! pub fn init() -> nova::Result<()> {
//!     session::set_up(Sessions::in_cookie().idle(Duration::from_secs(30 * 60)))
//! }
//! ```
//!
//! What is put into a session by a page that then answers with a status of 500 or above is not saved.
//!
//! # Requests at the same time
//!
//! In a store, the changes of a request are put into what is in the store when it ends: of two requests
//! that change different keys neither loses anything, as long as one process of the app answers both;
//! two processes that save the same session within the same millisecond may lose the change of one. Of
//! two that change the same key, the one that ends last wins. A session that one request has
//! [cleared](Session::clear) is not brought back by another.
//!
//! In a cookie, the browser keeps what it was told last, and with it all keys of that request.
//!
//! # Forms
//!
//! Pages are guarded against requests that other sites make in a visitor's name, see [`Csrf`].

mod cookie;
pub(crate) mod csrf;
mod data;
mod flash;
mod handle;
mod setup;
#[cfg(feature = "sessions-store")]
mod store;

#[cfg(feature = "sessions-store")]
pub use tower_sessions_core::SessionStore;

pub use self::csrf::Csrf;
pub use self::flash::Flash;
pub use self::handle::Session;
pub(crate) use self::handle::{SessionSlot, close, save};
pub(crate) use self::setup::{AppSessions, check};
pub use self::setup::{Sessions, set_up};
