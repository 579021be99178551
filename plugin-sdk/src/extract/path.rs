//! The parameters of a route.

mod de;

use serde_core::de::DeserializeOwned;

use super::from_request::FromRequest;
use super::optional::OptionalFromRequest;
use crate::error::Rejection;
use crate::request::{Head, RequestContext};

/// The values of the route's parameters, in order or by name.
///
/// * one parameter: `Path<u64>`, `Path<String>`, or a struct with one field
/// * several: a tuple in the order of the path, or a struct (or a map) by name
/// * `[...rest]`: `Path<String>` with its slashes, or `Path<Vec<String>>` with its segments
/// * `[[...rest]]`: as above, where an empty rest is `""`, an empty list, or `None` of
///   `Option<Path<T>>`
///
/// It rejects with 400 when a value does not fit its type. In middleware, an address that no page
/// answers has the parameters of its folder; it is rejected with 404 where that has others than are
/// asked for.
///
/// ```
/// use nova::prelude::*;
///
/// // pages/users/[id].rs
/// pub fn get(Path(id): Path<u64>) -> String {
///     format!("user {id}")
/// }
///
/// // pages/[year]/[slug].rs
/// #[derive(serde::Deserialize)]
/// struct Article {
///     year: u16,
///     slug: String,
/// }
/// fn article(Path(article): Path<Article>) -> String {
///     format!("{} of {}", article.slug, article.year)
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Path<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Path<T> {
    type Part = Head;
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Rejection> {
        T::deserialize(de::Params::new(cx)).map(Path).map_err(|error| match error {
            de::PathError::Shape(_) if cx.pattern().is_none() => Rejection::unmatched(),
            error => error.into(),
        })
    }
}

impl<S: Sync, T: DeserializeOwned> OptionalFromRequest<S> for Path<T> {
    fn is_present(head: &RequestContext<'_>) -> bool {
        head.params().any(|(_, value)| !value.is_empty())
    }
}
