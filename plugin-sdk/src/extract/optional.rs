//! `Option` and `Result` around an extractor.

use std::convert::Infallible;

use super::from_request::FromRequest;
use crate::request::{RequestContext, RequestPart};

/// An extractor that a request may lack: `Option<Self>` can be an argument, too.
///
/// It is asked of the head before the extractor is: where the request has nothing of the kind, the
/// argument is `None`; what is there must be right, or the request is refused.
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
///         match cx.header("x-api-key") {
///             Some(key) if key.len() == 32 => Ok(ApiKey(key.to_owned())),
///             Some(_) => Err(Error::unauthorized("invalid API key")),
///             None => Err(Error::unauthorized("no API key")),
///         }
///     }
/// }
///
/// impl<S: Sync> OptionalFromRequest<S> for ApiKey {
///     fn is_present(head: &RequestContext<'_>) -> bool {
///         head.header_bytes("x-api-key").is_some()
///     }
/// }
///
/// pub fn get(key: Option<ApiKey>) -> String {
///     key.map_or("anonymous".to_owned(), |key| key.0)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`Option<{Self}>` cannot be an argument of a page",
    label = "`{Self}` is not an optional extractor",
    note = "an extractor that a request may lack implements `OptionalFromRequest`",
    note = "`Result<{Self}, _>` with its rejection works for every extractor"
)]
pub trait OptionalFromRequest<S = ()>: FromRequest<S> {
    /// Whether the request has it, right or wrong.
    fn is_present(head: &RequestContext<'_>) -> bool;
}

impl<S: Sync, T: OptionalFromRequest<S>> FromRequest<S> for Option<T> {
    type Part = T::Part;
    type Rejection = T::Rejection;

    async fn from_request(
        cx: &mut RequestContext<'_, T::Part>,
        state: &S,
    ) -> Result<Self, T::Rejection> {
        if T::is_present(T::Part::head(cx)) {
            T::from_request(cx, state).await.map(Some)
        } else {
            Ok(None)
        }
    }
}

impl<S: Sync, T: FromRequest<S, Rejection = R>, R> FromRequest<S> for Result<T, R> {
    type Part = T::Part;
    type Rejection = Infallible;

    async fn from_request(
        cx: &mut RequestContext<'_, T::Part>,
        state: &S,
    ) -> Result<Self, Infallible> {
        Ok(T::from_request(cx, state).await)
    }
}

impl<S: Sync, T: OptionalFromRequest<S, Rejection = R>, R> OptionalFromRequest<S> for Result<T, R> {
    fn is_present(head: &RequestContext<'_>) -> bool {
        T::is_present(head)
    }
}
