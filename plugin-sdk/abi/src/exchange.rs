//! A request as a library sees it: borrowed from the host, read on demand.

use abi_stable::{
    StableAbi,
    std_types::{ROption, RSlice, RStr},
};

use crate::{BodyStream, bytes::slice};

/// What a library is asked to answer.
#[repr(C, u8)]
#[derive(Debug, Clone, Copy, StableAbi)]
pub enum Target<'a> {
    /// The route at this place in [`Library::routes`](crate::Library::routes).
    Route(u32),
    /// A path without a route, with the status that the host decided on (404, 400): the middleware
    /// of the nearest folder sees the request, and its error page answers.
    Error {
        /// The HTTP status code.
        status: u16,
        /// What happened, for people.
        message: RStr<'a>,
    },
}

/// One parameter of the matched path, percent-decoded.
#[repr(C)]
#[derive(Debug, Clone, Copy, StableAbi)]
pub struct Param<'a> {
    /// The name between the braces of the pattern.
    pub name: RStr<'a>,
    /// The decoded value.
    pub value: RStr<'a>,
}

/// The client's address.
#[repr(C)]
#[derive(Debug, Clone, Copy, StableAbi)]
pub struct Peer {
    /// The IPv6 address, an IPv4 one in its mapped form (`::ffff:a.b.c.d`), in network order.
    pub ip: [u8; 16],
    /// The TCP port.
    pub port: u16,
}

/// What the host can be asked about the request while it is being answered.
pub trait HostExchange: Send + Sync {
    /// The first value of a header; `name` in lower case.
    fn header(&self, name: &str) -> Option<&[u8]>;

    /// Every header line in order, names in lower case.
    fn each_header(&self, visit: &mut dyn FnMut(&str, &[u8]));

    /// The body, the first time; `None` where there is none or it was taken.
    fn take_body(&self) -> Option<BodyStream>;
}

/// A request, borrowed from the host until the answer is there.
///
/// Everything in it is a view into the host's memory: nothing was copied to make it.
#[repr(C)]
#[derive(StableAbi)]
pub struct Exchange<'a> {
    /// The method as sent (RFC 9110, section 9).
    pub method: RStr<'a>,
    /// The path of the target, as sent (percent-encoded).
    pub path: RStr<'a>,
    /// The query without its `?`.
    pub query: ROption<RStr<'a>>,
    /// The authority of the target, where the request carried one (HTTP/2, absolute form).
    pub authority: ROption<RStr<'a>>,
    /// The HTTP version times ten: 10, 11, 20.
    pub version: u8,
    /// The pattern that matched, or empty.
    pub pattern: RStr<'a>,
    /// The parameters of the path, in the pattern's order.
    pub params: RSlice<'a, Param<'a>>,
    /// The client's address, unless it came over a unix socket.
    pub peer: ROption<Peer>,
    /// Whether the client asks for another protocol, and the host can hand the connection over.
    pub upgradable: bool,
    host: HostRef<'a>,
}

/// A borrowed [`HostExchange`] of any type.
#[repr(C)]
#[derive(StableAbi)]
struct HostRef<'a> {
    data: *const (),
    header: unsafe extern "C" fn(*const (), RStr<'_>) -> ROption<RSlice<'static, u8>>,
    each_header: unsafe extern "C" fn(*const (), Visitor<'_>),
    take_body: unsafe extern "C" fn(*const ()) -> ROption<BodyStream>,
    lifetime: std::marker::PhantomData<&'a ()>,
}

// SAFETY: `data` is a shared reference to a `HostExchange`, which is `Sync`.
unsafe impl Send for HostRef<'_> {}
// SAFETY: as above.
unsafe impl Sync for HostRef<'_> {}

/// A closure of the library, called by the host for each header.
#[repr(C)]
#[derive(StableAbi)]
struct Visitor<'a> {
    data: *mut (),
    visit: VisitFn,
    lifetime: std::marker::PhantomData<&'a mut ()>,
}

/// abi_stable's derive takes no function pointer inside another's signature, but a wrapped one.
#[repr(transparent)]
#[derive(StableAbi)]
struct VisitFn(unsafe extern "C" fn(*mut (), RStr<'_>, RSlice<'_, u8>));

/// The parts of a request that are plain data; see the fields of [`Exchange`].
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct RequestLine<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub authority: Option<&'a str>,
    pub version: u8,
    pub pattern: &'a str,
    pub upgradable: bool,
}

impl<'a> Exchange<'a> {
    /// A view of one request; `host` answers for headers and body.
    pub fn new<H: HostExchange>(
        line: RequestLine<'a>,
        params: &'a [Param<'a>],
        peer: Option<Peer>,
        host: &'a H,
    ) -> Self {
        Self {
            method: line.method.into(),
            path: line.path.into(),
            query: line.query.map(RStr::from).into(),
            authority: line.authority.map(RStr::from).into(),
            version: line.version,
            pattern: line.pattern.into(),
            params: RSlice::from_slice(params),
            peer: peer.into(),
            upgradable: line.upgradable,
            host: HostRef::new(host),
        }
    }

    /// The first value of a header; `name` in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        // SAFETY: `data` belongs to `header`; the bytes it returns are borrowed from the host
        // exchange, which outlives `self`.
        let value = unsafe { (self.host.header)(self.host.data, name.into()) };
        value.into_option().map(RSlice::into)
    }

    /// Every header line in order, names in lower case.
    pub fn each_header(&self, mut visit: impl FnMut(&str, &[u8])) {
        unsafe extern "C" fn call<F: FnMut(&str, &[u8])>(
            data: *mut (),
            name: RStr<'_>,
            value: RSlice<'_, u8>,
        ) {
            // SAFETY: `data` is the closure below, which lives through the call that visits.
            let visit = unsafe { &mut *data.cast::<F>() };
            crate::guard::drop_quietly(|| visit(name.into(), value.into()));
        }
        fn erase<F: FnMut(&str, &[u8])>(visit: &mut F) -> Visitor<'_> {
            Visitor {
                data: std::ptr::from_mut(visit).cast(),
                visit: VisitFn(call::<F>),
                lifetime: std::marker::PhantomData,
            }
        }
        // SAFETY: `data` belongs to `each_header`; the visitor lives through the call.
        unsafe { (self.host.each_header)(self.host.data, erase(&mut visit)) }
    }

    /// The body, the first time it is asked for.
    #[must_use]
    pub fn take_body(&self) -> Option<BodyStream> {
        // SAFETY: `data` belongs to `take_body`.
        unsafe { (self.host.take_body)(self.host.data) }.into_option()
    }
}

impl<'a> HostRef<'a> {
    fn new<H: HostExchange>(host: &'a H) -> Self {
        unsafe extern "C" fn header<H: HostExchange>(
            data: *const (),
            name: RStr<'_>,
        ) -> ROption<RSlice<'static, u8>> {
            // SAFETY: `data` is the `&'a H` below, and `Exchange` is gone before `'a` ends.
            let host = unsafe { &*data.cast::<H>() };
            // The host's own code: a panic in it ends the process, see the crate's rules.
            let found = host.header(name.into()).map(slice);
            // SAFETY: the bytes live as long as the host exchange; `Exchange::header` shortens
            // the lifetime to its own borrow again.
            unsafe {
                std::mem::transmute::<Option<RSlice<'_, u8>>, Option<RSlice<'static, u8>>>(found)
            }
            .into()
        }
        unsafe extern "C" fn each_header<H: HostExchange>(data: *const (), visitor: Visitor<'_>) {
            // SAFETY: as in `header`.
            let host = unsafe { &*data.cast::<H>() };
            host.each_header(&mut |name, value| {
                // SAFETY: the visitor's data belongs to its function and lives through this call.
                unsafe { (visitor.visit.0)(visitor.data, name.into(), slice(value)) }
            });
        }
        unsafe extern "C" fn take_body<H: HostExchange>(data: *const ()) -> ROption<BodyStream> {
            // SAFETY: as in `header`.
            unsafe { &*data.cast::<H>() }.take_body().into()
        }
        Self {
            data: std::ptr::from_ref(host).cast(),
            header: header::<H>,
            each_header: each_header::<H>,
            take_body: take_body::<H>,
            lifetime: std::marker::PhantomData,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Host(Vec<(String, Vec<u8>)>);
    impl HostExchange for Host {
        fn header(&self, name: &str) -> Option<&[u8]> {
            self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_slice())
        }
        fn each_header(&self, visit: &mut dyn FnMut(&str, &[u8])) {
            self.0.iter().for_each(|(n, v)| visit(n, v));
        }
        fn take_body(&self) -> Option<BodyStream> {
            None
        }
    }

    #[test]
    fn headers_are_read_through_the_table() {
        let host =
            Host(vec![("accept".into(), b"text/html".to_vec()), ("x-raw".into(), vec![0xff])]);
        let line = RequestLine {
            method: "GET",
            path: "/a",
            query: None,
            authority: None,
            version: 11,
            pattern: "/a",
            upgradable: false,
        };
        let exchange = Exchange::new(line, &[], None, &host);
        assert_eq!(exchange.header("accept"), Some(&b"text/html"[..]));
        assert_eq!(exchange.header("missing"), None);
        let mut seen = Vec::new();
        exchange.each_header(|name, value| seen.push((name.to_owned(), value.to_vec())));
        assert_eq!(seen, host.0);
        assert!(exchange.take_body().is_none());
    }
}
