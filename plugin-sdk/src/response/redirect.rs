//! Answers that send the client elsewhere (RFC 9110, section 15.4).

use http::StatusCode;
use http::header::{HeaderValue, LOCATION};

use super::into_response::{IntoResponse, Response};
use crate::error::Error;

/// A redirect.
///
/// ```
/// use nova::prelude::*;
///
/// pub fn post() -> Redirect {
///     Redirect::to("/thanks")
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Redirect {
    status: StatusCode,
    location: String,
}

impl Redirect {
    /// 303 See Other: go there with GET, as after a form.
    pub fn to(location: impl Into<String>) -> Self {
        Redirect { status: StatusCode::SEE_OTHER, location: location.into() }
    }

    /// 307 Temporary Redirect: there for now, with the same method and body.
    pub fn temporary(location: impl Into<String>) -> Self {
        Redirect { status: StatusCode::TEMPORARY_REDIRECT, location: location.into() }
    }

    /// 308 Permanent Redirect: there for ever, with the same method and body.
    pub fn permanent(location: impl Into<String>) -> Self {
        Redirect { status: StatusCode::PERMANENT_REDIRECT, location: location.into() }
    }
}

/// A URI is ASCII; what is not is percent-encoded (RFC 3987, section 3.1).
fn ascii(location: String) -> String {
    if location.is_ascii() {
        return location;
    }
    let encode = |byte: u8| match byte {
        0x80.. => format!("%{byte:02X}"),
        _ => char::from(byte).to_string(),
    };
    location.bytes().map(encode).collect()
}

impl IntoResponse for Redirect {
    fn into_response(self) -> Response {
        match HeaderValue::try_from(ascii(self.location)) {
            Ok(location) => {
                let mut response = self.status.into_response();
                response.headers_mut().insert(LOCATION, location);
                response
            }
            Err(error) => Error::internal(error).into_response(),
        }
    }
}
