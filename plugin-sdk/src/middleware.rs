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
use std::marker::PhantomData;
use std::sync::Arc;

use futures_core::future::BoxFuture;

use crate::body::Body;
use crate::response::Response;

/// The rest of the way to the page: the argument of a `middleware` function.
///
/// `Next<T>` wants a `T` for what is behind: a page takes it as
/// [`Extension<T>`](crate::extract::Extension). So an app knows before its first request that it is
/// there, and is not started where it is not. Of several values a struct is made.
///
/// ```
/// use nova::prelude::*;
///
/// #[derive(Clone)]
/// pub struct Language(String);
///
/// // pages/_middleware.rs
/// pub async fn middleware(request: Request, next: Next<Language>) -> Response {
///     let wanted = request.headers().get("accept-language");
///     let wanted = wanted.and_then(|it| it.to_str().ok()).unwrap_or("en").to_owned();
///     next.run_with(request, Language(wanted)).await
/// }
///
/// // pages/index.rs
/// pub fn get(Extension(language): Extension<Language>) -> String {
///     format!("as you like it: {}", language.0)
/// }
/// ```
///
/// It can be cloned, and run more than once.
pub struct Next<T = ()> {
    rest: Arc<Rest>,
    leaves: PhantomData<fn(T)>,
}

impl<T> Clone for Next<T> {
    fn clone(&self) -> Self {
        Next { rest: Arc::clone(&self.rest), leaves: PhantomData }
    }
}

type Rest = dyn Fn(http::Request<Body>) -> BoxFuture<'static, Response> + Send + Sync;

impl Next {
    pub(crate) fn new(
        rest: impl Fn(http::Request<Body>) -> BoxFuture<'static, Response> + Send + Sync + 'static,
    ) -> Self {
        Next { rest: Arc::new(rest), leaves: PhantomData }
    }

    /// Lets the inner middleware and the page answer. What comes back is finished: layouts and
    /// error pages have run.
    pub async fn run(self, request: http::Request<Body>) -> Response {
        (self.rest)(request).await
    }

    /// The same, for a function that says what it leaves.
    pub(crate) fn leaving<T>(self) -> Next<T> {
        Next { rest: self.rest, leaves: PhantomData }
    }
}

impl<T: Clone + Send + Sync + 'static> Next<T> {
    /// As [`run`](Next::run), with a value for what is behind.
    pub async fn run_with(self, mut request: http::Request<Body>, value: T) -> Response {
        request.extensions_mut().insert(value);
        (self.rest)(request).await
    }
}

impl<T> fmt::Debug for Next<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Next")
    }
}
