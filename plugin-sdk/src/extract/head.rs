//! Arguments taken from the head of the request.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::ops::Deref;

use http::{HeaderMap, Method, Uri};

use super::from_request::FromRequest;
use super::optional::OptionalFromRequest;
use super::uses::Uses;
use crate::error::{Rejection, RejectionKind};
use crate::request::{Head, RequestContext};

#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for Method {
    type Part = Head;
    type Rejection = Infallible;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Infallible> {
        Ok(cx.method())
    }
}

/// Path and query of the request; who it is for is in its header `host`.
#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for Uri {
    type Part = Head;
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Rejection> {
        cx.uri()
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for HeaderMap {
    type Part = Head;
    type Rejection = Infallible;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Infallible> {
        Ok(cx.headers())
    }
}

/// The id of the last server-sent event that the client has, in the header `Last-Event-ID`: what a
/// browser says when it connects again, and the page goes on behind it.
///
/// ```
/// use nova::prelude::*;
/// use nova::sse::{Event, LastEventId};
///
/// pub fn get(last: Option<LastEventId>) -> Sse {
///     let (events, sse) = Sse::channel();
///     tokio::spawn(async move {
///         let after = last.as_deref().unwrap_or("none");
///         events.send(Event::data(format!("after {after}")).id("8")).await
///     });
///     sse
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastEventId(pub String);

impl Deref for LastEventId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// The name of its header.
const LAST_EVENT_ID: &str = "last-event-id";

#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for LastEventId {
    type Part = Head;
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Rejection> {
        match cx.header_bytes(LAST_EVENT_ID).map(std::str::from_utf8) {
            Some(Ok(id)) => Ok(LastEventId(id.to_owned())),
            Some(Err(error)) => {
                let text = "the header `last-event-id` is not UTF-8";
                Err(Rejection::of(RejectionKind::InvalidHeader, text).with_source(error))
            }
            None => {
                let text = "the header `last-event-id` is missing";
                Err(Rejection::of(RejectionKind::MissingHeader, text))
            }
        }
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> OptionalFromRequest<S> for LastEventId {
    /// An empty one, which some clients send before there was an event, is none.
    fn is_present(head: &RequestContext<'_>) -> bool {
        head.header_bytes(LAST_EVENT_ID).is_some_and(|id| !id.is_empty())
    }
}

/// A value that a middleware left for the pages of its folder.
///
/// ```
/// use nova::prelude::*;
///
/// #[derive(Clone)]
/// pub struct User(String);
///
/// // pages/_middleware.rs
/// pub async fn middleware(request: Request, next: Next<User>) -> Response {
///     next.run_with(request, User("ada".to_owned())).await
/// }
///
/// // pages/me.rs
/// pub fn get(Extension(user): Extension<User>) -> String {
///     user.0
/// }
/// ```
///
/// An app is not started when a page takes one that no middleware above it leaves: by `Next<T>`, or by
/// a layer of tower, of which is not known what it leaves. `Option<Extension<T>>` is for what may be
/// there, or not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extension<T>(pub T);

impl<S: Sync, T: Clone + Send + Sync + 'static> FromRequest<S> for Extension<T> {
    type Part = Head;
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Rejection> {
        cx.extensions().get::<T>().cloned().map(Extension).ok_or_else(|| {
            let name = std::any::type_name::<T>();
            Rejection::of(RejectionKind::Unavailable, format!("no middleware left a `{name}`"))
        })
    }

    fn uses(uses: &mut Uses) {
        uses.takes::<T>();
    }
}

impl<S: Sync, T: Clone + Send + Sync + 'static> OptionalFromRequest<S> for Extension<T> {
    fn is_present(head: &RequestContext<'_>) -> bool {
        head.extensions().get::<T>().is_some()
    }
}

/// The address of the other end of the connection, which may be a proxy.
///
/// ```
/// use nova::prelude::*;
///
/// pub fn get(ClientAddr(client): ClientAddr) -> String {
///     client.ip().to_string()
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddr(pub SocketAddr);

#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for ClientAddr {
    type Part = Head;
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Rejection> {
        let missing = || Rejection::of(RejectionKind::Unavailable, "the client has no address");
        cx.client_addr().map(ClientAddr).ok_or_else(missing)
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> OptionalFromRequest<S> for ClientAddr {
    fn is_present(head: &RequestContext<'_>) -> bool {
        head.client_addr().is_some()
    }
}

/// The pattern of the route that matched: `/users/{id}`.
///
/// Middleware sees addresses that no page answers, too, and takes `Option<MatchedPath>`: where there is
/// none, `MatchedPath` rejects with 404.
///
/// ```
/// use nova::prelude::*;
///
/// pub fn get(path: MatchedPath) -> String {
///     format!("answered by {}", path.as_str())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchedPath(String);

impl MatchedPath {
    /// The pattern's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for MatchedPath {
    type Part = Head;
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Rejection> {
        let matched = cx.pattern().map(|pattern| MatchedPath(pattern.to_string()));
        matched.ok_or_else(Rejection::unmatched)
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> OptionalFromRequest<S> for MatchedPath {
    fn is_present(head: &RequestContext<'_>) -> bool {
        head.pattern().is_some()
    }
}
