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

    /// 303 See Other to an address that came with the request, such as the `next` of a login page: if
    /// it is a path of this site. Otherwise there is the `fallback`, so that no link to this site leads to
    /// another one.
    ///
    /// ```
    /// use nova::prelude::*;
    ///
    /// assert_eq!(Redirect::local("/orders?page=2", "/"), Redirect::to("/orders?page=2"));
    /// assert_eq!(Redirect::local("//evil.example/orders", "/"), Redirect::to("/"));
    /// ```
    pub fn local(target: &str, fallback: impl Into<String>) -> Self {
        if is_local(target) { Redirect::to(target) } else { Redirect::to(fallback) }
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

/// Whether this is a path for every browser: they take `\\` for `/`, and skip tabs and line breaks.
fn is_local(target: &str) -> bool {
    target.starts_with('/')
        && !target.starts_with("//")
        && !target.contains(|c: char| c == '\\' || c.is_control())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_to_another_site_is_not_local() {
        let table = [
            ("/", true),
            ("/a//b?c=//d#e", true),
            ("/\u{e9}", true),
            ("", false),
            ("a", false),
            ("//evil.example", false),
            ("/\\evil.example", false),
            ("/a\\b", false),
            ("/\t/evil.example", false),
            ("/\n/evil.example", false),
            (" //evil.example", false),
            ("https://evil.example", false),
            ("javascript:alert(1)", false),
        ];
        for (target, want) in table {
            assert_eq!(is_local(target), want, "{target:?}");
        }
    }
}
