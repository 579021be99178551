//! Arguments taken from the head of the request.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::ops::Deref;

use headers::Header;
use http::{HeaderMap, Method, StatusCode, Uri};

use super::{FromRequest, RequestContext};
use crate::error::Rejection;

#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for Method {
    type Rejection = Infallible;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Infallible> {
        Ok(cx.method())
    }
}

/// Path and query of the request.
#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for Uri {
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Rejection> {
        cx.uri()
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for HeaderMap {
    type Rejection = Infallible;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Infallible> {
        Ok(cx.headers())
    }
}

/// One header, parsed; the types are those of the crate [`headers`](crate::headers).
///
/// ```
/// use nova::headers::UserAgent;
/// use nova::prelude::*;
///
/// pub fn get(agent: Option<TypedHeader<UserAgent>>) -> String {
///     agent.map_or("unknown".to_owned(), |agent| agent.as_str().to_owned())
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TypedHeader<T>(pub T);

impl<T> Deref for TypedHeader<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<S: Sync, T: Header> FromRequest<S> for TypedHeader<T> {
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Rejection> {
        let name = T::name();
        let values = cx.headers_named(name);
        if values.is_empty() {
            return Err(Rejection::new(
                StatusCode::BAD_REQUEST,
                format!("the header `{name}` is missing"),
            ));
        }
        T::decode(&mut values.iter()).map(TypedHeader).map_err(|error| {
            Rejection::new(StatusCode::BAD_REQUEST, format!("the header `{name}` is malformed"))
                .with_source(error)
        })
    }

    fn present(cx: &RequestContext<'_>) -> bool {
        cx.header_bytes(T::name().as_str()).is_some()
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
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Rejection> {
        cx.extensions().get::<T>().cloned().map(Extension).ok_or_else(|| {
            let name = std::any::type_name::<T>();
            Rejection::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("no middleware left a `{name}`"),
            )
        })
    }

    fn present(cx: &RequestContext<'_>) -> bool {
        cx.extensions().get::<T>().is_some()
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
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Rejection> {
        let missing =
            || Rejection::new(StatusCode::INTERNAL_SERVER_ERROR, "the client has no address");
        cx.client_addr().map(ClientAddr).ok_or_else(missing)
    }

    fn present(cx: &RequestContext<'_>) -> bool {
        cx.client_addr().is_some()
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
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Rejection> {
        let missing = || Rejection::new(StatusCode::INTERNAL_SERVER_ERROR, "no route matched");
        cx.pattern().map(|pattern| MatchedPath(pattern.to_string())).ok_or_else(missing)
    }

    fn present(cx: &RequestContext<'_>) -> bool {
        cx.pattern().is_some()
    }
}
