//! What a page's function may take as arguments.
//!
//! Every argument is an extractor: a type that implements [`FromRequest`]. They may stand in any
//! order, at most one of them reads the body, and each may be wrapped:
//!
//! * `Option<T>`: `None` when the request has nothing of the kind; what is there must be right.
//! * `Result<T, R>` with the extractor's rejection `R`: the function decides about it.
//!
//! | argument | gives |
//! |---|---|
//! | [`Path<T>`] | the route's parameters: one value, a tuple, or a struct by name |
//! | [`Query<T>`] | the query string |
//! | [`Json<T>`], [`Form<T>`] | the body |
//! | `String`, [`Bytes`], [`Body`] | the body as text, bytes, stream |
//! | [`State<T>`] | what `app.rs` made, or a part of it |
//! | [`HeaderMap`], [`TypedHeader<T>`] | headers |
//! | [`Method`], [`Uri`], [`MatchedPath`], [`ClientAddr`] | the rest of the request's head |
//! | [`Extension<T>`] | what a middleware left |
//! | [`Request`] | all of it |
//! | [`Upgrade`](crate::Upgrade) | the connection, to speak another protocol over it |
//! | [`Html`](crate::html::document::Html), [`Error`], [`Next`](crate::middleware::Next) | in layouts, error pages, middleware |

mod body;
mod form;
mod head;
mod json;
mod path;
mod query;
mod state;
mod wrap;

use std::future::Future;

pub use headers::Header;
pub use http::header::HeaderMap;
pub use http::{Method, Uri};

pub use self::form::Form;
pub use self::head::{ClientAddr, Extension, MatchedPath, TypedHeader};
pub use self::json::Json;
pub use self::path::Path;
pub use self::query::Query;
pub use self::state::{FromRef, State};
pub use crate::body::Body;
pub use crate::context::RequestContext;
use crate::error::Error;
pub use bytes::Bytes;

/// A whole request, with its body as a stream.
pub type Request<T = Body> = http::Request<T>;

/// A type that can be an argument of a page's function.
///
/// `S` is the app's state.
///
/// ```
/// use nova::prelude::*;
///
/// struct ApiKey(String);
///
/// impl<S: Sync> FromRequest<S> for ApiKey {
///     type Rejection = Error;
///
///     async fn from_request(cx: &mut RequestContext<'_>, _state: &S) -> Result<Self> {
///         let key = cx.header("x-api-key").ok_or(Error::unauthorized("no API key"))?;
///         Ok(ApiKey(key.to_owned()))
///     }
///
///     fn present(cx: &RequestContext<'_>) -> bool {
///         cx.header("x-api-key").is_some()
///     }
/// }
///
/// pub fn get(key: Option<ApiKey>) -> String {
///     key.map_or("anonymous".to_owned(), |key| key.0)
/// }
/// ```
// The plain implementations here are `do_not_recommend`: after a mistake the compiler lists those
// that are not, the ones around a type of the page.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a page",
    label = "`{Self}` is not an extractor",
    note = "the docs of `nova::extract` list every kind of argument"
)]
pub trait FromRequest<S = ()>: Sized {
    /// Why it may not be there.
    type Rejection: Into<Error>;

    /// Whether it reads the body, which at most one argument of a function may do.
    const READS_BODY: bool = false;

    /// Takes it from the request.
    fn from_request(
        cx: &mut RequestContext<'_>,
        state: &S,
    ) -> impl Future<Output = Result<Self, Self::Rejection>> + Send;

    /// What `Option<Self>` asks first: without it, the argument is `None`.
    fn present(cx: &RequestContext<'_>) -> bool {
        let _ = cx;
        true
    }
}
