//! The answer to a request that HTTP does not allow: of any host that checks the
//! [head](crate::server::head).

use http::request::Parts;
use http::{HeaderValue, Response, Version, header};

use crate::generation::body::Body;
use crate::generation::call::plain;
use crate::server::head::HeadError;

/// Says what is wrong with `head`. In HTTP/1.1 it is the last answer of its connection: what follows
/// may be no request.
#[must_use]
pub fn respond(error: HeadError, head: &Parts) -> Response<Body> {
    let mut response = plain(error.status(), format!("{error}\n"));
    if head.version <= Version::HTTP_11 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
