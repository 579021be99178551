//! What a page's function returns.

use http::header::{CONTENT_TYPE, HeaderValue};

use crate::body::Body;
use crate::error::Error;

/// A response with this crate's [`Body`].
pub type Response<T = Body> = http::Response<T>;

/// What a page's function returns: anything that is a response, or an [`Error`].
///
/// ```
/// use nova::prelude::*;
///
/// pub fn get(Path(id): Path<u64>) -> Result<Html> {
///     if id == 0 {
///         return Err(Error::not_found("no such user"));
///     }
///     Ok(page("User", html! { h1 { (id) } }))
/// }
/// ```
pub type Result<T = Response, E = Error> = std::result::Result<T, E>;

/// A value that a page may answer with; see the [module](crate::response).
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
