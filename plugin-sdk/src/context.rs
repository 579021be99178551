//! One request, as extractors see it.
//!
//! A request stays where it arrived, behind [`Incoming`]: nothing of it is copied before an
//! extractor asks. Only a middleware owns a whole `http::Request`; after it the rest of the chain
//! reads from that one ([`Source::Owned`]).

use std::net::SocketAddr;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};

use crate::body::{Body, DEFAULT_BODY_LIMIT};
use crate::error::{Error, Rejection};
use crate::html::document::Html;
use crate::middleware::Next;
use crate::routing::Pattern;

/// Seam: a request in the hands of the host. The boundary implements it for its borrowed
/// exchange, `nova::testing` for a request of its own.
pub(crate) trait Incoming: Send + Sync {
    /// The method as it was sent: `GET`.
    fn method(&self) -> &str;
    /// The path, still percent-encoded.
    fn path(&self) -> &str;
    /// What stands behind the `?`, if there is one.
    fn query(&self) -> Option<&str>;
    /// The pattern of the route that matched; `None` when none did.
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

/// What an extractor reads from: the request, and what the pipeline lends to this step.
pub struct RequestContext<'a> {
    source: Source<'a>,
    route: Option<&'a RouteInfo>,
    extensions: Extensions,
    body_taken: bool,
    slot: Slot,
}

enum Source<'a> {
    Host(&'a dyn Incoming),
    Owned(Box<Owned>),
}

/// A request that went through a middleware.
pub(crate) struct Owned {
    pub(crate) request: http::Request<Body>,
    pub(crate) params: Vec<String>,
    pub(crate) client_addr: Option<SocketAddr>,
    pub(crate) upgradable: bool,
}

/// What the app says about a route.
#[derive(Debug)]
pub(crate) struct RouteInfo {
    pub(crate) pattern: Pattern,
    pub(crate) body_limit: usize,
}

/// What only one kind of function may take: layouts, error pages, middleware.
#[derive(Default)]
pub(crate) enum Slot {
    #[default]
    Empty,
    Page(Html),
    Error(Error),
    Next(Next),
}

impl<'a> RequestContext<'a> {
    /// Seam: a context for a request that the host holds.
    pub(crate) fn host(incoming: &'a dyn Incoming) -> Self {
        RequestContext::new(Source::Host(incoming), Extensions::new())
    }

    pub(crate) fn owned(mut owned: Box<Owned>) -> Self {
        let extensions = std::mem::take(owned.request.extensions_mut());
        RequestContext::new(Source::Owned(owned), extensions)
    }

    fn new(source: Source<'a>, extensions: Extensions) -> Self {
        RequestContext { source, route: None, extensions, body_taken: false, slot: Slot::Empty }
    }

    pub(crate) fn set_route(&mut self, route: &'a RouteInfo) {
        self.route = Some(route);
    }

    pub(crate) fn put(&mut self, slot: Slot) {
        self.slot = slot;
    }

    pub(crate) fn take_slot(&mut self) -> Slot {
        std::mem::take(&mut self.slot)
    }

    pub(crate) fn slot(&self) -> &Slot {
        &self.slot
    }

    /// The pattern the host matched; it finds the route's error page after a panic.
    pub(crate) fn host_pattern(&self) -> Option<&str> {
        match &self.source {
            Source::Host(incoming) => incoming.pattern(),
            Source::Owned(_) => None,
        }
    }

    /// The method's name: `GET`.
    #[must_use]
    pub fn method_name(&self) -> &str {
        match &self.source {
            Source::Host(incoming) => incoming.method(),
            Source::Owned(owned) => owned.request.method().as_str(),
        }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> Method {
        // The host has parsed it before; a name that is none cannot arrive.
        Method::from_bytes(self.method_name().as_bytes()).unwrap_or_default()
    }

    /// The path, still percent-encoded.
    #[must_use]
    pub fn path(&self) -> &str {
        match &self.source {
            Source::Host(incoming) => incoming.path(),
            Source::Owned(owned) => owned.request.uri().path(),
        }
    }

    /// What stands behind the `?`, if there is one.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        match &self.source {
            Source::Host(incoming) => incoming.query(),
            Source::Owned(owned) => owned.request.uri().query(),
        }
    }

    /// Path and query.
    ///
    /// # Errors
    /// When they are no URI; the answer is 400.
    pub fn uri(&self) -> Result<Uri, Rejection> {
        if let Source::Owned(owned) = &self.source {
            return Ok(owned.request.uri().clone());
        }
        let target = match self.query() {
            Some(query) => format!("{}?{query}", self.path()),
            None => self.path().to_owned(),
        };
        Uri::try_from(target).map_err(|error| {
            Rejection::new(StatusCode::BAD_REQUEST, "the request's target is not a URI")
                .with_source(error)
        })
    }

    /// The pattern of the route: `/users/{id}`. `None` on error pages for a path without a route.
    #[must_use]
    pub fn pattern(&self) -> Option<&'a Pattern> {
        self.route.map(|route| &route.pattern)
    }

    /// The decoded value of the route's parameter at `index`, from the left.
    pub(crate) fn param_at(&self, index: usize) -> Option<&str> {
        match &self.source {
            Source::Host(incoming) => incoming.param(index),
            Source::Owned(owned) => owned.params.get(index).map(String::as_str),
        }
    }

    /// The names of the route's parameters and their decoded values, from the left.
    pub fn params(&self) -> impl Iterator<Item = (&'a str, &str)> {
        let names = self.pattern().into_iter().flat_map(Pattern::names);
        names.enumerate().filter_map(|(index, name)| Some((name, self.param_at(index)?)))
    }

    /// The value of the first header of this name (lower-case), if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.header_bytes(name)?).ok()
    }

    /// The value of the first header of this name (lower-case).
    #[must_use]
    pub fn header_bytes(&self, name: &str) -> Option<&[u8]> {
        match &self.source {
            Source::Host(incoming) => incoming.header(name),
            Source::Owned(owned) => owned.request.headers().get(name).map(HeaderValue::as_bytes),
        }
    }

    /// All headers, copied.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        let incoming = match &self.source {
            Source::Host(incoming) => incoming,
            Source::Owned(owned) => return owned.request.headers().clone(),
        };
        let mut headers = HeaderMap::new();
        incoming.for_each_header(&mut |name, value| {
            // The host has parsed them before, so both always succeed.
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value))
            {
                headers.append(name, value);
            }
        });
        headers
    }

    /// The values of one header, copied.
    pub(crate) fn headers_named(&self, name: &HeaderName) -> Vec<HeaderValue> {
        let mut values = Vec::new();
        match &self.source {
            Source::Owned(owned) => {
                values.extend(owned.request.headers().get_all(name).iter().cloned());
            }
            Source::Host(incoming) => incoming.for_each_header(&mut |candidate, value| {
                if candidate.eq_ignore_ascii_case(name.as_str()) {
                    values.extend(HeaderValue::from_bytes(value));
                }
            }),
        }
        values
    }

    /// Whether the head announces a body. HTTP/2 needs no header for one, but a body worth
    /// reading has a type.
    pub(crate) fn has_body(&self) -> bool {
        match self.content_length() {
            Some(length) => length > 0,
            None => [TRANSFER_ENCODING, CONTENT_TYPE]
                .iter()
                .any(|name| self.header_bytes(name.as_str()).is_some()),
        }
    }

    fn content_length(&self) -> Option<u64> {
        self.header(CONTENT_LENGTH.as_str())?.parse().ok()
    }

    /// Whether the body is of the type `kind/name`, or of one that ends in `+name`.
    pub(crate) fn has_media_type(&self, kind: &str, name: &str) -> bool {
        let Some(value) = self.header(CONTENT_TYPE.as_str()) else {
            return false;
        };
        let media_type = value.split(';').next().unwrap_or_default().trim();
        media_type.split_once('/').is_some_and(|(k, n)| {
            let suffix = n.rsplit_once('+').map_or(n, |(_, suffix)| suffix);
            k.eq_ignore_ascii_case(kind) && suffix.eq_ignore_ascii_case(name)
        })
    }

    /// The other end of the connection; `None` over a Unix socket.
    #[must_use]
    pub fn client_addr(&self) -> Option<SocketAddr> {
        match &self.source {
            Source::Host(incoming) => incoming.client_addr(),
            Source::Owned(owned) => owned.client_addr,
        }
    }

    /// The version of HTTP that the client speaks.
    #[must_use]
    pub fn version(&self) -> Version {
        match &self.source {
            Source::Host(incoming) => incoming.version(),
            Source::Owned(owned) => owned.request.version(),
        }
    }

    /// Whether the connection can be taken over; see [`Upgrade`](crate::Upgrade).
    #[must_use]
    pub fn is_upgradable(&self) -> bool {
        match &self.source {
            Source::Host(incoming) => incoming.is_upgradable(),
            Source::Owned(owned) => owned.upgradable,
        }
    }

    /// Values that a middleware or an extractor left for those behind it.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The same, to leave something.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    /// The body, which ends with an error (413) past the page's limit. Empty when it was taken
    /// before.
    pub fn take_body(&mut self) -> Body {
        if std::mem::replace(&mut self.body_taken, true) {
            return Body::empty();
        }
        let announced = self.content_length();
        match &mut self.source {
            // A middleware got it with the limit already.
            Source::Owned(owned) => std::mem::take(owned.request.body_mut()),
            Source::Host(incoming) => {
                let max = self.route.map_or(DEFAULT_BODY_LIMIT, |route| route.body_limit);
                incoming.take_body().limited(max, announced)
            }
        }
    }

    /// The whole request, owned. Headers and extensions are copied, so that other extractors find
    /// them wherever they stand.
    pub(crate) fn request(&mut self) -> Result<http::Request<Body>, Rejection> {
        let mut request = http::Request::new(Body::empty());
        *request.method_mut() = self.method();
        *request.uri_mut() = self.uri()?;
        *request.version_mut() = self.version();
        *request.headers_mut() = self.headers();
        *request.extensions_mut() = self.extensions.clone();
        *request.body_mut() = self.take_body();
        Ok(request)
    }
}
