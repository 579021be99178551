//! An upgraded connection: what is left of an exchange after `101 Switching Protocols` (RFC 9110,
//! section 7.8), a stream of bytes in both directions.
//!
//! A page answers with an [`Upgrade`]; when the client has been told, the host runs it with the
//! [`Connection`]. Each side may end it: the library by dropping the connection, the host by an
//! error in every call. Nothing is buffered in between, so who reads or takes too slowly makes the
//! other one wait.

use std::task::{Context, Poll};

use abi_stable::{
    StableAbi,
    std_types::{RResult, RSlice, RSliceMut},
};
use async_ffi::{ContextExt, FfiContext, FfiPoll};

use crate::{
    Failure, GuardedFuture,
    bytes::slice,
    guard::{catch, drop_quietly},
};

/// What a host implements: a connection that has switched protocols.
pub trait HostConnection: Send + 'static {
    /// Reads what has arrived; 0 bytes: the client sends no more.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, Failure>>;

    /// Takes some of these bytes to be sent; how many.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Failure>>;

    /// Sends what was taken.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>>;

    /// Tells the client that nothing more is sent.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>>;

    /// Ready when the connection should end soon: its generation drains, or the host stops.
    fn draining(&self) -> impl Future<Output = ()> + Send + 'static;
}

/// A connection in the hands of a library; dropping it ends it.
#[repr(C)]
#[derive(StableAbi)]
pub struct Connection {
    host: *mut (),
    read: unsafe extern "C" fn(*mut (), &mut FfiContext<'_>, RSliceMut<'_, u8>) -> Count,
    write: unsafe extern "C" fn(*mut (), &mut FfiContext<'_>, RSlice<'_, u8>) -> Count,
    flush: unsafe extern "C" fn(*mut (), &mut FfiContext<'_>) -> Done,
    shutdown: unsafe extern "C" fn(*mut (), &mut FfiContext<'_>) -> Done,
    draining: unsafe extern "C" fn(*const ()) -> GuardedFuture<'static, ()>,
    drop: unsafe extern "C" fn(*mut ()),
}

type Count = FfiPoll<RResult<usize, Failure>>;
type Done = FfiPoll<RResult<(), Failure>>;

// SAFETY: `new` takes a `HostConnection`, which is `Send`; it is not shared.
unsafe impl Send for Connection {}

impl Connection {
    /// Boxes a connection for a library.
    pub fn new<H: HostConnection>(host: H) -> Self {
        Self {
            host: Box::into_raw(Box::new(host)).cast(),
            read: read::<H>,
            write: write::<H>,
            flush: flush::<H>,
            shutdown: shutdown::<H>,
            draining: draining::<H>,
            drop: drop_host::<H>,
        }
    }

    /// See [`HostConnection::poll_read`].
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, Failure>> {
        let buffer = RSliceMut::from_mut_slice(buffer);
        // SAFETY: `read` belongs to `host`; `&mut self` makes this the only access.
        answered(cx.with_ffi_context(|cx| unsafe { (self.read)(self.host, cx, buffer) }))
    }

    /// See [`HostConnection::poll_write`].
    pub fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Failure>> {
        // SAFETY: as in `poll_read`.
        answered(cx.with_ffi_context(|cx| unsafe { (self.write)(self.host, cx, slice(bytes)) }))
    }

    /// See [`HostConnection::poll_flush`].
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        // SAFETY: as in `poll_read`.
        answered(cx.with_ffi_context(|cx| unsafe { (self.flush)(self.host, cx) }))
    }

    /// See [`HostConnection::poll_shutdown`].
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        // SAFETY: as in `poll_read`.
        answered(cx.with_ffi_context(|cx| unsafe { (self.shutdown)(self.host, cx) }))
    }

    /// See [`HostConnection::draining`].
    pub fn draining(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        // SAFETY: `draining` belongs to `host`, and this is not `Sync`, so nobody else calls it.
        let draining = unsafe { (self.draining)(self.host) };
        async move { drop(draining.await) }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: `drop` belongs to `host`, called once.
        unsafe { (self.drop)(self.host) }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

fn answered<T>(poll: FfiPoll<RResult<T, Failure>>) -> Poll<Result<T, Failure>> {
    match poll {
        FfiPoll::Ready(answer) => Poll::Ready(answer.into_result()),
        FfiPoll::Pending => Poll::Pending,
        FfiPoll::Panicked => Poll::Ready(Err(Failure::panic("the host panicked"))),
    }
}

/// Polls the host with `poll`; a panic is a failure.
///
/// # Safety
/// `host` is the box of `Connection::new::<H>`, and nobody else accesses it.
unsafe fn poll_host<H, T>(
    host: *mut (),
    cx: &mut FfiContext<'_>,
    poll: impl FnOnce(&mut H, &mut Context<'_>) -> Poll<Result<T, Failure>>,
) -> FfiPoll<RResult<T, Failure>> {
    // SAFETY: the caller's promise.
    let host = unsafe { &mut *host.cast::<H>() };
    match catch(|| cx.with_context(|cx| poll(host, cx))) {
        Ok(poll) => poll.map(RResult::from).into(),
        Err(message) => FfiPoll::Ready(RResult::RErr(Failure::panic(message))),
    }
}

unsafe extern "C" fn read<H: HostConnection>(
    host: *mut (),
    cx: &mut FfiContext<'_>,
    mut buffer: RSliceMut<'_, u8>,
) -> Count {
    // SAFETY: the methods of `Connection` pass their own `host`, and borrow it mutably.
    unsafe { poll_host(host, cx, |host: &mut H, cx| host.poll_read(cx, buffer.as_mut_slice())) }
}

unsafe extern "C" fn write<H: HostConnection>(
    host: *mut (),
    cx: &mut FfiContext<'_>,
    bytes: RSlice<'_, u8>,
) -> Count {
    // SAFETY: as in `read`.
    unsafe { poll_host(host, cx, |host: &mut H, cx| host.poll_write(cx, bytes.as_slice())) }
}

unsafe extern "C" fn flush<H: HostConnection>(host: *mut (), cx: &mut FfiContext<'_>) -> Done {
    // SAFETY: as in `read`.
    unsafe { poll_host(host, cx, H::poll_flush) }
}

unsafe extern "C" fn shutdown<H: HostConnection>(host: *mut (), cx: &mut FfiContext<'_>) -> Done {
    // SAFETY: as in `read`.
    unsafe { poll_host(host, cx, H::poll_shutdown) }
}

unsafe extern "C" fn draining<H: HostConnection>(host: *const ()) -> GuardedFuture<'static, ()> {
    // SAFETY: `host` is the box of `Connection::new`, borrowed for this call.
    let host = unsafe { &*host.cast::<H>() };
    match catch(|| host.draining()) {
        Ok(draining) => GuardedFuture::new(async move {
            draining.await;
            Ok(())
        }),
        Err(message) => GuardedFuture::new(async move { Err(Failure::panic(message)) }),
    }
}

unsafe extern "C" fn drop_host<H>(host: *mut ()) {
    // SAFETY: `host` is the box of `Connection::new`, dropped once.
    drop_quietly(|| drop(unsafe { Box::from_raw(host.cast::<H>()) }));
}

/// What the SDK implements: what a page does with a connection.
pub trait UpgradeHandler: Send + 'static {
    /// Speaks the new protocol, until it is over; `Err` with what a panic says.
    fn run(
        self,
        connection: Connection,
    ) -> impl Future<Output = Result<(), Failure>> + Send + 'static;
}

/// The body of a 101 answer: what is done with the connection. Dropped unless the client is told.
#[repr(C)]
#[derive(StableAbi)]
pub struct Upgrade {
    /// Null once it runs.
    handler: *mut (),
    run: unsafe extern "C" fn(*mut (), Connection) -> GuardedFuture<'static, ()>,
    drop: unsafe extern "C" fn(*mut ()),
}

// SAFETY: `new` takes an `UpgradeHandler`, which is `Send`; it is not shared.
unsafe impl Send for Upgrade {}

impl Upgrade {
    /// Boxes what is done with the connection.
    pub fn new<H: UpgradeHandler>(handler: H) -> Self {
        unsafe extern "C" fn run<H: UpgradeHandler>(
            handler: *mut (),
            connection: Connection,
        ) -> GuardedFuture<'static, ()> {
            // SAFETY: `handler` is the box made below; `Upgrade::run` gives it away, once.
            let handler = unsafe { Box::from_raw(handler.cast::<H>()) };
            GuardedFuture::new(async move { handler.run(connection).await })
        }
        unsafe extern "C" fn drop_handler<H>(handler: *mut ()) {
            // SAFETY: `handler` is the box made below, dropped once.
            drop_quietly(|| drop(unsafe { Box::from_raw(handler.cast::<H>()) }));
        }
        Self {
            handler: Box::into_raw(Box::new(handler)).cast(),
            run: run::<H>,
            drop: drop_handler::<H>,
        }
    }

    /// Lets the library speak; `Err` if it panics.
    pub fn run(mut self, connection: Connection) -> GuardedFuture<'static, ()> {
        let handler = std::mem::replace(&mut self.handler, std::ptr::null_mut());
        // SAFETY: `run` belongs to `handler`, which is given away, and not dropped below.
        unsafe { (self.run)(handler, connection) }
    }
}

impl Drop for Upgrade {
    fn drop(&mut self) {
        if !self.handler.is_null() {
            // SAFETY: `drop` belongs to `handler`, which has not been given away.
            unsafe { (self.drop)(self.handler) }
        }
    }
}

impl std::fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Upgrade")
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::Waker,
    };

    use super::*;
    use crate::FailureKind;

    /// Gives and takes one byte at a time, and panics when it is told to shut down.
    struct Slow(Arc<AtomicUsize>);

    impl HostConnection for Slow {
        fn poll_read(
            &mut self,
            _: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<Result<usize, Failure>> {
            buffer[0] = b'x';
            Poll::Ready(Ok(1))
        }
        fn poll_write(
            &mut self,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<Result<usize, Failure>> {
            Poll::Ready(Ok(bytes.len().min(1)))
        }
        fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
            Poll::Pending
        }
        fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
            panic!("no end")
        }
        fn draining(&self) -> impl Future<Output = ()> + Send + 'static {
            std::future::ready(())
        }
    }

    impl Drop for Slow {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_connection_is_read_and_written_through_the_table() {
        let drops = Arc::new(AtomicUsize::new(0));
        let mut connection = Connection::new(Slow(drops.clone()));
        let mut cx = Context::from_waker(Waker::noop());
        let mut buffer = [0; 4];
        assert!(matches!(connection.poll_read(&mut cx, &mut buffer), Poll::Ready(Ok(1))));
        assert_eq!(buffer, *b"x\0\0\0");
        assert!(matches!(connection.poll_write(&mut cx, b"abc"), Poll::Ready(Ok(1))));
        assert!(connection.poll_flush(&mut cx).is_pending());
        assert!(pin!(connection.draining()).poll(&mut cx).is_ready());
        match connection.poll_shutdown(&mut cx) {
            Poll::Ready(Err(failure)) => assert_eq!(failure.kind, FailureKind::Panic),
            other => panic!("{other:?}"),
        }
        drop(connection);
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    }

    struct Handler(Arc<AtomicUsize>, bool);

    impl UpgradeHandler for Handler {
        async fn run(self, _connection: Connection) -> Result<(), Failure> {
            assert!(self.1, "a page that panics");
            Ok(())
        }
    }

    impl Drop for Handler {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn what_is_done_with_it_is_run_or_dropped_once() {
        let (connections, handlers) = (Arc::default(), Arc::default());
        let mut cx = Context::from_waker(Waker::noop());
        drop(Upgrade::new(Handler(Arc::clone(&handlers), true)));
        assert_eq!(handlers.load(Ordering::SeqCst), 1);
        for (well, count) in [(true, 2), (false, 3)] {
            let upgrade = Upgrade::new(Handler(Arc::clone(&handlers), well));
            let connection = Connection::new(Slow(Arc::clone(&connections)));
            let mut running = upgrade.run(connection);
            match pin!(&mut running).poll(&mut cx) {
                Poll::Ready(result) => assert_eq!(result.is_ok(), well),
                Poll::Pending => panic!("it does not wait"),
            }
            drop(running);
            assert_eq!(handlers.load(Ordering::SeqCst), count);
            assert_eq!(connections.load(Ordering::SeqCst), count - 1, "it ends with the page");
        }
    }
}
