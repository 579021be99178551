//! A response of the site to come.
//!
//! The way of a plain page is a future of its own inside of this one; all others are boxed, so that they
//! cost a page no room: a request's future is moved several times before it is polled first.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::SiteResponse;

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
