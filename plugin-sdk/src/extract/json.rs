//! JSON, in and out.

use bytes::Bytes;
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;
use serde_json::error::Category;

use super::from_request::FromRequest;
use super::optional::OptionalFromRequest;
use crate::body::Body;
use crate::error::{Error, Rejection, RejectionKind};
use crate::request::{RequestContext, Whole};
use crate::response::{IntoResponse, Response};

/// JSON: as an argument the body, as an answer a value.
///
/// As an argument it rejects with 415 for another type of body, with 400 for text that is not JSON,
/// and with 422 for JSON of another shape (RFC 9110, section 15.5).
///
/// ```
/// use nova::prelude::*;
///
/// #[derive(serde::Deserialize, serde::Serialize)]
/// struct User {
///     name: String,
/// }
///
/// pub async fn post(Json(user): Json<User>) -> (StatusCode, Json<User>) {
///     (StatusCode::CREATED, Json(user))
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Json<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Part = Whole;
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_, Whole>, _: &S) -> Result<Self, Rejection> {
        if !cx.has_media_type("application", "json") {
            return Err(Rejection::of(
                RejectionKind::UnsupportedMediaType,
                "expected a body of the type application/json",
            ));
        }
        read(&cx.take_body().bytes().await?).map(Json)
    }
}

impl<S: Sync, T: DeserializeOwned> OptionalFromRequest<S> for Json<T> {
    fn is_present(head: &RequestContext<'_>) -> bool {
        head.announces_body()
    }
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Rejection> {
    serde_json::from_slice(body).map_err(|error| {
        let kind = match error.classify() {
            Category::Data => RejectionKind::InvalidData,
            Category::Syntax | Category::Eof | Category::Io => RejectionKind::InvalidSyntax,
        };
        Rejection::of(kind, format!("bad JSON: {error}"))
    })
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(json) => Response::new(Body::from(json).with_content_type("application/json")),
            Err(error) => Error::internal(error).into_response(),
        }
    }
}
