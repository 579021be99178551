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

mod in_step;
mod request;
mod response;

use std::collections::HashMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use http::header::{HeaderValue, LOCATION};
use http::{Method, StatusCode};

pub use self::in_step::assert_in_step;
pub(crate) use self::request::Sent;
pub use self::request::TestRequest;
pub use self::response::TestResponse;
use crate::app::{InitContext, Routes};
use crate::application::Application;
use crate::context::{Incoming, RequestContext};
use crate::error::Result;
use crate::handler::BoxFuture;
use crate::hooks::Purpose;
use crate::info;
use crate::response::{IntoResponse, Response};
use crate::routing::{Pattern, Router};

/// A started app in the test's own process.
pub struct TestApp {
    router: Router<usize>,
    application: Arc<Application>,
}

impl std::fmt::Debug for TestApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TestApp")
            .field(&self.router.routes().map(|(pattern, _)| pattern).collect::<Vec<_>>())
            .finish()
    }
}

impl TestApp {
    /// Starts the routes on scratch state: `init` is told [`Purpose::Precompile`].
    ///
    /// # Panics
    /// When they do not start; see [`TestApp::start`].
    pub async fn new(routes: Routes) -> Self {
        match TestApp::start(&routes, Purpose::Precompile, None).await {
            Ok(app) => app,
            Err(error) => panic!("the app does not start: {error}"),
        }
    }

    /// Starts the routes for a purpose, perhaps with what another generation exported.
    ///
    /// # Errors
    /// When `init` fails, or two pages have one pattern.
    pub async fn start(routes: &Routes, purpose: Purpose, saved: Option<Vec<u8>>) -> Result<Self> {
        TestApp::start_with(
            routes,
            InitContext { purpose, dev: true, stylesheet: None, favicon: None, saved },
        )
        .await
    }

    pub(crate) async fn start_with(routes: &Routes, init: InitContext) -> Result<Self> {
        info::started("", init.dev, HashMap::new());
        let application = routes.init(init).await?;
        let mut router = Router::new();
        for (index, entry) in routes.entries().iter().enumerate() {
            router.insert(Pattern::parse(&entry.pattern)?, index)?;
        }
        Ok(TestApp { router, application })
    }

    /// What the app saves for the next generation.
    ///
    /// # Errors
    /// When its `export` fails.
    pub async fn export(&self) -> Result<Option<Vec<u8>>> {
        self.application.export().await
    }

    /// Runs the app's `shutdown`.
    ///
    /// # Errors
    /// When it fails.
    pub async fn shutdown(self) -> Result<()> {
        self.application.shutdown().await
    }

    /// A request; it is sent by `.await`.
    ///
    /// # Panics
    /// When `method` is no method.
    pub fn request(&self, method: &str, target: &str) -> TestRequest<'_> {
        TestRequest::new(self, Method::from_bytes(method.as_bytes()).expect("a method"), target)
    }

    /// A GET request for a path, perhaps with a query.
    pub fn get(&self, target: &str) -> TestRequest<'_> {
        TestRequest::new(self, Method::GET, target)
    }

    /// A POST request.
    pub fn post(&self, target: &str) -> TestRequest<'_> {
        TestRequest::new(self, Method::POST, target)
    }

    /// A PUT request.
    pub fn put(&self, target: &str) -> TestRequest<'_> {
        TestRequest::new(self, Method::PUT, target)
    }

    /// A PATCH request.
    pub fn patch(&self, target: &str) -> TestRequest<'_> {
        TestRequest::new(self, Method::PATCH, target)
    }

    /// A DELETE request.
    pub fn delete(&self, target: &str) -> TestRequest<'_> {
        TestRequest::new(self, Method::DELETE, target)
    }

    /// Answers as the host does.
    async fn send(&self, mut sent: Sent) -> Response {
        let path = sent.path().to_owned();
        let found = match self.router.find(&path) {
            Ok(found) => found,
            Err(error) => {
                return self.error(StatusCode::BAD_REQUEST, error.to_string(), &sent).await;
            }
        };
        let Some(found) = found else {
            return self.error(StatusCode::NOT_FOUND, String::new(), &sent).await;
        };
        if let Some(canonical) = found.canonical {
            let location =
                sent.query().map_or(canonical.to_owned(), |query| format!("{canonical}?{query}"));
            let mut response = StatusCode::PERMANENT_REDIRECT.into_response();
            response
                .headers_mut()
                .insert(LOCATION, HeaderValue::try_from(location).expect("a part of a URI"));
            return response;
        }
        let params = found.params.iter().map(|(_, value)| value.to_owned()).collect();
        sent.matched(found.pattern.to_string(), params);
        let answer = self.application.call(*found.value, RequestContext::host(&sent));
        match unless_panic(answer).await {
            Some(response) => response,
            None => self.error(StatusCode::INTERNAL_SERVER_ERROR, String::new(), &sent).await,
        }
    }

    async fn error(&self, status: StatusCode, message: String, sent: &Sent) -> Response {
        let page = self.application.error(status, message, RequestContext::host(sent));
        let plain = || StatusCode::INTERNAL_SERVER_ERROR.into_response();
        unless_panic(page).await.unwrap_or_else(plain)
    }
}

/// Waits for a future; `None` when it panics, which the test's output shows.
async fn unless_panic<T>(mut future: BoxFuture<'_, T>) -> Option<T> {
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}
