//! The query string.

use serde_core::de::DeserializeOwned;

use super::from_request::FromRequest;
use super::optional::OptionalFromRequest;
use crate::error::{Rejection, RejectionKind};
use crate::request::{Head, RequestContext};

/// The query string, read by field names. A field that is a list takes every value of its name.
///
/// ```
/// use nova::prelude::*;
///
/// #[derive(serde::Deserialize)]
/// struct Search {
///     q: String,
///     page: Option<u32>,
///     #[serde(default)]
///     tag: Vec<String>,
/// }
///
/// // GET /search?q=rust&tag=a&tag=b
/// pub fn get(Query(search): Query<Search>) -> String {
///     format!("{} ({:?})", search.q, search.tag)
/// }
/// ```
///
/// `Option<Query<T>>` is `None` without a query string.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Query<T> {
    type Part = Head;
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Rejection> {
        read(cx.query().unwrap_or_default()).map(Query)
    }
}

impl<S: Sync, T: DeserializeOwned> OptionalFromRequest<S> for Query<T> {
    fn is_present(head: &RequestContext<'_>) -> bool {
        head.query().is_some_and(|query| !query.is_empty())
    }
}

pub(super) fn read<T: DeserializeOwned>(query: &str) -> Result<T, Rejection> {
    serde_html_form::from_str(query).map_err(|error| {
        Rejection::of(RejectionKind::InvalidQuery, format!("bad query string: {error}"))
    })
}
