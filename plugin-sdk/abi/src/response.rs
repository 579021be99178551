//! An answer: status and headers written straight into the host's, the body handed over.

use std::fmt;

use abi_stable::{
    StableAbi,
    std_types::{RBox, ROption, RSlice, RStr, RString, RVec},
};

use crate::{BodyStream, GuardedFuture, OwnedBytes, Panic, Upgrade, bytes::slice};

/// Where the host receives status and headers.
pub trait HeadSink: Send {
    /// Sets the status code; the host answers 500 to one outside 100..=999.
    fn status(&mut self, status: u16);

    /// Adds a header line. `false`: the name or the value is not one (RFC 9110, section 5).
    fn header(&mut self, name: &str, value: &[u8]) -> bool;

    /// Adds a header line whose value lives forever: the host need not copy it.
    fn static_header(&mut self, name: &str, value: &'static [u8]) -> bool;
}

/// A borrowed [`HeadSink`] of any type: the library's pen for the response's head.
#[repr(C)]
#[derive(StableAbi)]
pub struct ResponseHead<'a> {
    data: *mut (),
    status: unsafe extern "C" fn(*mut (), u16),
    header: unsafe extern "C" fn(*mut (), RStr<'_>, RSlice<'_, u8>, bool) -> bool,
    lifetime: std::marker::PhantomData<&'a mut ()>,
}

// SAFETY: `data` is an exclusive reference to a `HeadSink`, which is `Send`.
unsafe impl Send for ResponseHead<'_> {}

impl<'a> ResponseHead<'a> {
    /// Lends `sink` to a call.
    pub fn new<S: HeadSink>(sink: &'a mut S) -> Self {
        unsafe extern "C" fn status<S: HeadSink>(data: *mut (), status: u16) {
            // SAFETY: `data` is the `&'a mut S` below, and nobody else holds it.
            unsafe { &mut *data.cast::<S>() }.status(status);
        }
        unsafe extern "C" fn header<S: HeadSink>(
            data: *mut (),
            name: RStr<'_>,
            value: RSlice<'_, u8>,
            forever: bool,
        ) -> bool {
            // SAFETY: as in `status`.
            let sink = unsafe { &mut *data.cast::<S>() };
            if forever {
                // SAFETY: `forever` is set by `static_header` alone, whose value is `'static`,
                // and a library is never unmapped.
                let value =
                    unsafe { std::slice::from_raw_parts::<'static>(value.as_ptr(), value.len()) };
                sink.static_header(name.into(), value)
            } else {
                sink.header(name.into(), value.into())
            }
        }
        Self {
            data: std::ptr::from_mut(sink).cast(),
            status: status::<S>,
            header: header::<S>,
            lifetime: std::marker::PhantomData,
        }
    }

    /// Sets the status code.
    pub fn status(&mut self, status: u16) {
        // SAFETY: `data` belongs to `status`; `&mut self` makes this the only access.
        unsafe { (self.status)(self.data, status) }
    }

    /// Adds a header line; the value is copied by the host. `false`: refused as malformed.
    pub fn header(&mut self, name: &str, value: &[u8]) -> bool {
        // SAFETY: as in `status`.
        unsafe { (self.header)(self.data, name.into(), slice(value), false) }
    }

    /// Adds a header line; the value is not copied. `false`: refused as malformed.
    pub fn static_header(&mut self, name: &str, value: &'static [u8]) -> bool {
        // SAFETY: as in `status`.
        unsafe { (self.header)(self.data, name.into(), slice(value), true) }
    }
}

/// The body of an answer; its owner is whoever holds it.
#[repr(C, u8)]
#[derive(Debug, StableAbi)]
pub enum ResponseBody {
    /// No body.
    Empty,
    /// Bytes that live forever.
    Static(RSlice<'static, u8>),
    /// Bytes with their owner.
    Owned(OwnedBytes),
    /// Bytes that come in pieces.
    Stream(BodyStream),
    /// The connection, after an answer with the status 101 to a request that is
    /// [upgradable](crate::Exchange::upgradable).
    Upgrade(Upgrade),
}

/// An error with a status of 500 and above, which a function of the app has returned.
#[repr(C)]
#[derive(Debug, Clone, StableAbi)]
pub struct PageError {
    /// What it tells the client, in development at least.
    pub message: RString,
    /// What caused it, what caused that, and so on.
    pub causes: RVec<RString>,
    /// `file:line:column` where it was made in the app, or empty.
    pub location: RString,
}

/// ` (pages/users.rs:12:5): message: cause`, as it goes on after a request in a log.
impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.location.is_empty() {
            write!(f, " ({})", self.location)?;
        }
        write!(f, ": {}", self.message)?;
        self.causes.iter().try_for_each(|cause| write!(f, ": {cause}"))
    }
}

/// What a library gives back when it has answered; the head was written before.
#[repr(C)]
#[derive(Debug, StableAbi)]
pub struct Answer {
    /// The body.
    pub body: ResponseBody,
    /// What failed on the way to it. In a box, because few answers have any of it and each is handed
    /// on by value.
    pub failures: ROption<RBox<Failures>>,
}

/// What failed on the way to an answer.
#[repr(C)]
#[derive(Debug, StableAbi)]
pub struct Failures {
    /// The panic that made this answer a 500, for log, counters and the overlay.
    pub panic: ROption<Panic>,
    /// The errors that led to this answer, the first one first: error pages fail, too.
    pub errors: RVec<PageError>,
}

impl Answer {
    /// An answer, after these failures.
    #[must_use]
    pub fn new(body: ResponseBody, panic: Option<Panic>, errors: Vec<PageError>) -> Self {
        let has_failed = panic.is_some() || !errors.is_empty();
        let failures =
            has_failed.then(|| RBox::new(Failures { panic: panic.into(), errors: errors.into() }));
        Self { body, failures: failures.into() }
    }

    /// A bare answer after a panic that left no page to show.
    #[must_use]
    pub fn panicked(panic: Panic) -> Self {
        Self::new(ResponseBody::Empty, Some(panic), Vec::new())
    }
}

/// The state of a call after its first poll.
#[repr(C, u8)]
#[derive(StableAbi)]
pub enum Start<'a> {
    /// Answered at once: no future was made, no waker cloned.
    Ready(Answer),
    /// Waiting; the future goes on from the first poll, with whatever context polls it next.
    Pending(GuardedFuture<'a, Answer>),
}

impl<'a> Start<'a> {
    /// A call that waits. The future was polled before; it is boxed as it is, which is no move
    /// for a future that is itself behind a pointer.
    pub fn pending<F: Future<Output = Answer> + Send + 'a>(future: F) -> Self {
        Self::Pending(GuardedFuture::new(async move { Ok(future.await) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Sink(u16, Vec<(String, Vec<u8>, bool)>);
    impl HeadSink for Sink {
        fn status(&mut self, status: u16) {
            self.0 = status;
        }
        fn header(&mut self, name: &str, value: &[u8]) -> bool {
            self.1.push((name.into(), value.into(), false));
            !value.contains(&b'\n')
        }
        fn static_header(&mut self, name: &str, value: &'static [u8]) -> bool {
            self.1.push((name.into(), value.into(), true));
            true
        }
    }

    #[test]
    fn the_head_is_written_through_the_table() {
        let mut sink = Sink::default();
        let mut head = ResponseHead::new(&mut sink);
        head.status(201);
        assert!(head.static_header("content-type", b"text/plain"));
        assert!(!head.header("x", b"a\nb"));
        assert_eq!(sink.0, 201);
        assert_eq!(sink.1[0], ("content-type".into(), b"text/plain".to_vec(), true));
    }
}
