//! What a whole request has besides its head: the body, once.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::context::{
    Arrival, BodySource, HasBody, Head, RequestContext, RequestPart, Whole, WholeData,
};
use super::incoming::Incoming;
use crate::body::{Body, DEFAULT_BODY_LIMIT};
use crate::error::Rejection;

impl<'a> RequestContext<'a, Whole> {
    /// Seam: a context for a request that the host holds.
    pub(crate) fn host(incoming: &'a dyn Incoming) -> Self {
        let head = RequestContext::host_head(incoming);
        RequestContext { data: WholeData { head, body: BodySource::Host(incoming) } }
    }

    /// A context for a request that went through a middleware.
    pub(crate) fn owned(request: http::Request<Body>, arrival: Arc<Arrival>) -> Self {
        let (parts, body) = request.into_parts();
        let head = RequestContext::owned_head(parts, arrival);
        RequestContext { data: WholeData { head, body: BodySource::Owned(Box::new(body)) } }
    }

    /// Puts a body back that was taken and read.
    #[cfg(feature = "sessions")]
    pub(crate) fn put_body(&mut self, body: bytes::Bytes) {
        self.data.body = BodySource::Owned(Box::new(Body::from(body)));
    }

    fn body(&mut self) -> Body {
        match std::mem::replace(&mut self.data.body, BodySource::Taken) {
            BodySource::Taken => Body::empty(),
            BodySource::Owned(body) => *body,
            BodySource::Host(incoming) => {
                let max = self.route().map_or(DEFAULT_BODY_LIMIT, |route| route.body_limit);
                incoming.take_body().limited(max, self.content_length())
            }
        }
    }
}

// For each part with a bound, and not for the whole alone: so the compiler says why a head has no
// body, instead of that it has no such method.
impl<P: RequestPart> RequestContext<'_, P> {
    /// The body, which ends with an error (413) past the page's limit. Empty when it was taken
    /// before. For extractors of the [`Whole`] request.
    pub fn take_body(&mut self) -> Body
    where
        P: HasBody,
    {
        P::whole(self).body()
    }

    /// The whole request, owned. Headers and extensions are copied, so that other extractors find
    /// them wherever they stand. For extractors of the [`Whole`] request.
    ///
    /// # Errors
    /// When its target is not a URI; the answer is 400.
    pub fn take_request(&mut self) -> Result<http::Request<Body>, Rejection>
    where
        P: HasBody,
    {
        let whole = P::whole(self);
        // Middleware shares the session with what is behind it, whoever asks for it first.
        #[cfg(feature = "sessions")]
        whole.session_slot();
        let mut request = http::Request::new(Body::empty());
        *request.method_mut() = whole.method();
        *request.uri_mut() = whole.uri()?;
        *request.version_mut() = whole.version();
        *request.headers_mut() = whole.headers();
        *request.extensions_mut() = whole.extensions().clone();
        *request.body_mut() = whole.body();
        Ok(request)
    }
}

impl<'a> Deref for RequestContext<'a, Whole> {
    type Target = RequestContext<'a, Head>;

    fn deref(&self) -> &RequestContext<'a, Head> {
        &self.data.head
    }
}

impl<'a> DerefMut for RequestContext<'a, Whole> {
    fn deref_mut(&mut self) -> &mut RequestContext<'a, Head> {
        &mut self.data.head
    }
}

impl fmt::Debug for RequestContext<'_, Whole> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.data.head.fmt(f)
    }
}
