//! What a page may answer.
//!
//! Everything that implements [`IntoResponse`]:
//!
//! | value | answer |
//! |---|---|
//! | `&'static str`, `String` | text/plain, UTF-8 |
//! | [`Html`](tyalias@crate::html::Html), `html! { .. }` | text/html |
//! | [`Json(value)`](crate::extract::Json) | application/json |
//! | `Bytes`, `Vec<u8>`, `&'static [u8]` | application/octet-stream |
//! | [`Body`](crate::body::Body), [`Sse`](crate::sse::Sse) | streams |
//! | [`Redirect`], [`StatusCode`](http::StatusCode), `()` | no body |
//! | `(StatusCode, T)`, `([(name, value)], T)`, `(StatusCode, [(name, value)], T)` | `T` with status and headers |
//! | `Result<T, E>`, [`Error`](crate::Error) | either side; errors get their page |
//! | [`Response`] | itself |

mod convert;
mod into_response;
mod redirect;
mod tuple;

pub use self::convert::Text;
pub(crate) use self::into_response::with_content_type;
pub use self::into_response::{IntoResponse, Response, Result};
pub use self::redirect::Redirect;
pub use self::tuple::{AppendHeaders, IntoResponseParts};
