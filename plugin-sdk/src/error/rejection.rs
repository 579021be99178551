//! Why an extractor refused a request.

use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;

use super::{BoxError, Error, Inner};
use crate::response::{IntoResponse, Response};

/// What the extractors of this crate reject with.
///
/// A page that takes `Result<Json<T>, Rejection>` as its argument decides itself what to answer.
///
/// ```
/// use nova::prelude::*;
///
/// pub fn post(user: Result<Json<String>, Rejection>) -> String {
///     match user {
///         Ok(Json(name)) => format!("hello {name}"),
///         Err(rejection) => format!("sorry: {rejection}"),
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Rejection {
    status: StatusCode,
    message: String,
    source: Option<BoxError>,
}

impl Rejection {
    /// A rejection with this status and this message for the client.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Rejection { status, message: message.into(), source: None }
    }

    /// The same rejection caused by `source`.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The message for the client.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn into_error(self) -> Error {
        let error = Error::new(self.status, self.message);
        match self.source {
            Some(source) => error.with_source(source),
            None => error,
        }
    }
}

/// What breaks while a body is read becomes the extractor's rejection.
impl From<Error> for Rejection {
    fn from(error: Error) -> Self {
        let Inner { status, message, source, headers: _ } = *error.inner;
        Rejection { status, message, source }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Rejection {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[diagnostic::do_not_recommend]
impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.into_error().into_response()
    }
}
