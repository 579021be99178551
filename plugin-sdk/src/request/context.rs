//! A request as extractors hold it, and which part of it each of them takes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use http::Extensions;
use http::request::Parts;
use nova_routing::Pattern;

use super::incoming::Incoming;
use crate::body::Body;
use crate::error::Error;
use crate::html::document::Html;
use crate::middleware::Next;

/// What an extractor reads from: the [`Head`] of the request, or the [`Whole`] of it.
///
/// `RequestContext<'_>` is the head: method, target, headers, the route that matched, and what
/// middleware left. `RequestContext<'_, Whole>` has the body, too, and dereferences to the head.
///
/// ```
/// use nova::prelude::*;
///
/// struct ApiKey(String);
///
/// impl<S: Sync> FromRequest<S> for ApiKey {
///     type Part = Head;
///     type Rejection = Error;
///
///     async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self> {
///         let key = cx.header("x-api-key").ok_or(Error::unauthorized("no API key"))?;
///         Ok(ApiKey(key.to_owned()))
///     }
/// }
/// ```
pub struct RequestContext<'a, P: RequestPart = Head> {
    pub(super) data: P::Data<'a>,
}

/// Which part of a request an extractor takes: [`Head`] or [`Whole`].
///
/// An extractor names its part as [`FromRequest::Part`](crate::extract::FromRequest::Part), and is
/// handed that. One that takes the head has no way to the body, so it can stand beside every
/// other; of those that take the whole request, a function has at most one.
///
/// ```
/// use nova::extract::{Head, RequestPart, Whole};
///
/// assert!(Whole::HAS_BODY);
/// assert!(!Head::HAS_BODY);
/// ```
pub trait RequestPart: sealed::Sealed + Sized + 'static {
    /// Whether the body belongs to it, which a function can take once.
    const HAS_BODY: bool;

    #[doc(hidden)]
    type Data<'a>: Send;

    /// This part of a request.
    #[doc(hidden)]
    fn of<'c, 'a>(request: &'c mut RequestContext<'a, Whole>) -> &'c mut RequestContext<'a, Self>;

    /// The head, which belongs to each part.
    #[doc(hidden)]
    fn head<'c, 'a>(part: &'c RequestContext<'a, Self>) -> &'c RequestContext<'a, Head>;
}

/// A part that the body belongs to: [`Whole`].
///
/// ```
/// use nova::extract::HasBody;
/// use nova::prelude::*;
///
/// async fn trimmed<P: HasBody>(cx: &mut RequestContext<'_, P>) -> Result<String> {
///     Ok(cx.take_body().text().await?.trim().to_owned())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the head of a request has no body",
    label = "this extractor takes the head alone",
    note = "an extractor that takes the body has `type Part = Whole;` and reads from \
            `&mut RequestContext<'_, Whole>`"
)]
pub trait HasBody: RequestPart {
    #[doc(hidden)]
    fn whole<'c, 'a>(part: &'c mut RequestContext<'a, Self>) -> &'c mut RequestContext<'a, Whole>;
}

/// The [part](RequestPart) of an extractor that reads the head of the request alone.
///
/// ```
/// use std::convert::Infallible;
///
/// use nova::prelude::*;
///
/// struct Language(String);
///
/// impl<S: Sync> FromRequest<S> for Language {
///     type Part = Head;
///     type Rejection = Infallible;
///
///     async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Infallible> {
///         Ok(Language(cx.header("accept-language").unwrap_or("en").to_owned()))
///     }
/// }
///
/// pub fn get(Language(language): Language) -> String {
///     language
/// }
/// ```
#[derive(Debug)]
pub struct Head(Infallible);

/// The [part](RequestPart) of an extractor that takes the request over, body and all.
///
/// ```
/// use nova::prelude::*;
///
/// /// The first line of the body.
/// struct FirstLine(String);
///
/// impl<S: Sync> FromRequest<S> for FirstLine {
///     type Part = Whole;
///     type Rejection = Error;
///
///     async fn from_request(cx: &mut RequestContext<'_, Whole>, _: &S) -> Result<Self> {
///         let text = cx.take_body().text().await?;
///         Ok(FirstLine(text.lines().next().unwrap_or_default().to_owned()))
///     }
/// }
///
/// pub async fn post(Path(id): Path<u64>, FirstLine(line): FirstLine) -> String {
///     format!("{id}: {line}")
/// }
/// ```
#[derive(Debug)]
pub struct Whole(Infallible);

impl RequestPart for Head {
    const HAS_BODY: bool = false;

    type Data<'a> = HeadData<'a>;

    fn of<'c, 'a>(request: &'c mut RequestContext<'a, Whole>) -> &'c mut RequestContext<'a> {
        &mut request.data.head
    }

    fn head<'c, 'a>(part: &'c RequestContext<'a>) -> &'c RequestContext<'a> {
        part
    }
}

impl RequestPart for Whole {
    const HAS_BODY: bool = true;

    type Data<'a> = WholeData<'a>;

    fn of<'c, 'a>(request: &'c mut RequestContext<'a, Whole>) -> &'c mut RequestContext<'a, Whole> {
        request
    }

    fn head<'c, 'a>(part: &'c RequestContext<'a, Whole>) -> &'c RequestContext<'a> {
        &part.data.head
    }
}

impl HasBody for Whole {
    fn whole<'c, 'a>(part: &'c mut RequestContext<'a, Whole>) -> &'c mut RequestContext<'a, Whole> {
        part
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::Head {}
    impl Sealed for super::Whole {}
}

/// A head, and what the pipeline gives to this step.
#[doc(hidden)]
pub struct HeadData<'a> {
    pub(super) source: HeadSource<'a>,
    pub(super) route: Option<&'a RouteInfo>,
    pub(super) extensions: Extensions,
    pub(super) input: StepInput,
    /// The session, if this context was the first that was asked for it.
    #[cfg(feature = "sessions")]
    pub(super) session: Option<crate::session::SessionSlot>,
}

/// Where the head is.
pub(super) enum HeadSource<'a> {
    Host(&'a dyn Incoming),
    Owned(Box<OwnedHead>),
}

/// The head of a request that went through a middleware.
pub(super) struct OwnedHead {
    /// Without extensions, which have moved to [`HeadData`].
    pub(super) parts: Parts,
    pub(super) arrival: Arc<Arrival>,
}

/// What a request that went through a middleware still knows of how it came.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(super) params: Vec<String>,
    pub(super) client_addr: Option<SocketAddr>,
    pub(super) upgradable: bool,
}

/// What the app says about a route.
#[derive(Clone, Debug)]
pub(crate) struct RouteInfo {
    pub(crate) pattern: Pattern,
    pub(crate) body_limit: usize,
    /// Whether it is a folder around a path that no page answers, and not a page's route.
    pub(super) is_folder: bool,
}

impl RouteInfo {
    pub(crate) fn new(pattern: Pattern, body_limit: usize) -> Self {
        RouteInfo { pattern, body_limit, is_folder: false }
    }

    pub(crate) fn of_folder(pattern: Pattern, body_limit: usize) -> Self {
        RouteInfo { pattern, body_limit, is_folder: true }
    }
}

/// What only one kind of function may take: layouts, error pages, middleware.
#[derive(Default)]
pub(crate) enum StepInput {
    #[default]
    Empty,
    Page(Html),
    Error(Error),
    Next(Next),
}

/// A head and the body that belongs to it.
#[doc(hidden)]
pub struct WholeData<'a> {
    pub(super) head: RequestContext<'a>,
    pub(super) body: BodySource<'a>,
}

/// Where the body is.
pub(super) enum BodySource<'a> {
    Host(&'a dyn Incoming),
    /// In a request that went through a middleware, which got it with its limit already. In a box,
    /// because most have none, and a context is handed on by value.
    Owned(Box<Body>),
    Taken,
}
