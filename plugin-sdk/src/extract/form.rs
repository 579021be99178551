//! HTML forms.

use bytes::Bytes;
use serde_core::de::DeserializeOwned;

use super::from_request::FromRequest;
use super::optional::OptionalFromRequest;
use super::query;
use crate::error::{Rejection, RejectionKind};
use crate::request::{RequestContext, Whole};

/// The fields of an HTML form: the body of a request of the type
/// `application/x-www-form-urlencoded`, or the query string of a GET.
///
/// It rejects with 415 for another type of body, with 422 for fields in a body that do not fit, and
/// with 400 for those in a query.
///
/// ```
/// use nova::prelude::*;
///
/// #[derive(serde::Deserialize)]
/// struct Comment {
///     text: String,
/// }
///
/// pub fn post(Form(comment): Form<Comment>) -> Redirect {
///     # let _ = comment.text;
///     Redirect::to("/thanks")
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Form<T>(pub T);

fn in_query(head: &RequestContext<'_>) -> bool {
    matches!(head.method_name(), "GET" | "HEAD")
}

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Part = Whole;
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_, Whole>, _: &S) -> Result<Self, Rejection> {
        if in_query(cx) {
            return query::of_head(cx).map(Form);
        }
        let body = pairs(cx).await?;
        query::read(&body, RejectionKind::InvalidData, "bad form").map(Form)
    }
}

/// The pairs of a form, still encoded.
///
/// # Errors
/// 415 for another type of body, and what breaks while it is read.
pub(crate) async fn pairs(cx: &mut RequestContext<'_, Whole>) -> Result<Bytes, Rejection> {
    if in_query(cx) {
        return Ok(Bytes::copy_from_slice(cx.query().unwrap_or_default().as_bytes()));
    }
    if !cx.has_media_type("application", "x-www-form-urlencoded") {
        return Err(Rejection::of(
            RejectionKind::UnsupportedMediaType,
            "expected a body of the type application/x-www-form-urlencoded",
        ));
    }
    let body = cx.take_body().bytes().await?;
    #[cfg(feature = "sessions")]
    let body = without_token(body);
    Ok(body)
}

/// The pairs without the token that [`Csrf`](crate::session::Csrf) puts into a form: it is for the guard
/// alone, and no field of the page's own type.
#[cfg(feature = "sessions")]
fn without_token(body: Bytes) -> Bytes {
    let name = crate::session::csrf::FIELD.as_bytes();
    let is_token = |pair: &&[u8]| {
        let rest = pair.strip_prefix(name);
        rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'=')))
    };
    let pairs = || body.split(|byte| *byte == b'&');
    if !pairs().any(|pair| is_token(&pair)) {
        return body;
    }
    let others: Vec<&[u8]> = pairs().filter(|pair| !is_token(pair)).collect();
    others.join(&b'&').into()
}

impl<S: Sync, T: DeserializeOwned> OptionalFromRequest<S> for Form<T> {
    fn is_present(head: &RequestContext<'_>) -> bool {
        if in_query(head) {
            head.query().is_some_and(|query| !query.is_empty())
        } else {
            head.announces_body()
        }
    }
}
