//! Calling an app's routes in a test, without a host.
//!
//! A request takes the way it takes in production: the same matcher, method rules, middleware,
//! layouts and error pages, and a panic of a page is a 500.
//!
//! ```
//! use nova::handler::*;
//! use nova::prelude::*;
//! use nova::testing::TestApp;
//!
//! fn get(Path(id): Path<u64>) -> String {
//!     format!("user {id}")
//! }
//! fn routes() -> nova::Routes {
//!     let mut app = nova::App::new(nova::no_state());
//!     app.page("/users/{id}", "pages/users/[id].rs")
//!         .get(sync_1(get));
//!     app.finish()
//! }
//!
//! #[tokio::main]
//! async fn main() {
//!     let app = TestApp::new(routes()).await;
//!     let response = app.get("/users/7").await;
//!     assert_eq!(response.status(), 200);
//!     assert_eq!(response.text(), "user 7");
//!     assert_eq!(app.post("/users/7").await.status(), 405);
//! }
//! ```

mod app;
mod browser;
#[cfg(feature = "ws")]
mod connection;
mod in_step;
mod incoming;
mod multipart;
mod response;
mod streaming;
#[cfg(feature = "ws")]
mod websocket;

pub use self::app::{TestApp, TestRequest};
pub use self::browser::TestBrowser;
pub use self::in_step::assert_in_step;
#[cfg(test)]
pub(crate) use self::incoming::TestIncoming;
pub use self::multipart::MultipartForm;
pub use self::response::TestResponse;
pub use self::streaming::TestStream;
#[cfg(feature = "ws")]
pub use self::websocket::{TestWebSocket, TestWebSocketRequest};
