//! A request in the hands of the test, as the app sees it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use http::header::{HeaderMap, HeaderValue};
use http::{Method, Uri, Version};

use crate::body::Body;
use crate::request::Incoming;

/// A request that arrived from a test.
pub(crate) struct TestIncoming {
    method: Method,
    target: Uri,
    headers: HeaderMap,
    body: Mutex<Body>,
    pattern: Option<String>,
    params: Vec<String>,
    is_upgradable: bool,
}

impl TestIncoming {
    pub(super) fn new(method: Method, target: Uri, headers: HeaderMap, body: Body) -> Self {
        let body = Mutex::new(body);
        let (pattern, params) = (None, Vec::new());
        TestIncoming { method, target, headers, body, pattern, params, is_upgradable: false }
    }

    /// With a connection that a page can take over.
    #[cfg(feature = "ws")]
    pub(super) fn upgradable(mut self) -> Self {
        self.is_upgradable = true;
        self
    }

    #[cfg(test)]
    pub(crate) fn get(path: &'static str) -> Self {
        TestIncoming::new(Method::GET, Uri::from_static(path), HeaderMap::new(), Body::empty())
    }

    #[cfg(all(test, feature = "cookies-private"))]
    pub(crate) fn with_headers(method: Method, headers: &[(&'static str, &str)]) -> Self {
        let mut request = TestIncoming { method, ..TestIncoming::get("/") };
        for (name, value) in headers {
            request.headers.insert(*name, HeaderValue::try_from(*value).expect("a header's value"));
        }
        request
    }

    pub(crate) fn matched(&mut self, pattern: String, params: Vec<String>) {
        self.pattern = Some(pattern);
        self.params = params;
    }
}

impl Incoming for TestIncoming {
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

    fn is_upgradable(&self) -> bool {
        self.is_upgradable
    }

    fn take_body(&self) -> Body {
        std::mem::take(&mut self.body.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
