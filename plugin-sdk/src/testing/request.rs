//! A request of a test.

use std::future::IntoFuture;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri, Version};
use serde_core::Serialize;

use super::{TestApp, TestResponse};
use crate::body::Body;
use crate::context::Incoming;
use crate::handler::BoxFuture;
use crate::response;

/// A request under construction; `.await` sends it.
///
/// ```no_run
/// # async fn test(app: nova::testing::TestApp) {
/// let response = app
///     .post("/users")
///     .header("authorization", "Bearer x")
///     .json(&["ada", "grace"])
///     .await;
/// assert_eq!(response.status(), 201);
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a request is sent by `.await`"]
pub struct TestRequest<'a> {
    app: &'a TestApp,
    method: Method,
    target: Uri,
    headers: HeaderMap,
    body: Body,
}

impl<'a> TestRequest<'a> {
    pub(super) fn new(app: &'a TestApp, method: Method, target: &str) -> Self {
        let target =
            target.parse().unwrap_or_else(|error| panic!("`{target}` is not a target: {error}"));
        TestRequest { app, method, target, headers: HeaderMap::new(), body: Body::empty() }
    }

    /// Adds a header.
    ///
    /// # Panics
    /// When name or value is not valid in a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).expect("a header's name");
        self.headers.append(name, HeaderValue::try_from(value).expect("a header's value"));
        self
    }

    /// Sets the body. Its length is announced, unless it is a stream.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        match self.body.len() {
            Some(length) => self.headers.insert(CONTENT_LENGTH, HeaderValue::from(length)),
            None => self.headers.remove(CONTENT_LENGTH),
        };
        self
    }

    /// Sets the body to a value as JSON, and its type.
    ///
    /// # Panics
    /// When the value has no form in JSON.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body(serde_json::to_vec(value).expect("a value with a form in JSON"))
    }

    /// Sets the body to the fields of a form, encoded as in `a=1&b=2`, and its type.
    pub fn form(mut self, fields: impl Into<String>) -> Self {
        self.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        self.body(fields.into())
    }
}

impl<'a> IntoFuture for TestRequest<'a> {
    type Output = TestResponse;
    type IntoFuture = BoxFuture<'a, TestResponse>;

    fn into_future(self) -> Self::IntoFuture {
        let TestRequest { app, method, target, headers, body } = self;
        Box::pin(async move {
            let is_head = method == Method::HEAD;
            let body = Mutex::new(body);
            let sent = Sent { method, target, headers, body, pattern: None, params: Vec::new() };
            let response = response::with_content_type(app.send(sent).await);
            TestResponse::read(response, is_head).await
        })
    }
}

/// A request on its way.
pub(crate) struct Sent {
    method: Method,
    target: Uri,
    headers: HeaderMap,
    body: Mutex<Body>,
    pattern: Option<String>,
    params: Vec<String>,
}

impl Sent {
    #[cfg(test)]
    pub(crate) fn get(path: &'static str) -> Self {
        Sent {
            method: Method::GET,
            target: Uri::from_static(path),
            headers: HeaderMap::new(),
            body: Mutex::default(),
            pattern: None,
            params: Vec::new(),
        }
    }

    pub(crate) fn matched(&mut self, pattern: String, params: Vec<String>) {
        self.pattern = Some(pattern);
        self.params = params;
    }
}

impl Incoming for Sent {
    fn method(&self) -> &str {
        self.method.as_str()
    }

    fn path(&self) -> &str {
        self.target.path()
    }

    fn query(&self) -> Option<&str> {
        self.target.query()
    }

    fn pattern(&self) -> Option<&str> {
        self.pattern.as_deref()
    }

    fn param(&self, index: usize) -> Option<&str> {
        self.params.get(index).map(String::as_str)
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.get(name).map(HeaderValue::as_bytes)
    }

    fn for_each_header(&self, visit: &mut dyn FnMut(&str, &[u8])) {
        for (name, value) in &self.headers {
            visit(name.as_str(), value.as_bytes());
        }
    }

    fn client_addr(&self) -> Option<SocketAddr> {
        Some((Ipv4Addr::LOCALHOST, 0).into())
    }

    fn version(&self) -> Version {
        Version::HTTP_11
    }

    /// There is no connection.
    fn is_upgradable(&self) -> bool {
        false
    }

    fn take_body(&self) -> Body {
        std::mem::take(&mut self.body.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
