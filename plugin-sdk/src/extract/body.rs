//! Arguments made of the whole body.

use std::convert::Infallible;

use bytes::Bytes;

use super::{Body, FromRequest, Request, RequestContext};
use crate::error::Rejection;

#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for Body {
    type Rejection = Infallible;

    const READS_BODY: bool = true;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Infallible> {
        Ok(cx.take_body())
    }

    fn present(cx: &RequestContext<'_>) -> bool {
        cx.has_body()
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for Bytes {
    type Rejection = Rejection;

    const READS_BODY: bool = true;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Rejection> {
        Ok(cx.take_body().bytes().await?)
    }

    fn present(cx: &RequestContext<'_>) -> bool {
        cx.has_body()
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for String {
    type Rejection = Rejection;

    const READS_BODY: bool = true;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Rejection> {
        Ok(cx.take_body().text().await?)
    }

    fn present(cx: &RequestContext<'_>) -> bool {
        cx.has_body()
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for Request {
    type Rejection = Rejection;

    const READS_BODY: bool = true;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Rejection> {
        cx.request()
    }
}
