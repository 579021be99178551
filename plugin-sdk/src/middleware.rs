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
//! that a page has no function for, so that it can answer a CORS preflight.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::application::Application;
use crate::body::Body;
use crate::context::{Owned, RequestContext};
use crate::response::{self, Response};

/// The rest of the way to the page: the argument of a `middleware` function.
pub struct Next {
    app: Arc<Application>,
    route: usize,
    /// Which of the route's middleware comes next; behind the last one is the page.
    depth: usize,
    params: Vec<String>,
    client_addr: Option<SocketAddr>,
    upgradable: bool,
}

impl Next {
    pub(crate) fn new(
        app: Arc<Application>,
        route: usize,
        depth: usize,
        cx: &RequestContext<'_>,
    ) -> Self {
        let params = (0..).map_while(|index| cx.param_at(index).map(str::to_owned)).collect();
        let (client_addr, upgradable) = (cx.client_addr(), cx.is_upgradable());
        Next { app, route, depth, params, client_addr, upgradable }
    }

    /// Lets the inner middleware and the page answer. What comes back is finished: layouts and
    /// error pages have run.
    pub async fn run(self, request: http::Request<Body>) -> Response {
        let Next { app, route, depth, params, client_addr, upgradable } = self;
        let owned = Owned { request, params, client_addr, upgradable };
        let cx = RequestContext::owned(Box::new(owned));
        response::with_content_type(app.enter(route, depth, cx).await)
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Next")
    }
}
