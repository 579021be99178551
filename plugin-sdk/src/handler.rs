//! Functions of a page as handlers.
//!
//! Generated code names a constructor by the function's form, `async_2` for an async function of
//! two arguments. So the compiler checks each argument by itself, and a wrong one is one short
//! error at the line that names the function.
//!
//! ```
//! use nova::handler::{async_1, sync_0};
//! use nova::prelude::*;
//!
//! fn get() -> &'static str {
//!     "hello"
//! }
//! async fn post(body: String) -> String {
//!     body
//! }
//!
//! let mut app = nova::App::new(nova::no_state());
//! app.page("/", "pages/index.rs")
//!     .get(sync_0(get))
//!     .post(async_1(post));
//! # let _ = app.finish();
//! ```

mod call;
mod constructors;

pub use self::call::Handler;
#[cfg(feature = "tower")]
pub(crate) use self::call::Run;
pub use self::constructors::*;
