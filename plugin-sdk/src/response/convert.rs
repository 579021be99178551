//! Single values as responses.

use std::borrow::Cow;
use std::convert::Infallible;

use bytes::Bytes;
use http::StatusCode;
use maud::{Markup, PreEscaped};

use super::into_response::{IntoResponse, Response};
use crate::body::Body;
use crate::error::{Error, Rejection};
use crate::html::Html;
use crate::html::document;

const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";

/// Text as text/plain, which is what a bare `String` is too; this says so in a signature.
///
/// ```
/// use nova::prelude::*;
///
/// pub fn get() -> Text<&'static str> {
///     Text("User-agent: *")
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<T = String>(pub T);

#[diagnostic::do_not_recommend]
impl<T: Into<Cow<'static, str>>> IntoResponse for Text<T> {
    fn into_response(self) -> Response {
        self.0.into().into_response()
    }
}

#[diagnostic::do_not_recommend]
impl IntoResponse for Response {
    fn into_response(self) -> Response {
        self
    }
}

#[diagnostic::do_not_recommend]
impl IntoResponse for http::response::Parts {
    fn into_response(self) -> Response {
        Response::from_parts(self, Body::empty())
    }
}

#[diagnostic::do_not_recommend]
impl IntoResponse for Body {
    fn into_response(self) -> Response {
        Response::new(self)
    }
}

#[diagnostic::do_not_recommend]
impl IntoResponse for () {
    fn into_response(self) -> Response {
        Response::new(Body::empty())
    }
}

#[diagnostic::do_not_recommend]
impl IntoResponse for Infallible {
    fn into_response(self) -> Response {
        match self {}
    }
}

impl IntoResponse for StatusCode {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self;
        response
    }
}

impl<T: IntoResponse, E: IntoResponse> IntoResponse for Result<T, E> {
    fn into_response(self) -> Response {
        match self {
            Ok(value) => value.into_response(),
            Err(error) => error.into_response(),
        }
    }
}

macro_rules! from_body {
    ($($(#[$hidden:meta])? $value:ty: $media_type:expr,)*) => {$(
        $(#[$hidden])?
        impl IntoResponse for $value {
            fn into_response(self) -> Response {
                Response::new(Body::from(self).with_content_type($media_type))
            }
        }
    )*};
}

from_body! {
    &'static str: TEXT,
    String: TEXT,
    #[diagnostic::do_not_recommend]
    Cow<'static, str>: TEXT,
    #[diagnostic::do_not_recommend]
    &'static [u8]: BYTES,
    #[diagnostic::do_not_recommend]
    Vec<u8>: BYTES,
    #[diagnostic::do_not_recommend]
    Bytes: BYTES,
}

#[diagnostic::do_not_recommend]
impl<const N: usize> IntoResponse for &'static [u8; N] {
    fn into_response(self) -> Response {
        self.as_slice().into_response()
    }
}

#[diagnostic::do_not_recommend]
impl IntoResponse for Error {
    fn into_response(mut self) -> Response {
        if let Some(response) = self.take_response() {
            return response;
        }
        let status = self.status();
        let headers = self.take_headers();
        let mut response = Response::new(Body::error(self));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

#[diagnostic::do_not_recommend]
impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        Error::from(self).into_response()
    }
}

#[diagnostic::do_not_recommend]
impl IntoResponse for Markup {
    fn into_response(self) -> Response {
        Html(self).into_response()
    }
}

#[diagnostic::do_not_recommend]
impl IntoResponse for PreEscaped<&'static str> {
    fn into_response(self) -> Response {
        Html(self).into_response()
    }
}

impl IntoResponse for document::Html {
    fn into_response(self) -> Response {
        Response::new(match self.into_parts() {
            document::Parts::Fragment(text) => {
                Body::from(text).with_content_type("text/html; charset=utf-8")
            }
            document::Parts::Page(page) => Body::page(page),
        })
    }
}
