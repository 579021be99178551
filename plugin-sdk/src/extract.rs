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
//! | [`HeaderMap`] | headers; with the feature `typed-header` also `TypedHeader<T>` |
//! | [`Method`], [`Uri`], [`MatchedPath`], [`ClientAddr`] | the rest of the request's head |
//! | [`LastEventId`] | the last server-sent event that the client has |
//! | [`Extension<T>`] | what a middleware left |
//! | [`Request`] | all of it |
//! | [`Upgrade`](crate::Upgrade) | the connection, to speak another protocol over it |
//! | `Cookies`, `SignedCookies`, `PrivateCookies` | cookies, with the features `cookies` and `cookies-private` |
//! | `Session`, `Csrf` | what is kept of a visitor, and the token of a form, with the feature `sessions` |
//! | `Multipart` | a form with files, with the feature `multipart` |
//! | `Valid<T>`, `Submitted<T>` | what obeys its rules, or is shown again, with the feature `validation` |
//! | [`Html`](crate::html::document::Html), [`Error`], [`Next`](crate::middleware::Next) | in layouts, error pages, middleware |

mod body;
mod flat;
mod form;
mod from_request;
mod head;
mod json;
mod optional;
mod path;
mod query;
mod state;
mod step;
#[cfg(feature = "typed-header")]
mod typed_header;
mod uses;

pub use bytes::Bytes;
#[cfg(feature = "typed-header")]
pub use headers::Header;
pub use http::header::HeaderMap;
pub use http::{Method, Uri};

pub use self::body::Request;
pub use self::form::Form;
#[cfg(feature = "validation")]
pub(crate) use self::form::pairs as form_pairs;
pub use self::from_request::FromRequest;
pub use self::head::{ClientAddr, Extension, LastEventId, MatchedPath};
pub use self::json::Json;
pub use self::optional::OptionalFromRequest;
pub use self::path::Path;
pub use self::query::Query;
#[cfg(feature = "validation")]
pub(crate) use self::query::parse as read_pairs;
#[cfg(feature = "tower")]
pub(crate) use self::state::Provide;
pub use self::state::{FromRef, State};
#[cfg(feature = "typed-header")]
pub use self::typed_header::TypedHeader;
pub use self::uses::Uses;
pub use crate::body::Body;
#[doc(no_inline)]
pub use crate::error::Error;
pub use crate::request::{HasBody, Head, RequestContext, RequestPart, Whole};
