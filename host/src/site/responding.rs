//! A response of the site to come.
//!
//! The way of a plain page is a future of its own inside of this one; all others are boxed, so that they
//! cost a page no room: a request's future is moved several times before it is polled first.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderValue, Response, StatusCode, header};
use http_body::Body as _;
use pin_project_lite::pin_project;

use super::SiteResponse;
use crate::generation::body::Body;

pin_project! {
    /// See the module.
    pub struct Responding<'s, R> {
        #[pin]
        answering: Answering<'s, R>,
        // Whether the request is a HEAD that is answered here.
        drops_body: bool,
        // Whether the response is the last one of its HTTP/1.1 connection.
        closes: bool,
    }
}

pin_project! {
    /// What answers.
    #[project = AnsweringProjection]
    pub(super) enum Answering<'s, R> {
        /// It is there.
        Ready { response: Option<SiteResponse> },
        /// A route.
        Route { #[pin] future: R },
        /// Anything else.
        Other { future: Pin<Box<dyn Future<Output = SiteResponse> + Send + 's>> },
    }
}

impl<'s, R> Answering<'s, R> {
    pub(super) fn ready(response: SiteResponse) -> Self {
        Self::Ready { response: Some(response) }
    }

    pub(super) fn other(future: impl Future<Output = SiteResponse> + Send + 's) -> Self {
        Self::Other { future: Box::pin(future) }
    }
}

impl<R: Future<Output = SiteResponse>> Future for Answering<'_, R> {
    type Output = SiteResponse;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<SiteResponse> {
        match self.project() {
            AnsweringProjection::Ready { response } => match response.take() {
                Some(response) => Poll::Ready(response),
                None => Poll::Pending,
            },
            AnsweringProjection::Route { future } => future.poll(cx),
            AnsweringProjection::Other { future } => future.as_mut().poll(cx),
        }
    }
}

impl<'s, R> Responding<'s, R> {
    pub(super) fn new(answering: Answering<'s, R>, drops_body: bool, closes: bool) -> Self {
        Self { answering, drops_body, closes }
    }
}

impl<R: Future<Output = SiteResponse>> Future for Responding<'_, R> {
    type Output = SiteResponse;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<SiteResponse> {
        let this = self.project();
        let mut answer = ready!(this.answering.poll(cx));
        if *this.drops_body {
            drop_body(&mut answer.response);
        }
        // What switches protocols keeps its connection, and is told in another way.
        if *this.closes && answer.response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let close = HeaderValue::from_static("close");
            answer.response.headers_mut().insert(header::CONNECTION, close);
        }
        Poll::Ready(answer)
    }
}

/// HEAD: the head that GET would have had (RFC 9110, section 9.3.2).
fn drop_body(response: &mut Response<Body>) {
    let length = response.body().size_hint().exact();
    let bodiless = response.status().is_informational()
        || matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    *response.body_mut() = Body::empty();
    if let Some(length) = length.filter(|_| !bodiless) {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert_with(|| length.into());
    }
}
