//! How a page failed: what the log says of it, and what is left in the response for others.

use http::request::Parts;
use http::{Extensions, HeaderName};
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

/// Logs the errors that led to an answer, and leaves the first one in `extensions`. `file` is the
/// page's, or empty.
pub(super) fn errors(
    request: &Parts,
    file: &str,
    errors: impl IntoIterator<Item = PageError>,
    extensions: &mut Extensions,
) {
    for mut error in errors {
        if error.location.is_empty() {
            error.location = file.into();
        }
        let (method, path, request_id) = of(request);
        tracing::error!(request_id, "{method} {path}{error}");
        if extensions.get::<HandlerError>().is_none() {
            extensions.insert(HandlerError::from(error));
        }
    }
}

/// Logs a panic, and leaves it in `extensions`.
pub(super) fn panic(request: &Parts, panic: Panic, extensions: &mut Extensions) {
    let (method, path, request_id) = of(request);
    let (message, location) = (&panic.message, &panic.location);
    tracing::error!(request_id, "{method} {path} panicked: {message} at {location}");
    extensions.insert(HandlerPanic::from(panic));
}

fn of(request: &Parts) -> (&http::Method, &str, Option<&str>) {
    let request_id = request.headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    (&request.method, request.uri.path(), request_id)
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
