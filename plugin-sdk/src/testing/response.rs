//! A response in a test.

use bytes::Bytes;
use http::StatusCode;
use http::header::HeaderMap;
use serde_core::de::DeserializeOwned;

use crate::response::Response;

/// A response with its whole body.
#[derive(Clone, Debug)]
pub struct TestResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl TestResponse {
    pub(super) async fn read(response: Response, is_head: bool) -> Self {
        let (parts, body) = response.into_parts();
        let body = if is_head {
            Bytes::new()
        } else {
            body.bytes().await.unwrap_or_else(|error| panic!("the body broke off: {error}"))
        };
        TestResponse { status: parts.status, headers: parts.headers, body }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// All headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The first header of this name, if it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.body
    }

    /// The body as text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body in UTF-8")
    }

    /// The body's value.
    ///
    /// # Panics
    /// When it is not JSON of this shape.
    #[must_use]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("the body is not the JSON expected: {error}\n{}", self.text())
        })
    }
}
