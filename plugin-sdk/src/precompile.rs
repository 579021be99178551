//! What is exercised before an app serves, as the app itself says it: `precompile.rs`.
//!
//! `nova` sends requests to every route of a library when it is built, to see that none of them
//! panics, hangs or answers 5xx. A page names requests for itself with `SAMPLES`; `precompile.rs`
//! in the app's folder names all others, and holds functions that are to be run:
//!
//! ```
//! use nova::precompile::Request;
//! use nova::prelude::*;
//!
//! pub fn requests() -> Vec<Request> {
//!     vec![
//!         Request::get("/users/1?full=yes"),
//!         Request::post("/api/users").body_as("application/json", r#"{"name":"Ada"}"#).expect(201),
//!         Request::get("/admin").header("accept", "text/html").expect(401),
//!     ]
//! }
//!
//! /// Every other `pub fn` is run once; it takes what a page may take.
//! pub async fn fill_the_cache() -> Result<()> {
//!     Ok(())
//! }
//! ```
//!
//! All of it runs only in an app that was started with
//! [`Purpose::Precompile`](crate::Purpose::Precompile), never in one that serves.

use serde_json::{Map, Value};

use crate::body::Body;
use crate::response::{IntoResponse, Response};

/// One request that is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it is sent if `requests` returns it"]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    expect: Option<Value>,
    writes: Option<bool>,
    prerender: bool,
}

impl Request {
    /// A request for a path, perhaps with a query.
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: None,
            expect: None,
            writes: None,
            prerender: false,
        }
    }

    /// A GET request.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A POST request.
    pub fn post(target: &str) -> Self {
        Self::new("POST", target)
    }

    /// A PUT request.
    pub fn put(target: &str) -> Self {
        Self::new("PUT", target)
    }

    /// A PATCH request.
    pub fn patch(target: &str) -> Self {
        Self::new("PATCH", target)
    }

    /// A DELETE request.
    pub fn delete(target: &str) -> Self {
        Self::new("DELETE", target)
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives it a body of this media type.
    pub fn body_as(mut self, content_type: &str, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self.header("content-type", content_type)
    }

    /// The answer has this status. Without it, every status below 500 is accepted.
    pub fn expect(mut self, status: u16) -> Self {
        self.expect = Some(status.into());
        self
    }

    /// The answer is some 5xx, or the page panics: that is right here.
    pub fn expect_server_error(mut self) -> Self {
        self.expect = Some("5xx".into());
        self
    }

    /// It changes something, although it is a GET or HEAD: it is sent on scratch state alone.
    pub fn writes(mut self) -> Self {
        self.writes = Some(true);
        self
    }

    /// The answer becomes a file of the release, which is served in the place of the page.
    pub fn prerender(mut self) -> Self {
        self.prerender = true;
        self
    }

    /// As the host's plan has it.
    fn into_json(self) -> Value {
        let Self { method, target, headers, body, expect, writes, prerender } = self;
        let mut object = Map::new();
        object.insert("method".into(), method.into());
        object.insert("target".into(), target.into());
        if !headers.is_empty() {
            let headers = headers.into_iter().map(|(name, value)| (name, value.into()));
            object.insert("headers".into(), Value::Object(headers.collect()));
        }
        object.extend(body.map(|body| ("body".into(), body.into())));
        object.extend(expect.map(|expect| ("expect".into(), expect)));
        object.extend(writes.map(|writes| ("writes".into(), writes.into())));
        if prerender {
            object.insert("prerender".into(), true.into());
        }
        Value::Object(object)
    }
}

#[diagnostic::do_not_recommend]
impl IntoResponse for Vec<Request> {
    fn into_response(self) -> Response {
        let requests = self.into_iter().map(Request::into_json).collect();
        json_response(&Value::Array(requests))
    }
}

pub(crate) fn json_response(value: &Value) -> Response {
    Response::new(Body::from(value.to_string()).with_content_type("application/json"))
}

/// How a page is exercised, as its `SAMPLES` and `PRERENDER` say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Exercise {
    /// Addresses of the page.
    pub(crate) samples: &'static [&'static str],
    /// Whether its answers become files.
    pub(crate) prerender: bool,
}
