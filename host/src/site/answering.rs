//! A response of the site to come.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::Origin;

/// What writes the response, and says then what it is.
pub(super) enum Answering<'s> {
    /// It is written.
    Ready(Origin),
    /// A block of its own: a future inside of others is moved with them before it is polled first, and
    /// the allocator is slow with a block for all of them.
    Waiting(Pin<Box<dyn Future<Output = Origin> + Send + 's>>),
}

impl<'s> Answering<'s> {
    pub(super) fn waiting(future: impl Future<Output = Origin> + Send + 's) -> Self {
        Self::Waiting(Box::pin(future))
    }
}

impl Future for Answering<'_> {
    type Output = Origin;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Origin> {
        match self.get_mut() {
            Self::Ready(origin) => Poll::Ready(*origin),
            Self::Waiting(future) => future.as_mut().poll(cx),
        }
    }
}
