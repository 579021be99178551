//! The two streams behind bodies and events.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pin_project_lite::pin_project;
use tokio::sync::mpsc;

use crate::error::Error;

pin_project! {
    /// A page's stream with its items as `T` and its errors as ours.
    pub(crate) struct PageStream<St, T> {
        #[pin]
        stream: St,
        item: PhantomData<fn() -> T>,
    }
}

impl<St, T> PageStream<St, T> {
    pub(crate) fn new(stream: St) -> Self {
        PageStream { stream, item: PhantomData }
    }
}

impl<St, T, I, E> Stream for PageStream<St, T>
where
    St: Stream<Item = Result<I, E>>,
    I: Into<T>,
    E: Into<Error>,
{
    type Item = Result<T, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.project().stream.poll_next(cx);
        next.map(|item| item.map(|item| item.map(Into::into).map_err(Into::into)))
    }
}

/// What a channel receives.
pub(crate) struct ChannelStream<T>(pub(crate) mpsc::Receiver<T>);

impl<T> Stream for ChannelStream<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(cx)
    }
}
