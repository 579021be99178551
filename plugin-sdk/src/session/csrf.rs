//! Requests that other sites make in a visitor's name (CSRF), and how pages are guarded against them.

mod guard;
mod token;

use maud::{Markup, Render, html};

pub(crate) use self::guard::guard;
use super::handle::Session;
use crate::error::Error;
use crate::extract::FromRequest;
use crate::request::{Head, RequestContext};

/// The key of the session's own part of tokens.
pub(super) const KEY: &str = "_csrf";

/// The field of a form that has the token.
pub(crate) const FIELD: &str = "_csrf";

/// The header that has the token.
const HEADER: &str = "x-csrf-token";

/// The token of a form: `(csrf)` in a `form` is a hidden field with it.
///
/// ```
/// use nova::prelude::*;
///
/// pub fn get(csrf: Csrf) -> Html {
///     page("Guest book", html! {
///         form method="post" {
///             (csrf)
///             input name="message" required;
///             button { "Sign" }
///         }
///     })
/// }
/// ```
///
/// With the feature `sessions` every page is guarded for POST, PUT, PATCH, DELETE and all other methods
/// that change something. It is asked, in this order:
///
/// 1. what the browser says: `Sec-Fetch-Site`, or else `Origin` beside `Host`. The app's own pages, and
///    origins that [it trusts](super::Sessions::trust_origin), may go on. Other sites are refused, if the
///    request has the cookie of a session, or if it is one that a form can send: so a call with a key of
///    its own and JSON is answered, whoever makes it;
/// 2. where the browser says nothing, whether there is a session. Without one nothing can be done in a
///    visitor's name: programs and webhooks go on. With one, and for a form with `Origin: null`, which a
///    browser has sent, the token has to be there: in the field `_csrf` of an urlencoded form, or in the
///    header `x-csrf-token`. [`Form`](crate::extract::Form) leaves the field out.
///
/// Browsers since 2020 say enough for 1, so that forms work without a token; with one they work in older
/// browsers, and where a proxy strips headers. It is another text in each response, so that the length of
/// a compressed page tells nothing about it.
///
/// What is refused is answered with 403. A page that other sites may post to says
/// `pub const CSRF: bool = false;`, and then knows its callers by other means, such as a signature.
#[derive(Clone, Debug)]
pub struct Csrf {
    token: String,
}

impl Csrf {
    /// The token, for the header `x-csrf-token` of a request that a script makes.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }
}

impl Render for Csrf {
    fn render(&self) -> Markup {
        html! { input type="hidden" name=(FIELD) value=(self.token); }
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for Csrf {
    type Part = Head;
    type Rejection = Error;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Error> {
        let session = Session::of_head(cx).await?;
        let key = match session.get::<String>(KEY)?.as_deref().and_then(token::read) {
            Some(key) => key,
            None => {
                let key = token::random()?;
                session.insert(KEY, token::write(&key))?;
                key
            }
        };
        Ok(Csrf { token: token::mask(&key)? })
    }
}
