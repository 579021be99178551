//! The one error of a page: a status, what to tell the client, and what really happened.

mod carried_response;
mod place;
mod rejection;
mod std_error;

use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;

use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use self::carried_response::CarriedResponse;
pub(crate) use self::place::is_of_sdk;
pub(crate) use self::rejection::BoxError;
pub use self::rejection::{Rejection, RejectionKind};
use crate::response::{IntoResponse, Redirect, Response};

/// An answer that is an error.
///
/// Its message is for the client. Its source is for the log and, in development, for the error
/// page; it never leaves a production host. A status of 500 and above also keeps the message from
/// the client in production.
///
/// Any error turns into one by `?`, with status 500; a [`Rejection`] of an extractor keeps its own
/// status. As with `anyhow::Error`, that is why this type is not a [`std::error::Error`] itself;
/// [`Error::into_std`] makes one of it.
///
/// It knows [where](Error::location) it was made: at the `?`, or at `Error::not_found(..)`.
///
/// It may carry a whole response, such as the redirect of a guard ([`Error::from_response`]).
///
/// The nearest `_error.rs` (or `404.rs`) renders it. Without one, the client gets a small HTML
/// page if it asks for HTML, else `application/problem+json` (RFC 9457).
///
/// ```
/// use nova::prelude::*;
///
/// fn read() -> Result<String> {
///     Ok(std::fs::read_to_string("/no/such/file")?)
/// }
/// let error = read().unwrap_err();
/// assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
/// assert_eq!(error.message(), "Internal Server Error");
/// ```
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    status: StatusCode,
    message: String,
    source: Option<BoxError>,
    headers: HeaderMap,
    /// What was wrong with the request, if an extractor said so.
    rejection: Option<RejectionKind>,
    /// Where in the app it was made.
    location: Option<&'static Location<'static>>,
    /// Whether the host knows of it already.
    is_known: bool,
    /// The whole answer, if it is there already.
    response: Option<CarriedResponse>,
}

impl Error {
    /// An error with this status and this message for the client.
    #[track_caller]
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let inner = Inner {
            status,
            message: message.into(),
            source: None,
            headers: HeaderMap::new(),
            rejection: None,
            location: place::in_app(Location::caller()),
            is_known: false,
            response: None,
        };
        Error { inner: Box::new(inner) }
    }

    /// An error that is answered with this response, whatever it is: a redirect, or a status with a
    /// body of its own. No error page renders over it, and it is not logged.
    ///
    /// So a guard can send the client elsewhere by `?`, in a page, a layout, a middleware and an
    /// extractor. A [`Redirect`] needs no more than that:
    ///
    /// ```
    /// use nova::prelude::*;
    ///
    /// pub struct User(String);
    ///
    /// fn signed_in(headers: &HeaderMap) -> Result<User, Redirect> {
    ///     let name = headers.get("x-user").and_then(|name| name.to_str().ok());
    ///     name.map(|name| User(name.to_owned())).ok_or(Redirect::to("/login"))
    /// }
    ///
    /// pub fn get(headers: HeaderMap) -> Result<String> {
    ///     let user = signed_in(&headers)?;
    ///     if user.0 == "guest" {
    ///         let later = (StatusCode::SERVICE_UNAVAILABLE, "members alone, for now");
    ///         return Err(Error::from_response(later));
    ///     }
    ///     Ok(user.0)
    /// }
    /// # let error = get(HeaderMap::new()).unwrap_err();
    /// # assert_eq!(error.status(), StatusCode::SEE_OTHER);
    /// ```
    #[track_caller]
    pub fn from_response(response: impl IntoResponse) -> Self {
        let mut response = response.into_response();
        // A response that is an error is that error.
        if let Some(error) = response.body_mut().take_error() {
            let headers = std::mem::take(response.headers_mut());
            return error.with_status(response.status()).with_headers(headers);
        }
        let status = response.status();
        let mut error = Error::new(status, reason(status));
        error.inner.response = Some(CarriedResponse::new(response));
        error
    }

    /// An error that the host has decided on.
    pub(crate) fn of_host(status: StatusCode, message: String) -> Self {
        let mut error = Error::new(status, message);
        error.mark_known();
        error
    }

    /// 500 with `source` behind it; what `?` does to any error.
    #[track_caller]
    pub fn internal(source: impl Into<BoxError>) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Error::new(status, reason(status)).with_source(source)
    }

    /// 400 Bad Request.
    #[track_caller]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Error::new(StatusCode::BAD_REQUEST, message)
    }

    /// 401 Unauthorized. Add `WWW-Authenticate` by [`Error::with_header`].
    #[track_caller]
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Error::new(StatusCode::UNAUTHORIZED, message)
    }

    /// 403 Forbidden.
    #[track_caller]
    pub fn forbidden(message: impl Into<String>) -> Self {
        Error::new(StatusCode::FORBIDDEN, message)
    }

    /// 404 Not Found.
    #[track_caller]
    pub fn not_found(message: impl Into<String>) -> Self {
        Error::new(StatusCode::NOT_FOUND, message)
    }

    /// 409 Conflict.
    #[track_caller]
    pub fn conflict(message: impl Into<String>) -> Self {
        Error::new(StatusCode::CONFLICT, message)
    }

    /// 422 Unprocessable Content.
    #[track_caller]
    pub fn unprocessable(message: impl Into<String>) -> Self {
        Error::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    /// The same error with another status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.inner.status = status;
        self
    }

    /// The same error caused by `source`.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// The same error with one more header in its answer. A name or a value that is not
    /// valid in a header makes it a 500 about that.
    ///
    /// ```
    /// use nova::prelude::*;
    ///
    /// let error = Error::unauthorized("who are you?").with_header("www-authenticate", "Basic");
    /// assert_eq!(error.headers()["www-authenticate"], "Basic");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn with_header<K, V>(mut self, name: K, value: V) -> Self
    where
        K: TryInto<HeaderName, Error: Into<BoxError>>,
        V: TryInto<HeaderValue, Error: Into<BoxError>>,
    {
        match header(name, value) {
            Ok((name, value)) => {
                self.inner.headers.append(name, value);
                self
            }
            Err(error) => error,
        }
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.inner.status
    }

    /// The message for the client.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// What caused it.
    #[must_use]
    pub fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_deref().map(|source| source as _)
    }

    /// The headers that its answer gets.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.inner.headers
    }

    /// What was wrong with the request, when an extractor refused it.
    ///
    /// ```
    /// use nova::prelude::*;
    ///
    /// let error = Error::from(Rejection::new(StatusCode::BAD_REQUEST, "the signature is wrong"));
    /// assert_eq!(error.rejection(), Some(RejectionKind::Custom));
    /// assert_eq!(Error::not_found("no such user").rejection(), None);
    /// ```
    #[must_use]
    pub fn rejection(&self) -> Option<RejectionKind> {
        self.inner.rejection
    }

    /// Where in the app it was made: at the `?` that met another error, or where a function of this
    /// type was called. `None` where that was not in the app, as for what an extractor refuses.
    ///
    /// ```
    /// use nova::prelude::*;
    ///
    /// let error = Error::not_found("no such user");
    /// if let Some(place) = error.location() {
    ///     println!("{}:{}", place.file(), place.line());
    /// }
    /// ```
    #[must_use]
    pub fn location(&self) -> Option<&'static Location<'static>> {
        self.inner.location
    }

    /// Whether the host knows of it already, because it has decided on it itself, or has been told.
    pub(crate) fn is_known(&self) -> bool {
        self.inner.is_known
    }

    /// The host will know of it: an error page that hands it on does not make two of it.
    pub(crate) fn mark_known(&mut self) {
        self.inner.is_known = true;
    }

    /// What it says to the client.
    fn without_source(&self) -> Self {
        let Inner { status, message, source: _, headers, rejection, location, is_known, response } =
            &*self.inner;
        let inner = Inner {
            status: *status,
            message: message.clone(),
            source: None,
            headers: headers.clone(),
            rejection: *rejection,
            location: *location,
            is_known: *is_known,
            response: response.clone(),
        };
        Error { inner: Box::new(inner) }
    }

    fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.inner.headers.extend(headers);
        self
    }

    /// The response that it carries, with the status and the headers that it was given since.
    pub(crate) fn take_response(&mut self) -> Option<Response> {
        let mut response = self.inner.response.take()?.take()?;
        *response.status_mut() = self.inner.status;
        for (name, value) in &self.take_headers() {
            response.headers_mut().append(name, value.clone());
        }
        Some(response)
    }

    pub(crate) fn take_headers(&mut self) -> HeaderMap {
        std::mem::take(&mut self.inner.headers)
    }

    /// The source, its source, and so on.
    pub(crate) fn chain(&self) -> impl Iterator<Item = &(dyn StdError + 'static)> {
        std::iter::successors(self.source(), |&error| error.source())
    }
}

/// The usual phrase for a status: `Not Found`.
pub(crate) fn reason(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Error")
}

impl<E: Into<BoxError>> From<E> for Error {
    #[track_caller]
    fn from(source: E) -> Self {
        let mut error = match std_error::unwrap(source.into()) {
            Ok(error) => error,
            Err(source) => Error::internal(source),
        };
        if error.inner.location.is_none() {
            error.inner.location = place::in_app(Location::caller());
        }
        error
    }
}

/// Where a guard sends the client is the answer: see [`Error::from_response`].
impl From<Redirect> for Error {
    #[track_caller]
    fn from(redirect: Redirect) -> Self {
        Error::from_response(redirect)
    }
}

fn from_rejection(rejection: Rejection) -> Error {
    let Rejection { kind, status, message, source } = rejection;
    let source = match source.map(std_error::with_response) {
        Some(Ok(error)) => return error,
        Some(Err(source)) => Some(source),
        None => None,
    };
    let mut error = Error::new(status, message);
    (error.inner.source, error.inner.rejection) = (source, Some(kind));
    error
}

/// What breaks while a body is read becomes the extractor's rejection.
impl From<Error> for Rejection {
    fn from(error: Error) -> Self {
        if error.inner.response.is_some() {
            return Rejection::new(error.status(), error.message()).with_source(error.into_std());
        }
        let Inner { status, message, source, rejection, .. } = *error.inner;
        let kind = rejection.unwrap_or(RejectionKind::UnreadableBody);
        Rejection { kind, status, message, source }
    }
}

/// A header of a response.
///
/// # Errors
/// When name or value is not valid in a header; the error is the answer then.
pub(crate) fn header<K, V>(name: K, value: V) -> Result<(HeaderName, HeaderValue), Error>
where
    K: TryInto<HeaderName, Error: Into<BoxError>>,
    V: TryInto<HeaderValue, Error: Into<BoxError>>,
{
    Ok((name.try_into().map_err(Error::internal)?, value.try_into().map_err(Error::internal)?))
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { status, message, source, headers, rejection, location, response, is_known: _ } =
            &*self.inner;
        f.debug_struct("Error")
            .field("status", status)
            .field("message", message)
            .field("source", source)
            .field("headers", headers)
            .field("rejection", rejection)
            .field("location", &location.map(ToString::to_string))
            .field("is_response", &response.is_some())
            .finish()
    }
}

/// The message and its causes, in one line.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())?;
        self.chain().try_for_each(|cause| write!(f, ": {cause}"))
    }
}

#[cfg(test)]
mod tests;
