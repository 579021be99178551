//! Layers around pages: `layers` of a `_middleware.rs`.

use std::convert::Infallible;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::future::BoxFuture;
use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use super::service::HttpService;
use crate::body::Body;
use crate::error::{Error, Rejection, RejectionKind};
use crate::extract::{Provide, State, Uses};
use crate::handler::{Handler, Run};
use crate::middleware::Next;
use crate::request::{RequestContext, StepInput, Whole};
use crate::response::{IntoResponse, Response};
use crate::upgrade::around::without_upgrade;

/// One layer or a stack of them, around the pages of a folder: what `layers` of a `_middleware.rs`
/// gives.
///
/// It is every [`Layer`] that makes an [`HttpService`] of [`Inner`]: those of tower-http, of
/// tower-sessions, a `tower::ServiceBuilder` of several, and your own.
///
/// ```
/// use nova::prelude::*;
/// use nova::tower::Layers;
/// use tower_http::set_header::SetResponseHeaderLayer;
///
/// pub fn layers() -> impl Layers {
///     let no_store = HeaderValue::from_static("no-store");
///     SetResponseHeaderLayer::overriding(HeaderName::from_static("cache-control"), no_store)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer around pages",
    label = "`layers` cannot give this",
    note = "`layers` gives one layer of tower, or several in a `tower::ServiceBuilder`, that make a \
            service of `nova::tower::Inner`; it is no `async fn`",
    note = "that service is `Clone + Send + Sync` and answers `http::Request<nova::body::Body>` with \
            `http::Response<B>`, where `B` is an `http_body::Body` of `Bytes`"
)]
pub trait Layers: 'static {
    /// What they make.
    #[doc(hidden)]
    type Around: HttpService;

    #[doc(hidden)]
    fn around(&self) -> Self::Around;
}

#[diagnostic::do_not_recommend]
impl<L> Layers for L
where
    L: Layer<Inner, Service: HttpService> + 'static,
{
    type Around = L::Service;

    fn around(&self) -> L::Service {
        self.layer(Inner(()))
    }
}

/// What layers stand around: the inner middleware and the page. It knows where to go on by the
/// extensions of the request, which a layer leaves as they are.
#[derive(Clone, Copy, Debug)]
pub struct Inner(());

/// Where a request goes on.
#[derive(Clone)]
struct Behind(Next);

impl<B> Service<Request<B>> for Inner
where
    B: http_body::Body<Data = Bytes, Error: Into<Error>> + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let behind = request.extensions_mut().remove();
        Box::pin(async move {
            let Some(Behind(next)) = behind else {
                let lost = "a layer of `layers` has sent on a request without the extensions of \
                            that which it was given";
                return Ok(Error::internal(lost).into_response());
            };
            Ok(without_upgrade(next.run(request.map(Body::from_http_body)).await))
        })
    }
}

/// The rest of the way as a service, for a `middleware` function that uses tower by itself.
impl<B> Service<Request<B>> for Next
where
    B: http_body::Body<Data = Bytes, Error: Into<Error>> + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let next = self.clone();
        Box::pin(
            async move { Ok(without_upgrade(next.run(request.map(Body::from_http_body)).await)) },
        )
    }
}

/// Middleware out of `fn layers() -> impl Layers`.
pub fn layers_0<S, F, L>(layers: F) -> Handler<S>
where
    S: Send + Sync + 'static,
    F: Fn() -> L + Send + Sync + 'static,
    L: Layers,
{
    Handler::at_start(true, move |_| Handler::new(Layered(layers().around())))
}

/// Middleware out of `fn layers(state: State<T>) -> impl Layers`.
pub fn layers_1<S, F, L, T>(layers: F) -> Handler<S>
where
    S: Provide<T> + Send + Sync + 'static,
    F: Fn(State<T>) -> L + Send + Sync + 'static,
    L: Layers,
{
    Handler::at_start(true, move |state: &S| {
        Handler::new(Layered(layers(State(state.provide())).around()))
    })
}

/// What layers made, as middleware.
struct Layered<V>(V);

impl<S: Send + Sync + 'static, V: HttpService> Run<S> for Layered<V> {
    async fn run(&self, cx: &mut RequestContext<'_, Whole>, _: &S) -> Response {
        let StepInput::Next(next) = cx.take_step_input() else {
            let text = "layers stand in `_middleware.rs`";
            return Rejection::of(RejectionKind::Unavailable, text).into_response();
        };
        match cx.take_request() {
            Ok(mut request) => {
                request.extensions_mut().insert(Behind(next));
                self.0.clone().answer(request).await
            }
            Err(rejection) => rejection.into_response(),
        }
    }

    /// What is made says the same as what it was made by: page libraries are checked against it.
    fn uses(&self, uses: &mut Uses) {
        uses.leaves_anything();
    }
}
