//! The query string.

use http::StatusCode;
use serde_core::de::DeserializeOwned;

use super::{FromRequest, RequestContext};
use crate::error::Rejection;

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
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Rejection> {
        read(cx.query().unwrap_or_default()).map(Query)
    }

    fn present(cx: &RequestContext<'_>) -> bool {
        cx.query().is_some_and(|query| !query.is_empty())
    }
}

pub(super) fn read<T: DeserializeOwned>(query: &str) -> Result<T, Rejection> {
    serde_html_form::from_str(query).map_err(|error| {
        Rejection::new(StatusCode::BAD_REQUEST, format!("bad query string: {error}"))
    })
}
