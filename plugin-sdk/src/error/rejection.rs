//! Why an extractor refused a request.

use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;

use super::Error;

/// Any error.
pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// What the extractors of this crate reject with.
///
/// A page that takes `Result<Json<T>, Rejection>` as its argument decides itself what to answer:
/// by the [kind](Rejection::kind) of the rejection, or by its status.
///
/// ```
/// use nova::prelude::*;
///
/// pub fn post(user: Result<Json<String>, Rejection>) -> String {
///     match user {
///         Ok(Json(name)) => format!("hello {name}"),
///         Err(rejection) => match rejection.kind() {
///             RejectionKind::UnsupportedMediaType => "send JSON, please".to_owned(),
///             _ => format!("sorry: {rejection}"),
///         },
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Rejection {
    pub(super) kind: RejectionKind,
    pub(super) status: StatusCode,
    pub(super) message: String,
    pub(super) source: Option<BoxError>,
}

/// What was wrong with a request; see [`Rejection::kind`].
///
/// An error page gets it from [`Error::rejection`](crate::Error::rejection):
///
/// ```
/// use nova::prelude::*;
///
/// // pages/_error.rs
/// pub fn handler(error: Error) -> Html {
///     let advice = match error.rejection() {
///         Some(RejectionKind::BodyTooLarge) => "Choose a smaller file.",
///         Some(RejectionKind::InvalidPath | RejectionKind::InvalidQuery) => "Is the link complete?",
///         _ => "Try again later.",
///     };
///     page("Sorry", html! { h1 { (error.message()) } p { (advice) } })
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionKind {
    /// The target of the request is not a URI: 400.
    InvalidTarget,
    /// A parameter of the path does not fit its type: 400.
    InvalidPath,
    /// The query string does not fit its type: 400.
    InvalidQuery,
    /// A header that is needed is missing: 400.
    MissingHeader,
    /// A header is there and cannot be read: 400.
    InvalidHeader,
    /// The body is of another media type: 415.
    UnsupportedMediaType,
    /// The body is not what its type says: text that is not JSON, or not UTF-8: 400.
    InvalidSyntax,
    /// The body can be read, and its values do not fit: 422.
    InvalidData,
    /// The body is longer than the page's limit: 413.
    BodyTooLarge,
    /// The body broke off, or could not be read: 400 if that is the client's fault, else 500.
    UnreadableBody,
    /// The page's own mistake, not the request's: it asks for what its route, its middleware or
    /// its connection does not have: 500.
    Unavailable,
    /// Middleware, which sees addresses that no page answers, too, asks for what the route of a page
    /// has: 404.
    Unmatched,
    /// The connection cannot be taken over: another version of HTTP, or none at all: 501.
    NotUpgradable,
    /// The page speaks another protocol, which the request does not ask for, or not in a version
    /// that is known: 426.
    UpgradeRequired,
    /// A page of another site asks in the name of its visitor: 403.
    ForeignOrigin,
    /// A rejection made by [`Rejection::new`], with a status of its own.
    Custom,
}

impl RejectionKind {
    /// The status that it is answered with.
    fn status(self) -> StatusCode {
        match self {
            Self::InvalidTarget
            | Self::InvalidPath
            | Self::InvalidQuery
            | Self::MissingHeader
            | Self::InvalidHeader
            | Self::InvalidSyntax => StatusCode::BAD_REQUEST,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::InvalidData => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unmatched => StatusCode::NOT_FOUND,
            Self::NotUpgradable => StatusCode::NOT_IMPLEMENTED,
            Self::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
            Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            // The last two bring a status of their own; without one it is not the client's fault.
            Self::Unavailable | Self::UnreadableBody | Self::Custom => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }
}

impl Rejection {
    /// A rejection with this status and this message for the client, of the kind
    /// [`RejectionKind::Custom`]: for extractors of an app's own.
    ///
    /// ```
    /// use nova::prelude::*;
    ///
    /// let rejection = Rejection::new(StatusCode::BAD_REQUEST, "the signature is wrong");
    /// assert_eq!(rejection.kind(), RejectionKind::Custom);
    /// assert_eq!(rejection.status(), 400);
    /// ```
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Rejection { kind: RejectionKind::Custom, status, message: message.into(), source: None }
    }

    /// A rejection of a kind, which decides about its status.
    pub(crate) fn of(kind: RejectionKind, message: impl Into<String>) -> Self {
        Rejection { kind, status: kind.status(), message: message.into(), source: None }
    }

    /// The rejection of what asks for a route where no page answers.
    pub(crate) fn unmatched() -> Self {
        Rejection::of(RejectionKind::Unmatched, "no page answers this address")
    }

    /// The same rejection caused by `source`.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What was wrong with the request.
    #[must_use]
    pub fn kind(&self) -> RejectionKind {
        self.kind
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

    /// The error that says the same to the client.
    pub(super) fn without_source(&self) -> Error {
        let Rejection { kind, status, message, source: _ } = self;
        super::from_rejection(Rejection {
            kind: *kind,
            status: *status,
            message: message.clone(),
            source: None,
        })
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
