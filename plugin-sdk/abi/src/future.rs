//! Futures that cross: made on one side, polled and dropped on the other.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use abi_stable::{StableAbi, std_types::RResult};
use async_ffi::{BorrowingFfiFuture, FutureExt};

use crate::{
    Failure,
    guard::{catch, guarded},
};

/// A future of the other side that panics on neither.
///
/// A panic of the code in it is caught where it happens, and is the future's output. async-ffi
/// itself panics on the side that polls, where the other one was not so careful; that is caught,
/// too, so that whoever polls never has to.
///
/// ```
/// use nova_abi::{FailureKind, GuardedFuture};
///
/// let future = GuardedFuture::<()>::new(async { panic!("at the wrong time") });
/// let output = tokio_test_block_on(future);
/// assert_eq!(output.unwrap_err().kind, FailureKind::Panic);
/// # fn tokio_test_block_on<F: Future>(future: F) -> F::Output {
/// #     let mut future = std::pin::pin!(future);
/// #     let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
/// #     match future.as_mut().poll(&mut cx) {
/// #         std::task::Poll::Ready(output) => output,
/// #         std::task::Poll::Pending => panic!("it waits"),
/// #     }
/// # }
/// ```
#[repr(transparent)]
#[derive(StableAbi)]
pub struct GuardedFuture<'a, T>(BorrowingFfiFuture<'a, RResult<T, Failure>>);

impl<'a, T: 'a> GuardedFuture<'a, T> {
    /// Boxes `future`; the one allocation.
    pub fn new<F: Future<Output = Result<T, Failure>> + Send + 'a>(future: F) -> Self {
        let guarded = async move {
            guarded(future).await.unwrap_or_else(|message| Err(Failure::panic(message))).into()
        };
        Self(guarded.into_ffi())
    }
}

impl<T> Future for GuardedFuture<'_, T> {
    type Output = Result<T, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match catch(|| Pin::new(&mut self.0).poll(cx)) {
            Ok(poll) => poll.map(RResult::into_result),
            Err(message) => Poll::Ready(Err(Failure::panic(message))),
        }
    }
}

impl<T> std::fmt::Debug for GuardedFuture<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GuardedFuture")
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::FailureKind;

    #[test]
    fn a_panic_of_the_other_side_is_an_output() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut future = GuardedFuture::<()>::new(async { panic!("in its code") });
        match Pin::new(&mut future).poll(&mut cx) {
            Poll::Ready(Err(failure)) => assert_eq!(
                (failure.kind, failure.message.as_str()),
                (FailureKind::Panic, "in its code")
            ),
            other => panic!("{other:?}"),
        }
        // One that was not made by `new`: async-ffi panics in the poll.
        let unguarded = async { panic!("unguarded") };
        let mut future = GuardedFuture::<()>(unguarded.into_ffi());
        match Pin::new(&mut future).poll(&mut cx) {
            Poll::Ready(Err(failure)) => assert_eq!(failure.kind, FailureKind::Panic),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_panic_in_the_drop_of_a_future_ends_there() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("in drop");
            }
        }
        let mut cx = Context::from_waker(Waker::noop());
        let mut future = GuardedFuture::<()>::new(async {
            let _bomb = Bomb;
            std::future::pending().await
        });
        assert!(Pin::new(&mut future).poll(&mut cx).is_pending());
        drop(future);
    }
}
