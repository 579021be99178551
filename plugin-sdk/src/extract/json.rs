//! JSON, in and out.

use bytes::Bytes;
use http::StatusCode;
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;
use serde_json::error::Category;

use super::{FromRequest, RequestContext};
use crate::body::Body;
use crate::error::{Error, Rejection};
use crate::response::{IntoResponse, Response};

/// JSON: as an argument the body, as an answer a value.
///
/// As an argument it rejects with 415 for another type of body, with 400 for text that is no JSON,
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
    type Rejection = Rejection;

    const READS_BODY: bool = true;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Rejection> {
        if !cx.has_media_type("application", "json") {
            return Err(Rejection::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "expected a body of the type application/json",
            ));
        }
        read(&cx.take_body().bytes().await?).map(Json)
    }

    fn present(cx: &RequestContext<'_>) -> bool {
        cx.has_body()
    }
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Rejection> {
    serde_json::from_slice(body).map_err(|error| {
        let status = match error.classify() {
            Category::Data => StatusCode::UNPROCESSABLE_ENTITY,
            Category::Syntax | Category::Eof | Category::Io => StatusCode::BAD_REQUEST,
        };
        Rejection::new(status, format!("bad JSON: {error}"))
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
