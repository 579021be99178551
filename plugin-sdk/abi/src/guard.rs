//! Panics stop here: what runs on behalf of the other side runs inside [`catch`].

use std::{
    mem::ManuallyDrop,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use abi_stable::{StableAbi, std_types::RString};

/// What is known about a panic that was caught on the library's side.
#[repr(C)]
#[derive(Debug, Clone, StableAbi)]
pub struct Panic {
    /// The panic's message.
    pub message: RString,
    /// `file:line:column`, or empty.
    pub location: RString,
    /// The backtrace as std prints it, or empty.
    pub backtrace: RString,
}

impl Panic {
    /// A panic of which only the message is known.
    pub fn from_message(message: impl Into<RString>) -> Self {
        Self { message: message.into(), location: RString::new(), backtrace: RString::new() }
    }
}

/// Makes a future whose panics, in a poll or in its drop, do not leave it.
///
/// The output is `Err` with the panic's message where a poll panicked.
pub fn guarded<F: Future>(future: F) -> Guarded<F> {
    Guarded { future: ManuallyDrop::new(future) }
}

/// See [`guarded`].
#[derive(Debug)]
pub struct Guarded<F> {
    future: ManuallyDrop<F>,
}

impl<F: Future> Future for Guarded<F> {
    type Output = Result<F::Output, String>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `future` is never moved out of `self`: the field is private, and the drop below
        // drops it in place.
        let future = unsafe { self.map_unchecked_mut(|this| &mut *this.future) };
        match catch(|| future.poll(cx)) {
            Ok(poll) => poll.map(Ok),
            Err(message) => Poll::Ready(Err(message)),
        }
    }
}

impl<F> Drop for Guarded<F> {
    fn drop(&mut self) {
        // SAFETY: dropped once, here, and not used again.
        drop_quietly(|| unsafe { ManuallyDrop::drop(&mut self.future) });
    }
}

/// Runs `f` and turns a panic into its message.
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| {
        let message = payload
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic whose payload is not a text".to_owned());
        forget_quietly(payload);
        message
    })
}

/// Runs a drop that must not unwind; a panic in it has been printed by the hook and ends here.
pub(crate) fn drop_quietly(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        forget_quietly(payload);
    }
}

/// A panic's payload may itself panic when it is dropped: leak it, a panic is rare.
fn forget_quietly(payload: Box<dyn std::any::Any + Send>) {
    std::mem::forget(payload);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn a_guarded_future_panics_neither_in_poll_nor_in_drop() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("in drop");
            }
        }
        let mut cx = Context::from_waker(Waker::noop());
        let mut future = Box::pin(guarded(async {
            let _bomb = Bomb;
            std::future::pending::<()>().await;
        }));
        assert!(future.as_mut().poll(&mut cx).is_pending());
        drop(future);

        let mut future = std::pin::pin!(guarded(async { panic!("in poll") }));
        assert_eq!(
            future.as_mut().poll(&mut cx),
            Poll::<Result<(), _>>::Ready(Err("in poll".into()))
        );
    }
}
