//! Tuples: a response with a status and headers in front of it.

use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::response::Parts;

use super::into_response::{IntoResponse, Response};
use crate::error::{BoxError, Error, header};

/// What may stand in front of the last value of a tuple.
///
/// ```
/// use nova::prelude::*;
///
/// pub fn post() -> (StatusCode, [(&'static str, &'static str); 1], &'static str) {
///     (StatusCode::CREATED, [("location", "/users/7")], "made")
/// }
/// # let response = post().into_response();
/// # assert_eq!(response.status(), 201);
/// # assert_eq!(response.headers()["location"], "/users/7");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand before a response",
    label = "expected a status or headers",
    note = "in a tuple, statuses and headers come first and the response last"
)]
pub trait IntoResponseParts {
    /// Changes the status or the headers.
    ///
    /// # Errors
    /// When a name or a value is not valid in a header; the answer is then that error.
    fn apply(self, parts: &mut Parts) -> Result<(), Error>;
}

/// Headers that are added to those of the same name instead of replacing them.
///
/// ```
/// use nova::prelude::*;
///
/// let cookies = AppendHeaders([("set-cookie", "a=1"), ("set-cookie", "b=2")]);
/// let response = (cookies, "ok").into_response();
/// assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct AppendHeaders<I>(pub I);

impl IntoResponseParts for StatusCode {
    fn apply(self, parts: &mut Parts) -> Result<(), Error> {
        parts.status = self;
        Ok(())
    }
}

impl IntoResponseParts for HeaderMap {
    fn apply(self, parts: &mut Parts) -> Result<(), Error> {
        parts.headers.extend(self);
        Ok(())
    }
}

impl<K, V, const N: usize> IntoResponseParts for [(K, V); N]
where
    K: TryInto<HeaderName, Error: Into<BoxError>>,
    V: TryInto<HeaderValue, Error: Into<BoxError>>,
{
    fn apply(self, parts: &mut Parts) -> Result<(), Error> {
        for (name, value) in self {
            let (name, value) = header(name, value)?;
            parts.headers.insert(name, value);
        }
        Ok(())
    }
}

impl<I, K, V> IntoResponseParts for AppendHeaders<I>
where
    I: IntoIterator<Item = (K, V)>,
    K: TryInto<HeaderName, Error: Into<BoxError>>,
    V: TryInto<HeaderValue, Error: Into<BoxError>>,
{
    fn apply(self, parts: &mut Parts) -> Result<(), Error> {
        for (name, value) in self.0 {
            let (name, value) = header(name, value)?;
            parts.headers.append(name, value);
        }
        Ok(())
    }
}

macro_rules! tuples {
    ($(#[$hidden:meta])? $($part:ident)+) => {
        $(#[$hidden])?
        #[allow(non_snake_case, reason = "the type parameters name the values too")]
        impl<$($part: IntoResponseParts,)+ T: IntoResponse> IntoResponse for ($($part,)+ T) {
            fn into_response(self) -> Response {
                let ($($part,)+ value) = self;
                let (mut parts, body) = value.into_response().into_parts();
                let apply = || -> Result<(), Error> { $($part.apply(&mut parts)?;)+ Ok(()) };
                match apply() {
                    Ok(()) => Response::from_parts(parts, body),
                    Err(error) => error.into_response(),
                }
            }
        }
    };
}

tuples!(P1);
tuples!(#[diagnostic::do_not_recommend] P1 P2);
tuples!(#[diagnostic::do_not_recommend] P1 P2 P3);
tuples!(#[diagnostic::do_not_recommend] P1 P2 P3 P4);
