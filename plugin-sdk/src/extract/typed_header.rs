//! One header as a type of the crate `headers`; with the feature `typed-header`.

use std::ops::Deref;

use headers::Header;

use super::from_request::FromRequest;
use super::optional::OptionalFromRequest;
use crate::error::{Rejection, RejectionKind};
use crate::request::{Head, RequestContext};

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
    type Part = Head;
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Rejection> {
        let name = T::name();
        let values = cx.headers_named(name);
        if values.is_empty() {
            return Err(Rejection::of(
                RejectionKind::MissingHeader,
                format!("the header `{name}` is missing"),
            ));
        }
        T::decode(&mut values.iter()).map(TypedHeader).map_err(|error| {
            Rejection::of(RejectionKind::InvalidHeader, format!("the header `{name}` is malformed"))
                .with_source(error)
        })
    }
}

impl<S: Sync, T: Header> OptionalFromRequest<S> for TypedHeader<T> {
    fn is_present(head: &RequestContext<'_>) -> bool {
        head.header_bytes(T::name().as_str()).is_some()
    }
}
