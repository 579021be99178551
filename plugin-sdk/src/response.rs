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
//! | [`Body`], [`Sse`](crate::sse::Sse) | streams |
//! | [`Redirect`], [`StatusCode`](http::StatusCode), `()` | no body |
//! | `(StatusCode, T)`, `([(name, value)], T)`, `(StatusCode, [(name, value)], T)` | `T` with status and headers |
//! | `Result<T, E>`, [`Error`](crate::Error) | either side; errors get their page |
//! | [`Response`] | itself |

mod convert;
mod redirect;
mod tuple;

pub use self::convert::Text;
pub use self::redirect::Redirect;
pub(crate) use self::tuple::header;
pub use self::tuple::{AppendHeaders, IntoResponseParts};
use http::header::{CONTENT_TYPE, HeaderValue};

use crate::body::Body;

/// A response with this crate's [`Body`].
pub type Response<T = Body> = http::Response<T>;

/// A value that a page may answer with; see the [module](self).
// Most implementations here are `do_not_recommend`: after a mistake the compiler lists those that
// are not, and these few help.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a response",
    label = "a page cannot return `{Self}`",
    note = "the docs of `nova::response` list every kind of response"
)]
pub trait IntoResponse {
    /// Makes the response.
    fn into_response(self) -> Response;
}

/// Writes the media type that a body carries into the headers, for those who look there.
pub(crate) fn with_content_type(mut response: Response) -> Response {
    if let Some(media_type) = response.body().content_type()
        && !response.headers().contains_key(CONTENT_TYPE)
    {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    response
}
