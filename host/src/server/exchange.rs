//! The service as hyper calls it, and the one thing that hyper does not tell about an exchange:
//! when it begins and when it is over.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use pin_project_lite::pin_project;

use super::HeldBytes;
use super::answer_stream::AnswerStream;
use super::connections::Wait;
use super::piece::PiecedBody;
use super::upgrade::Upgradable;
use super::{Peer, Service};

/// A service for one connection: it knows the peer, cannot fail, and marks the exchanges.
pub(super) struct PerConnection<S> {
    pub(super) service: S,
    pub(super) peer: Peer,
    /// What waits for the next request.
    pub(super) wait: Wait,
    /// Whether answers wait for windows of the client's, as they do in HTTP/2.
    pub(super) has_windows: bool,
}

impl<S: Service> hyper::service::Service<Request<Incoming>> for PerConnection<S> {
    type Response = Response<PiecedBody<S::Body>>;
    type Error = Infallible;
    type Future = Exchange<S::Future>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.wait.request_started();
        // Behind a body that is still to come, its bytes would be taken for the other protocol's.
        let at_end = request.body().is_end_stream();
        if !self.has_windows {
            self.wait.body_follows(!at_end);
        }
        Upgradable::mark(request.extensions_mut(), at_end, || self.wait.signals().clone());
        let guard = ExchangeGuard(self.wait.clone());
        let future = self.service.call(request, self.peer);
        Exchange { future, guard: Some(guard), has_windows: self.has_windows }
    }
}

pin_project! {
    /// The answer to come.
    pub(super) struct Exchange<F> {
        #[pin]
        future: F,
        // Handed on to the body; dropped with the future of a client that has gone.
        guard: Option<ExchangeGuard>,
        has_windows: bool,
    }
}

impl<F: Future<Output = Response<B>>, B> Future for Exchange<F> {
    type Output = Result<Response<PiecedBody<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.future.poll(cx));
        let guard = this.guard.take();
        let stream = if *this.has_windows { AnswerStream::current() } else { None };
        let held = response.extensions().get::<HeldBytes>().copied();
        Poll::Ready(Ok(response.map(|body| PiecedBody::new(body, stream, held, guard))))
    }
}

/// The end of an exchange, when it is dropped.
pub(super) struct ExchangeGuard(Wait);

impl ExchangeGuard {
    /// That of its connection.
    pub(super) fn wait(&self) -> &Wait {
        &self.0
    }
}

impl Drop for ExchangeGuard {
    fn drop(&mut self) {
        self.0.request_finished();
    }
}
