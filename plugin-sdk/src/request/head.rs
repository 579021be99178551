//! What the head of a request tells, which each extractor may read.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use nova_routing::Pattern;

use super::context::{
    Arrival, Head, HeadData, HeadSource, OwnedHead, RequestContext, RouteInfo, StepInput,
};
use super::incoming::Incoming;
use crate::error::{Rejection, RejectionKind};

impl<'a> RequestContext<'a, Head> {
    pub(super) fn host_head(incoming: &'a dyn Incoming) -> Self {
        Self::new(HeadSource::Host(incoming), Extensions::new())
    }

    pub(super) fn owned_head(mut parts: Parts, arrival: Arc<Arrival>) -> Self {
        let extensions = std::mem::take(&mut parts.extensions);
        let owned = OwnedHead { parts, arrival };
        Self::new(HeadSource::Owned(Box::new(owned)), extensions)
    }

    fn new(source: HeadSource<'a>, extensions: Extensions) -> Self {
        let data = HeadData {
            source,
            route: None,
            extensions,
            input: StepInput::Empty,
            #[cfg(feature = "sessions")]
            session: None,
        };
        RequestContext { data }
    }

    pub(crate) fn set_route(&mut self, route: &'a RouteInfo) {
        self.data.route = Some(route);
    }

    /// Where the session of this request is: the place that was made before, or one of this context.
    #[cfg(feature = "sessions")]
    pub(crate) fn session_slot(&mut self) -> crate::session::SessionSlot {
        if let Some(slot) = self.data.extensions.get::<crate::session::SessionSlot>() {
            return slot.clone();
        }
        let slot = crate::session::SessionSlot::default();
        self.data.extensions.insert(slot.clone());
        self.data.session = Some(slot.clone());
        slot
    }

    /// The session that is saved when the answer of this context is there: one that was asked for behind
    /// a middleware may be that of the middleware's.
    #[cfg(feature = "sessions")]
    pub(crate) fn own_session(&self) -> Option<&crate::session::SessionSlot> {
        self.data.session.as_ref()
    }

    pub(super) fn route(&self) -> Option<&'a RouteInfo> {
        self.data.route
    }

    pub(crate) fn set_step_input(&mut self, input: StepInput) {
        self.data.input = input;
    }

    pub(crate) fn take_step_input(&mut self) -> StepInput {
        std::mem::take(&mut self.data.input)
    }

    pub(crate) fn step_input(&self) -> &StepInput {
        &self.data.input
    }

    /// The method's name: `GET`.
    #[must_use]
    pub fn method_name(&self) -> &str {
        match &self.data.source {
            HeadSource::Host(incoming) => incoming.method(),
            HeadSource::Owned(owned) => owned.parts.method.as_str(),
        }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> Method {
        // The host has parsed it before, so an unknown name cannot arrive.
        Method::from_bytes(self.method_name().as_bytes()).unwrap_or_default()
    }

    /// The path, still percent-encoded.
    #[must_use]
    pub fn path(&self) -> &str {
        match &self.data.source {
            HeadSource::Host(incoming) => incoming.path(),
            HeadSource::Owned(owned) => owned.parts.uri.path(),
        }
    }

    /// What stands behind the `?`, if there is one.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        match &self.data.source {
            HeadSource::Host(incoming) => incoming.query(),
            HeadSource::Owned(owned) => owned.parts.uri.query(),
        }
    }

    /// Path and query.
    ///
    /// # Errors
    /// When they are not a URI; the answer is 400.
    pub fn uri(&self) -> Result<Uri, Rejection> {
        if let HeadSource::Owned(owned) = &self.data.source {
            return Ok(owned.parts.uri.clone());
        }
        let target = match self.query() {
            Some(query) => format!("{}?{query}", self.path()),
            None => self.path().to_owned(),
        };
        Uri::try_from(target).map_err(|error| {
            Rejection::of(RejectionKind::InvalidTarget, "the request's target is not a URI")
                .with_source(error)
        })
    }

    /// The pattern of the route: `/users/{id}`. `None` for a path without a route.
    #[must_use]
    pub fn pattern(&self) -> Option<&'a Pattern> {
        self.data.route.filter(|route| !route.is_folder).map(|route| &route.pattern)
    }

    /// The pattern that the parameters belong to: the route's, or that of the folder that answers a
    /// path without a route.
    pub(crate) fn param_pattern(&self) -> Option<&'a Pattern> {
        self.data.route.map(|route| &route.pattern)
    }

    /// The decoded value of the route's parameter at `index`, from the left.
    pub(crate) fn param_at(&self, index: usize) -> Option<&str> {
        match &self.data.source {
            HeadSource::Host(incoming) => incoming.param(index),
            HeadSource::Owned(owned) => owned.arrival.params.get(index).map(String::as_str),
        }
    }

    /// The names of the route's parameters and their decoded values, from the left. Of a path
    /// without a route, those of the folder that answers.
    pub fn params(&self) -> impl Iterator<Item = (&'a str, &str)> {
        let names = self.param_pattern().into_iter().flat_map(Pattern::names);
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
        match &self.data.source {
            HeadSource::Host(incoming) => incoming.header(name),
            HeadSource::Owned(owned) => owned.parts.headers.get(name).map(HeaderValue::as_bytes),
        }
    }

    /// All headers, copied.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        let incoming = match &self.data.source {
            HeadSource::Host(incoming) => incoming,
            HeadSource::Owned(owned) => return owned.parts.headers.clone(),
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
        match &self.data.source {
            HeadSource::Owned(owned) => {
                values.extend(owned.parts.headers.get_all(name).iter().cloned());
            }
            HeadSource::Host(incoming) => incoming.for_each_header(&mut |candidate, value| {
                if candidate.eq_ignore_ascii_case(name.as_str()) {
                    values.extend(HeaderValue::from_bytes(value));
                }
            }),
        }
        values
    }

    /// Whether the head announces a body. HTTP/2 needs no header for one, but a body worth
    /// reading has a type.
    #[must_use]
    pub fn announces_body(&self) -> bool {
        match self.content_length() {
            Some(length) => length > 0,
            None => [TRANSFER_ENCODING, CONTENT_TYPE]
                .iter()
                .any(|name| self.header_bytes(name.as_str()).is_some()),
        }
    }

    pub(super) fn content_length(&self) -> Option<u64> {
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
        match &self.data.source {
            HeadSource::Host(incoming) => incoming.client_addr(),
            HeadSource::Owned(owned) => owned.arrival.client_addr,
        }
    }

    /// Values that a middleware or an extractor left for those behind it.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.data.extensions
    }

    /// The same, to leave something.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.data.extensions
    }

    /// The version of HTTP that the client speaks.
    #[must_use]
    pub fn version(&self) -> Version {
        match &self.data.source {
            HeadSource::Host(incoming) => incoming.version(),
            HeadSource::Owned(owned) => owned.parts.version,
        }
    }

    /// Whether the connection can be taken over; see [`Upgrade`](crate::Upgrade).
    #[must_use]
    pub fn is_upgradable(&self) -> bool {
        match &self.data.source {
            HeadSource::Host(incoming) => incoming.is_upgradable(),
            HeadSource::Owned(owned) => owned.arrival.upgradable,
        }
    }

    /// What is still known of how the request came when a middleware makes it its own.
    pub(crate) fn arrival(&self) -> Arc<Arrival> {
        if let HeadSource::Owned(owned) = &self.data.source {
            return Arc::clone(&owned.arrival);
        }
        let params = (0..).map_while(|index| self.param_at(index).map(str::to_owned)).collect();
        let (client_addr, upgradable) = (self.client_addr(), self.is_upgradable());
        Arc::new(Arrival { params, client_addr, upgradable })
    }
}

impl fmt::Debug for RequestContext<'_, Head> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestContext({} {})", self.method_name(), self.path())
    }
}
