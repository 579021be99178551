//! The edge of a production host: what each request meets before the site, and each response
//! after it.
//!
//! In this order: whether HTTP allows the request ([`head`]), who the client is (`forwarded`), an id
//! (`request_id`), the marks of compression (`entity_tag`), the limits (`limits`), the
//! [site](crate::site::Site); then headers for browsers (`security`) and proxies, compression
//! (`encoding`), the counts (`metrics`) and the log. The check of the head and the client are for
//! every request; each of the others can be switched off, and costs a branch then.

mod encoding;
mod entity_tag;
pub mod forwarded;
pub mod limits;
pub mod metrics;
mod request_id;
pub mod security;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body as HttpBody;

pub use self::forwarded::ProxyHeaders;
pub use self::metrics::{Metrics, MetricsError, RequestTimer};
pub use self::request_id::REQUEST_ID;

use self::encoding::{Coding, compress};
use self::forwarded::{Client, Proxies};
use self::limits::{
    BodyLimits, BodyProgress, LimitError, LimitedBody, Permit, RequestLimit, within,
};
use self::metrics::{CountedBody, Responder};
use self::security::Security;
use crate::generation::body::{Body, BodyError};
use crate::generation::call::Identity;
use crate::generation::failure::HandlerPanic;
use crate::process::log::{AccessLog, LoggedBody};
use crate::server::head::{self, HeadError, Seen};
use crate::server::{COUNTED, Handle, HeldBytes, Peer};
use crate::site::destination::Destination;
use crate::site::{Origin, Site, refusal};

/// The body of a response as it leaves the host.
pub type OutgoingBody = LoggedBody<CountedBody>;

/// What nginx, and what has learned it from there, is told about one response.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// See the [module](self). One per process, shared by all connections.
#[derive(Debug)]
pub struct Edge {
    pub(crate) site: Arc<Site>,
    pub(crate) access: AccessLog,
    pub(crate) proxies: Proxies,
    pub(crate) request_ids: bool,
    pub(crate) requests: Option<RequestLimit>,
    /// What sends the responses, and knows how much memory they hold.
    pub(crate) server: Option<Handle>,
    pub(crate) body_limits: BodyLimits,
    pub(crate) handler_limit: Option<Duration>,
    pub(crate) security: Option<Security>,
    pub(crate) compression: bool,
    /// Whether proxies are told to pass streams on as they come.
    pub(crate) unbuffered: bool,
    pub(crate) metrics: Option<Arc<Metrics>>,
}

/// What has made a response.
struct Made {
    generation: Option<u64>,
    /// Whose numbers it is counted in.
    responder: Responder,
}

impl Edge {
    /// Takes one request in, and lets its response out.
    pub fn handle<B>(
        &self,
        request: Request<B>,
        peer: Peer,
    ) -> impl Future<Output = Response<OutgoingBody>> + Send + use<'_, B>
    where
        B: HttpBody<Data = Bytes, Error: Into<BodyError>> + Send + Unpin + 'static,
    {
        // All that needs no waiting is done before there is a future: it keeps then what it needs,
        // each thing in one place.
        let timer = self.metrics.as_ref().map(|metrics| metrics.start_timer(request.method()));
        let (mut head, body) = request.into_parts();
        let (seen, error) = match head::check(&mut head) {
            Ok(seen) => (seen, None),
            Err(error) => (Seen::UNKNOWN, Some(error)),
        };
        let client = self.proxies.client(&mut head, peer, seen.from_proxies);
        let given = seen.from_proxies;
        let id = self.request_ids.then(|| request_id::of(&mut head.headers, client.proxied, given));
        let marked = if self.compression && seen.entity_tags {
            entity_tag::unmark(&mut head.headers)
        } else {
            None
        };
        let access = self.access.begin(&head, client.address.map(|it| it.ip()), id.as_ref());
        async move {
            let mut response = Response::default();
            let Made { generation, responder } = 'made: {
                if let Some(error) = error {
                    break 'made self.refuse_head(error, &head, &mut response);
                }
                let table = self.site.switch.table();
                let (progress, _permit, route);
                // Made inside of the expression: what goes into the future is not kept beside it.
                let origin = within(self.handler_limit, {
                    let Some(body) = LimitedBody::new(body, self.body_limits) else {
                        let error = LimitError::TooLarge;
                        break 'made self.refuse(error, Responder::Refused, &mut response);
                    };
                    progress = body.progress();
                    _permit = match self.permit(&head) {
                        Ok(permit) => permit,
                        Err(error) => {
                            let made = self.refuse(error, Responder::Refused, &mut response);
                            end_connection(&head, &progress, &mut response);
                            break 'made made;
                        }
                    };
                    let destination = Destination::of(&table, &head);
                    route = self.route(&destination);
                    let identity = Identity { peer: client.address, request_id: id.as_ref() };
                    self.site.respond(destination, &head, body, identity, &mut response)
                })
                .await;
                let made = self.settle(&head, origin, &progress, route, &mut response);
                end_connection(&head, &progress, &mut response);
                made
            };
            self.add_headers(&mut response, &head, client);
            if self.compression {
                let accepted =
                    || seen.accepted_encodings.then(|| Coding::accepted(&head.headers)).flatten();
                compress(accepted, head.method == Method::HEAD, &mut response);
            }
            if let Some(marked) = marked {
                marked.mark_again(&mut response);
            }
            if let Some(id) = id {
                response.headers_mut().entry(REQUEST_ID).or_insert(id);
            }
            if let Some(timer) = &timer {
                timer.observe(&responder, response.status());
            }
            let (head, body) = response.into_parts();
            let body = access.log_body(head.status, generation, CountedBody::new(body, timer));
            Response::from_parts(head, body)
        }
    }

    /// Adds what browsers and proxies are told about a response.
    fn add_headers(&self, response: &mut Response<Body>, request: &Parts, client: Client) {
        if let Some(security) = &self.security {
            let https = || client.https && !security::is_local(request);
            security.apply(response.headers_mut(), https);
        }
        if self.unbuffered && response.body().is_live() {
            let no = HeaderValue::from_static("no");
            response.headers_mut().entry(X_ACCEL_BUFFERING).or_insert(no);
        }
    }

    /// A place among those who wait for their page. A watcher of a busy host must not take it for a
    /// dead one, and needs none.
    fn permit(&self, head: &Parts) -> Result<Option<Permit<'_>>, LimitError> {
        match &self.requests {
            Some(limit) if !matches!(head.uri.path(), "/healthz" | "/readyz") => {
                limit.acquire().map(Some).ok_or(LimitError::Busy)
            }
            _ => Ok(None),
        }
    }

    /// The numbers of the route that a request goes to, where there are metrics.
    fn route(&self, destination: &Destination<'_, '_>) -> Option<Responder> {
        let (metrics, pattern) = self.metrics.as_ref().zip(destination.pattern())?;
        Some(Responder::Route(metrics.route(pattern)))
    }

    /// What comes of the site's response, or of none in time.
    fn settle(
        &self,
        head: &Parts,
        origin: Option<Origin>,
        progress: &BodyProgress,
        route: Option<Responder>,
        response: &mut Response<Body>,
    ) -> Made {
        let Some(origin) = origin else {
            return self.refuse(LimitError::Late, route.unwrap_or(Responder::Refused), response);
        };
        if let Some(error) = progress.error() {
            return self.refuse(error, route.unwrap_or(Responder::Refused), response);
        }
        self.site.finish(head, origin, response);
        if !self.has_memory_for(response) {
            let again = head.method.is_idempotent();
            let error = if again { LimitError::Memory } else { LimitError::Unsent };
            return self.refuse(error, route.unwrap_or(Responder::Refused), response);
        }
        if let Some(metrics) = &self.metrics
            && response.extensions().get::<HandlerPanic>().is_some()
        {
            metrics.count_panic();
        }
        let generation = origin.generation().map(|id| id.0);
        Made { generation, responder: responder(origin, route) }
    }

    /// Whether this may be sent besides what is on its way already; then it says what it holds.
    fn has_memory_for(&self, response: &mut Response<Body>) -> bool {
        let held = response.body().held_bytes();
        if held < COUNTED {
            return true;
        }
        response.extensions_mut().insert(HeldBytes(held));
        self.server.as_ref().is_none_or(|server| server.has_memory_for(held))
    }

    fn refuse_head(&self, error: HeadError, head: &Parts, response: &mut Response<Body>) -> Made {
        if let Some(metrics) = &self.metrics {
            metrics.count_malformed();
        }
        *response = refusal::respond(error, head);
        Made { generation: None, responder: Responder::Refused }
    }

    fn refuse(
        &self,
        error: LimitError,
        responder: Responder,
        response: &mut Response<Body>,
    ) -> Made {
        if let Some(metrics) = &self.metrics {
            metrics.count_refusal(error);
        }
        *response = error.response();
        Made { generation: None, responder }
    }
}

/// Makes a response the last of its HTTP/1.1 connection, where it is not known behind a request's body
/// at which byte the next request begins; unless it leaves HTTP.
fn end_connection(head: &Parts, progress: &BodyProgress, response: &mut Response<Body>) {
    if head.version <= Version::HTTP_11
        && !progress.has_clear_end()
        && response.status() != StatusCode::SWITCHING_PROTOCOLS
    {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

/// Whose numbers a response is counted in; `route` is known only where there are metrics.
fn responder(origin: Origin, route: Option<Responder>) -> Responder {
    match origin {
        Origin::Route(_) | Origin::Successor => route.unwrap_or(Responder::Unmatched),
        Origin::ErrorPage(_) => Responder::Unmatched,
        Origin::Prerendered(_) | Origin::Host => Responder::Host,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};

    use super::*;
    use crate::generation::GenerationId;
    use crate::library::loader::Store;
    use crate::site::files::{Assets, Caching};
    use crate::swap::{SwapSettings, Switch};

    #[test]
    fn only_addresses_without_a_page_are_unmatched() {
        let id = GenerationId(1);
        let is = |responder, expected: &str| {
            assert_eq!(format!("{responder:?}").split('(').next(), Some(expected));
        };
        let route = || Some(Responder::Route(Arc::default()));
        is(responder(Origin::Route(id), route()), "Route");
        is(responder(Origin::ErrorPage(id), None), "Unmatched");
        is(responder(Origin::Prerendered(id), None), "Host");
        // A file in the place of a route with parameters.
        is(responder(Origin::Host, route()), "Host");
    }

    fn edge() -> Edge {
        let switch = Arc::new(Switch::new(SwapSettings::default(), Store::open_default()));
        let assets = Arc::new(Assets::new(Vec::new(), Caching::Hour));
        Edge {
            site: Arc::new(Site::new(switch, assets)),
            access: AccessLog::off(),
            proxies: Proxies::default(),
            request_ids: true,
            requests: None,
            server: None,
            body_limits: BodyLimits::default(),
            handler_limit: None,
            security: None,
            compression: true,
            unbuffered: true,
            metrics: None,
        }
    }

    const PEER: Peer =
        Peer { addr: Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1)), tls: false };

    #[tokio::test]
    async fn a_connection_whose_next_request_begins_nobody_knows_where_ends_with_any_answer() {
        /// A body whose end is not known before it is read, as a chunked one.
        struct Chunked;
        impl HttpBody for Chunked {
            type Data = Bytes;
            type Error = std::convert::Infallible;

            fn poll_frame(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
                std::task::Poll::Pending
            }
        }
        async fn closes<B>(edge: &Edge, version: Version, body: B) -> (u16, bool)
        where
            B: HttpBody<Data = Bytes, Error: Into<BodyError>> + Send + Unpin + 'static,
        {
            let mut request = Request::post("/").header("host", "a").body(body).unwrap();
            *request.version_mut() = version;
            let response = edge.handle(request, PEER).await;
            let closes = response.headers().get(CONNECTION).is_some_and(|it| it == "close");
            (response.status().as_u16(), closes)
        }
        let free = edge();
        let busy = Edge { requests: Some(RequestLimit::new(0)), ..edge() };
        for (edge, status) in [(&free, 404), (&busy, 503)] {
            for (version, ends) in [(Version::HTTP_11, true), (Version::HTTP_2, false)] {
                assert_eq!(closes(edge, version, Chunked).await, (status, ends), "{version:?}");
                let known = http_body_util::Full::<Bytes>::from("known");
                assert_eq!(closes(edge, version, known).await, (status, false), "{version:?}");
            }
        }
    }

    #[test]
    fn the_future_of_a_request_stays_small() {
        let edge = edge();
        let request = Request::new(http_body_util::Full::new(Bytes::new()));
        // It is copied when it begins.
        let size = std::mem::size_of_val(&edge.handle(request, PEER));
        assert!(size <= 1024, "{size} bytes");
    }
}
