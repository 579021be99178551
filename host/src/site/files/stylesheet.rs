//! A compiled stylesheet, answered from memory.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode, header};

use crate::generation::body::Body;
use crate::site::if_none_match::is_known;

/// Answers a request for a stylesheet whose name carries the hash of its content, so that it may
/// be kept for ever.
#[must_use]
pub fn stylesheet(name: &str, css: Bytes, request: &Parts) -> Response<Body> {
    let tag = format!("\"{name}\"");
    let mut response = if is_known(&request.headers, &tag) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let mut response = Response::new(Body::from(css));
        let content_type = HeaderValue::from_static("text/css; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        response
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    headers.insert(header::CACHE_CONTROL, forever);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
