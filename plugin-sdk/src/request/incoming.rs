//! The seam to what received the request: a host, or a test.

use std::net::SocketAddr;

use http::Version;

use crate::body::Body;

/// Seam: a request in the hands of the host. The boundary implements it for its borrowed
/// exchange, `nova::testing` for a request of its own.
pub(crate) trait Incoming: Send + Sync {
    /// The method as it was sent: `GET`.
    fn method(&self) -> &str;
    /// The path, still percent-encoded.
    fn path(&self) -> &str;
    /// What stands behind the `?`, if there is one.
    fn query(&self) -> Option<&str>;
    /// The pattern of the route that matched; `None` when no route did.
    fn pattern(&self) -> Option<&str>;
    /// The decoded value of the route's parameter at `index`, from the left.
    fn param(&self, index: usize) -> Option<&str>;
    /// The first value of a header; names are lower-case.
    fn header(&self, name: &str) -> Option<&[u8]>;
    /// Every header in order, repeated names repeatedly.
    fn for_each_header(&self, visit: &mut dyn FnMut(&str, &[u8]));
    /// The other end of the connection.
    fn client_addr(&self) -> Option<SocketAddr>;
    /// The version of HTTP.
    fn version(&self) -> Version;
    /// Whether the connection can be taken over.
    fn is_upgradable(&self) -> bool;
    /// The body; empty from the second call on.
    fn take_body(&self) -> Body;
}

/// A request that no route matched, with the parameters of the folder that answers it.
pub(crate) struct Unrouted<'a> {
    pub(crate) incoming: &'a dyn Incoming,
    pub(crate) params: Vec<String>,
}

impl Incoming for Unrouted<'_> {
    fn method(&self) -> &str {
        self.incoming.method()
    }

    fn path(&self) -> &str {
        self.incoming.path()
    }

    fn query(&self) -> Option<&str> {
        self.incoming.query()
    }

    fn pattern(&self) -> Option<&str> {
        None
    }

    fn param(&self, index: usize) -> Option<&str> {
        self.params.get(index).map(String::as_str)
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.incoming.header(name)
    }

    fn for_each_header(&self, visit: &mut dyn FnMut(&str, &[u8])) {
        self.incoming.for_each_header(visit);
    }

    fn client_addr(&self) -> Option<SocketAddr> {
        self.incoming.client_addr()
    }

    fn version(&self) -> Version {
        self.incoming.version()
    }

    fn is_upgradable(&self) -> bool {
        self.incoming.is_upgradable()
    }

    fn take_body(&self) -> Body {
        self.incoming.take_body()
    }
}
