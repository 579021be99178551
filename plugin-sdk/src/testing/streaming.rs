//! A response in a test whose body is read piece by piece.

use bytes::Bytes;
use http::StatusCode;
use http::header::HeaderMap;

use crate::body::Body;
use crate::error::Error;
use crate::response::Response;

/// A response whose body is read as it comes.
#[derive(Debug)]
pub struct TestStream {
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
    /// What has come of the next event.
    rest: Vec<u8>,
}

impl TestStream {
    pub(super) fn new(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        TestStream { status: parts.status, headers: parts.headers, body, rest: Vec::new() }
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

    /// The next piece of the body, as the page has sent it; `None` at the end.
    ///
    /// # Panics
    /// When the body breaks off.
    pub async fn chunk(&mut self) -> Option<Bytes> {
        let piece = self.body.chunk().await?;
        Some(piece.unwrap_or_else(|error: Error| panic!("the body broke off: {error}")))
    }

    /// The next of the server-sent events, without the blank line that ends it: `"data: 1\nid: 7"`.
    /// `None` at the end. Comments are left out, which are what keeps proxies from hanging up.
    ///
    /// # Panics
    /// When the body breaks off, or is not UTF-8.
    pub async fn event(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.rest.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = self.rest.drain(..end + 2).take(end).collect();
                if event.starts_with(b":") {
                    continue;
                }
                return Some(String::from_utf8(event).expect("an event in UTF-8"));
            }
            let piece = self.chunk().await?;
            self.rest.extend_from_slice(&piece);
        }
    }
}
