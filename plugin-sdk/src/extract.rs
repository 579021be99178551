//! What a page's function may take as arguments.
//!
//! Every argument is an extractor: a type that implements [`FromRequest`]. They may stand in any
//! order, and at most one of them takes the body. Two wrappers:
//!
//! * `Option<T>` of an extractor with [`OptionalFromRequest`]: `None` when the request has nothing
//!   of the kind; what is there must be right.
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
//! | [`LastEventId`] | the last server-sent event that the client has |
//! | [`Extension<T>`] | what a middleware left |
//! | [`Request`] | all of it |
//! | [`Upgrade`](crate::Upgrade) | the connection, to speak another protocol over it |
//! | [`Html`](crate::html::document::Html), [`Error`], [`Next`](crate::middleware::Next) | in layouts, error pages, middleware |

mod body;
mod form;
mod from_request;
mod head;
mod json;
mod optional;
mod path;
mod query;
mod state;
mod step;
mod uses;

pub use bytes::Bytes;
pub use headers::Header;
pub use http::header::HeaderMap;
pub use http::{Method, Uri};

pub use self::body::Request;
pub use self::form::Form;
pub use self::from_request::FromRequest;
pub use self::head::{ClientAddr, Extension, LastEventId, MatchedPath, TypedHeader};
pub use self::json::Json;
pub use self::optional::OptionalFromRequest;
pub use self::path::Path;
pub use self::query::Query;
#[cfg(feature = "tower")]
pub(crate) use self::state::Provide;
pub use self::state::{FromRef, State};
pub use self::uses::Uses;
pub use crate::body::Body;
#[doc(no_inline)]
pub use crate::error::Error;
pub use crate::request::{HasBody, Head, RequestContext, RequestPart, Whole};
