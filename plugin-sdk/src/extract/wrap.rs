//! `Option` and `Result` around an extractor, and the values that the pipeline lends.

use std::convert::Infallible;

use http::StatusCode;

use super::{FromRequest, RequestContext};
use crate::context::Slot;
use crate::error::{Error, Rejection};
use crate::html::document::Html;
use crate::middleware::Next;

impl<S: Sync, T: FromRequest<S>> FromRequest<S> for Option<T> {
    type Rejection = T::Rejection;

    const READS_BODY: bool = T::READS_BODY;

    async fn from_request(cx: &mut RequestContext<'_>, state: &S) -> Result<Self, T::Rejection> {
        if T::present(cx) { T::from_request(cx, state).await.map(Some) } else { Ok(None) }
    }
}

impl<S: Sync, T: FromRequest<S, Rejection = R>, R> FromRequest<S> for Result<T, R> {
    type Rejection = Infallible;

    const READS_BODY: bool = T::READS_BODY;

    async fn from_request(cx: &mut RequestContext<'_>, state: &S) -> Result<Self, Infallible> {
        Ok(T::from_request(cx, state).await)
    }

    fn present(cx: &RequestContext<'_>) -> bool {
        T::present(cx)
    }
}

macro_rules! lent {
    ($($value:ty, $slot:ident, $where:literal;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<S: Sync> FromRequest<S> for $value {
            type Rejection = Rejection;

            async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Rejection> {
                match cx.take_slot() {
                    Slot::$slot(value) => Ok(value),
                    _ => Err(Rejection::new(
                        StatusCode::INTERNAL_SERVER_ERROR,
                        concat!("`", stringify!($slot), "` is an argument of ", $where, " alone"),
                    )),
                }
            }

            fn present(cx: &RequestContext<'_>) -> bool {
                matches!(cx.slot(), Slot::$slot(_))
            }
        }
    )*};
}

lent! {
    Html, Page, "`layout`";
    Error, Error, "an error page";
    Next, Next, "`middleware`";
}
