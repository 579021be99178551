//! Middleware: a function around the pages of a folder and below.
//!
//! ```
//! use nova::prelude::*;
//!
//! // pages/admin/_middleware.rs
//! pub async fn middleware(request: Request, next: Next) -> Result<Response> {
//!     if !request.headers().contains_key("authorization") {
//!         return Err(Error::unauthorized("who are you?"));
//!     }
//!     let mut response = next.run(request).await;
//!     response.headers_mut().insert("cache-control", HeaderValue::from_static("no-store"));
//!     Ok(response)
//! }
//! ```
//!
//! The outermost folder's runs first. It also sees the built-in answers to OPTIONS and to methods
//! that a page has no function for, so that it can answer a CORS preflight, and requests for paths in
//! its folder that no page answers.

use std::fmt;
use std::sync::Arc;

use futures_core::future::BoxFuture;

use crate::body::Body;
use crate::response::Response;

/// The rest of the way to the page: the argument of a `middleware` function.
#[derive(Clone)]
pub struct Next {
    rest: Arc<Rest>,
}

type Rest = dyn Fn(http::Request<Body>) -> BoxFuture<'static, Response> + Send + Sync;

impl Next {
    pub(crate) fn new(
        rest: impl Fn(http::Request<Body>) -> BoxFuture<'static, Response> + Send + Sync + 'static,
    ) -> Self {
        Next { rest: Arc::new(rest) }
    }

    /// Lets the inner middleware and the page answer. What comes back is finished: layouts and
    /// error pages have run.
    pub async fn run(self, request: http::Request<Body>) -> Response {
        (self.rest)(request).await
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Next")
    }
}
