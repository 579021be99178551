//! Bodies that arrive in pieces, in either direction.

use std::task::{Context, Poll};

use abi_stable::{
    StableAbi,
    std_types::{RNone, ROption, RResult, RString},
};
use async_ffi::{ContextExt, FfiContext, FfiPoll};

use crate::{
    OwnedBytes,
    guard::{catch, drop_quietly},
};

/// Why something on the other side failed.
#[repr(C)]
#[derive(Debug, Clone, StableAbi)]
pub struct Failure {
    /// The kind, for code.
    pub kind: FailureKind,
    /// The reason, for people.
    pub message: RString,
}

/// The kinds of [`Failure`] that code tells apart.
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, StableAbi)]
pub enum FailureKind {
    /// An ordinary error.
    Error,
    /// A panic, caught on its own side.
    Panic,
    /// The client went away, or the connection broke.
    Disconnected,
    /// A saved state that this code cannot read.
    Misfit,
}

impl Failure {
    /// An ordinary error with its reason.
    pub fn error(message: impl Into<RString>) -> Self {
        Self { kind: FailureKind::Error, message: message.into() }
    }

    /// A broken connection with its reason.
    pub fn disconnected(message: impl Into<RString>) -> Self {
        Self { kind: FailureKind::Disconnected, message: message.into() }
    }

    /// A saved state that does not fit, with what is wrong with it.
    pub fn misfit(message: impl Into<RString>) -> Self {
        Self { kind: FailureKind::Misfit, message: message.into() }
    }

    /// A panic that was caught, with its message.
    pub fn panic(message: impl Into<RString>) -> Self {
        Self { kind: FailureKind::Panic, message: message.into() }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Where the pieces of a [`BodyStream`] come from.
pub trait ChunkSource: Send + 'static {
    /// The next piece, `None` at the end; not called again after the end or an error.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<OwnedBytes, Failure>>>;

    /// The bytes still to come, where that is known exactly.
    fn exact_len(&self) -> Option<u64> {
        None
    }
}

/// A body in pieces: owned by whoever holds it, polled and dropped through its maker's functions.
#[repr(C)]
#[derive(StableAbi)]
pub struct BodyStream {
    source: *mut (),
    poll: unsafe extern "C" fn(*mut (), &mut FfiContext<'_>) -> FfiPoll<Piece>,
    drop: unsafe extern "C" fn(*mut ()),
    exact_len: ROption<u64>,
}

type Piece = ROption<RResult<OwnedBytes, Failure>>;

// SAFETY: `new` only takes `Send` sources, and every access to one goes through `&mut self`.
unsafe impl Send for BodyStream {}
// SAFETY: a shared reference gives access to `exact_len` alone.
unsafe impl Sync for BodyStream {}

impl BodyStream {
    /// Boxes `source`; the only allocation of the stream.
    pub fn new<S: ChunkSource>(source: S) -> Self {
        unsafe extern "C" fn poll<S: ChunkSource>(
            source: *mut (),
            cx: &mut FfiContext<'_>,
        ) -> FfiPoll<Piece> {
            // SAFETY: `source` is the box made below; `poll_chunk` has `&mut self`, so there is
            // no other reference to it.
            let source = unsafe { &mut *source.cast::<S>() };
            let polled = catch(|| cx.with_context(|cx| source.poll_chunk(cx)));
            match polled {
                Ok(poll) => poll.map(|piece| piece.map(Into::into).into()).into(),
                Err(message) => {
                    FfiPoll::Ready(ROption::RSome(RResult::RErr(Failure::panic(message))))
                }
            }
        }
        unsafe extern "C" fn drop<S>(source: *mut ()) {
            // SAFETY: `source` is the box made below, dropped once.
            drop_quietly(|| std::mem::drop(unsafe { Box::from_raw(source.cast::<S>()) }));
        }
        Self {
            exact_len: source.exact_len().into(),
            source: Box::into_raw(Box::new(source)).cast(),
            poll: poll::<S>,
            drop: drop::<S>,
        }
    }

    /// The length of the whole body, where its maker knew it.
    #[must_use]
    pub fn exact_len(&self) -> Option<u64> {
        self.exact_len.into_option()
    }

    /// The next piece; `None` at the end. A panic of the source is a [`FailureKind::Panic`].
    pub fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<OwnedBytes, Failure>>> {
        // SAFETY: `poll` belongs to `source`; `&mut self` makes this the only access.
        let polled = cx.with_ffi_context(|cx| unsafe { (self.poll)(self.source, cx) });
        match polled {
            FfiPoll::Ready(piece) => {
                self.exact_len = RNone;
                Poll::Ready(piece.into_option().map(RResult::into_result))
            }
            FfiPoll::Pending => Poll::Pending,
            FfiPoll::Panicked => Poll::Ready(Some(Err(Failure::panic("a body stream panicked")))),
        }
    }
}

impl Drop for BodyStream {
    fn drop(&mut self) {
        // SAFETY: `drop` belongs to `source`, called once.
        unsafe { (self.drop)(self.source) }
    }
}

impl std::fmt::Debug for BodyStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BodyStream").field("exact_len", &self.exact_len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    struct Three(u8);
    impl ChunkSource for Three {
        fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<OwnedBytes, Failure>>> {
            self.0 += 1;
            match self.0 {
                1 | 2 => Poll::Ready(Some(Ok(OwnedBytes::from_vec(vec![self.0])))),
                3 => panic!("third"),
                _ => unreachable!("polled after the end"),
            }
        }
        fn exact_len(&self) -> Option<u64> {
            Some(3)
        }
    }

    #[test]
    fn a_panicking_source_ends_in_a_failure() {
        let mut stream = BodyStream::new(Three(0));
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(stream.exact_len(), Some(3));
        for expected in [1, 2] {
            match stream.poll_chunk(&mut cx) {
                Poll::Ready(Some(Ok(bytes))) => assert_eq!(&*bytes, &[expected]),
                other => panic!("{other:?}"),
            }
        }
        match stream.poll_chunk(&mut cx) {
            Poll::Ready(Some(Err(failure))) => {
                assert_eq!((failure.kind, &*failure.message), (FailureKind::Panic, "third"));
            }
            other => panic!("{other:?}"),
        }
    }
}
