//! How a page failed: what the log says of it, and what is left in the response for others.

use http::request::Parts;
use http::{Extensions, HeaderName, HeaderValue};
use nova_abi::{PageError, Panic};

/// The header with the id of a request, which the edge gives it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The panic of a handler, left in the extensions of its response for log and overlay.
#[derive(Debug, Clone)]
pub struct HandlerPanic {
    /// The panic's message.
    pub message: String,
    /// `file:line:column`, or empty.
    pub location: String,
    /// The backtrace, or empty.
    pub backtrace: String,
}

/// The first of the errors that led to a response of 500 and above, left in its extensions.
#[derive(Debug, Clone)]
pub struct HandlerError {
    /// What it tells the client, in development at least.
    pub message: String,
    /// What caused it, what caused that, and so on.
    pub causes: Vec<String>,
    /// `file:line:column` where it was made; the file of the page where that is not known.
    pub location: String,
}

/// A request whose answer failed, as the log names it.
pub(super) struct FailedRequest<'a> {
    head: &'a Parts,
    id: Option<&'a str>,
}

impl<'a> FailedRequest<'a> {
    pub(super) fn new(head: &'a Parts, id: Option<&'a HeaderValue>) -> Self {
        Self { head, id: id.and_then(|id| id.to_str().ok()) }
    }

    /// Logs the errors that led to the answer, and leaves the first one in `extensions`. `file` is the
    /// page's, or empty.
    pub(super) fn errors(
        &self,
        file: &str,
        errors: impl IntoIterator<Item = PageError>,
        extensions: &mut Extensions,
    ) {
        for mut error in errors {
            if error.location.is_empty() {
                error.location = file.into();
            }
            let (method, path) = (&self.head.method, self.head.uri.path());
            tracing::error!(request_id = self.id, "{method} {path}{error}");
            if extensions.get::<HandlerError>().is_none() {
                extensions.insert(HandlerError::from(error));
            }
        }
    }

    /// Logs a panic, and leaves it in `extensions`.
    pub(super) fn panic(&self, panic: Panic, extensions: &mut Extensions) {
        let (method, path) = (&self.head.method, self.head.uri.path());
        let (message, location) = (&panic.message, &panic.location);
        tracing::error!(request_id = self.id, "{method} {path} panicked: {message} at {location}");
        extensions.insert(HandlerPanic::from(panic));
    }
}

impl From<Panic> for HandlerPanic {
    fn from(panic: Panic) -> Self {
        Self {
            message: panic.message.into(),
            location: panic.location.into(),
            backtrace: panic.backtrace.into(),
        }
    }
}

impl From<PageError> for HandlerError {
    fn from(error: PageError) -> Self {
        Self {
            message: error.message.into(),
            causes: error.causes.into_iter().map(String::from).collect(),
            location: error.location.into(),
        }
    }
}
