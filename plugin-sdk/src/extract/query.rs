//! The query string.

use serde_core::de::DeserializeOwned;
use serde_html_form::Deserializer;

use super::flat::{self, BadPair};
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
        of_head(cx).map(Query)
    }
}

impl<S: Sync, T: DeserializeOwned> OptionalFromRequest<S> for Query<T> {
    fn is_present(head: &RequestContext<'_>) -> bool {
        head.query().is_some_and(|query| !query.is_empty())
    }
}

/// Reads the query string.
pub(super) fn of_head<T: DeserializeOwned>(head: &RequestContext<'_>) -> Result<T, Rejection> {
    let pairs = head.query().unwrap_or_default().as_bytes();
    read(pairs, RejectionKind::InvalidQuery, "bad query string")
}

/// Reads pairs such as `a=1&b=2`; `what` is what they are called where they do not fit.
pub(super) fn read<T: DeserializeOwned>(
    pairs: &[u8],
    kind: RejectionKind,
    what: &str,
) -> Result<T, Rejection> {
    parse(pairs).map_err(|(field, error)| {
        let message = match field {
            Some(field) => format!("{what}: field `{field}`: {error}"),
            None => format!("{what}: {error}"),
        };
        Rejection::of(kind, message)
    })
}

/// Reads pairs; what is wrong comes with the name of its field, where that is known.
pub(crate) fn parse<T: DeserializeOwned>(pairs: &[u8]) -> Result<T, BadPair> {
    serde_html_form::from_bytes(pairs).or_else(|error| {
        let message = error.to_string();
        // Numbers behind `#[serde(flatten)]`.
        if message.contains(TEXT) {
            return flat::read(pairs);
        }
        // Which field it was costs a second reading, so it is asked for afterwards.
        let again = serde_path_to_error::deserialize::<_, T>(Deserializer::from_bytes(pairs));
        let path = again.err().map(|error| error.path().to_string());
        Err((path.filter(|path| path != "."), message))
    })
}

/// How serde begins, where a text should have been something else.
const TEXT: &str = "invalid type: string \"";
