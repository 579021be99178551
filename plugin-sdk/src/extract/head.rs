//! Arguments taken from the head of the request.

use std::convert::Infallible;
use std::net::SocketAddr;

use http::{HeaderMap, Method, Uri};

use super::from_request::FromRequest;
use super::optional::OptionalFromRequest;
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

/// A value that a middleware put into the request's extensions.
///
/// ```
/// use nova::prelude::*;
///
/// #[derive(Clone)]
/// pub struct User(String);
///
/// // pages/_middleware.rs
/// pub async fn middleware(mut request: Request, next: Next) -> Response {
///     request.extensions_mut().insert(User("ada".to_owned()));
///     next.run(request).await
/// }
///
/// // pages/me.rs
/// pub fn get(Extension(user): Extension<User>) -> String {
///     user.0
/// }
/// ```
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
        let missing = || Rejection::of(RejectionKind::Unavailable, "no route matched");
        cx.pattern().map(|pattern| MatchedPath(pattern.to_string())).ok_or_else(missing)
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> OptionalFromRequest<S> for MatchedPath {
    fn is_present(head: &RequestContext<'_>) -> bool {
        head.pattern().is_some()
    }
}
