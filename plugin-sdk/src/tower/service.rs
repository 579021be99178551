//! A service that answers a request of Nova's.

use std::future::{Future, poll_fn};

use bytes::Bytes;
use http::{Request, Response as HttpResponse};
use tower_service::Service;

use crate::body::Body;
use crate::error::Error;
use crate::response::{IntoResponse, Response};

/// What answers requests: a [`Service`] of tower for `http::Request<nova::body::Body>`, with
/// responses of any [`http_body::Body`], that is cloned for each request and shared by threads.
/// `axum::Router` is one.
///
/// Its error is answered as if a page had returned it by `?`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service that answers requests",
    label = "no service for `http::Request<nova::body::Body>`",
    note = "a service answers with `http::Response<B>`, where `B` is an `http_body::Body` of `Bytes`; \
            it is `Clone + Send + Sync`, its future is `Send`, and it borrows nothing",
    note = "`axum::Router` is one once `.with_state(..)` has given it its state"
)]
pub trait HttpService: Clone + Send + Sync + 'static {
    #[doc(hidden)]
    fn answer(self, request: Request<Body>) -> impl Future<Output = Response> + Send;
}

#[diagnostic::do_not_recommend]
impl<V, B> HttpService for V
where
    V: Service<Request<Body>, Response = HttpResponse<B>> + Clone + Send + Sync + 'static,
    V::Error: Into<Error>,
    V::Future: Send,
    B: http_body::Body<Data = Bytes, Error: Into<Error>> + Send + 'static,
{
    async fn answer(mut self, request: Request<Body>) -> Response {
        if let Err(error) = poll_fn(|cx| self.poll_ready(cx)).await {
            return error.into().into_response();
        }
        match self.call(request).await {
            Ok(response) => response.map(Body::from_http_body),
            Err(error) => error.into().into_response(),
        }
    }
}
