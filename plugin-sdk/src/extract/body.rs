//! Arguments made of the whole body.

use std::convert::Infallible;

use bytes::Bytes;

use super::from_request::FromRequest;
use super::optional::OptionalFromRequest;
use crate::body::Body;
use crate::error::Rejection;
use crate::request::{RequestContext, Whole};

/// A whole request, with its body as a stream.
///
/// ```
/// use nova::prelude::*;
///
/// pub async fn post(request: Request) -> Result<String> {
///     let method = request.method().clone();
///     Ok(format!("{method} {} bytes", request.into_body().bytes().await?.len()))
/// }
/// ```
pub type Request<T = Body> = http::Request<T>;

#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for Body {
    type Part = Whole;
    type Rejection = Infallible;

    async fn from_request(cx: &mut RequestContext<'_, Whole>, _: &S) -> Result<Self, Infallible> {
        Ok(cx.take_body())
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> OptionalFromRequest<S> for Body {
    fn is_present(head: &RequestContext<'_>) -> bool {
        head.announces_body()
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for Bytes {
    type Part = Whole;
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_, Whole>, _: &S) -> Result<Self, Rejection> {
        Ok(cx.take_body().bytes().await?)
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> OptionalFromRequest<S> for Bytes {
    fn is_present(head: &RequestContext<'_>) -> bool {
        head.announces_body()
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for String {
    type Part = Whole;
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_, Whole>, _: &S) -> Result<Self, Rejection> {
        Ok(cx.take_body().text().await?)
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> OptionalFromRequest<S> for String {
    fn is_present(head: &RequestContext<'_>) -> bool {
        head.announces_body()
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for Request {
    type Part = Whole;
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_, Whole>, _: &S) -> Result<Self, Rejection> {
        cx.take_request()
    }
}
