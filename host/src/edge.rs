//! The edge of a production host: what each request meets before the site, and each response
//! after it.
//!
//! In this order: who the client is (`forwarded`), an id (`request_id`), the limits (`limits`), the
//! [site](crate::site::Site); then headers for browsers (`security`), compression (`encoding`), the
//! counts (`metrics`) and the log. Each of them can be switched off, and costs nothing then.

mod encoding;
pub mod forwarded;
pub mod limits;
pub mod metrics;
mod request_id;
pub mod security;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body as HttpBody;

pub use self::forwarded::ProxyHeaders;
pub use self::metrics::{Flight, Metrics, MetricsError};
pub use self::request_id::REQUEST_ID;
pub use crate::run::entrance::{Entrance, EntranceError};

use self::encoding::{Coding, compress};
use self::forwarded::{Client, Proxies};
use self::limits::{Capped, Refused, Room, within};
use self::metrics::Answerer;
use self::security::Security;
use crate::generation::body::{Body, BodyError};
use crate::generation::call::HandlerPanic;
use crate::process::log::{AccessLog, Logged};
use crate::server::Peer;
use crate::server::guarded_body::Held;
use crate::site::Site;

/// The body of a response as it leaves the host.
pub type Outgoing = Logged<Held<Body, Option<Flight>>>;

/// See the [module](self). One per process, shared by all connections.
#[derive(Debug)]
pub struct Front {
    pub(crate) site: Arc<Site>,
    pub(crate) access: AccessLog,
    pub(crate) proxies: Proxies,
    pub(crate) request_ids: bool,
    pub(crate) room: Option<Room>,
    pub(crate) max_body: Option<u64>,
    pub(crate) handler_limit: Option<Duration>,
    pub(crate) security: Option<Security>,
    pub(crate) compression: bool,
    pub(crate) metrics: Option<Arc<Metrics>>,
}

/// A response of the site, or one in its place.
struct Answer {
    response: Response<Body>,
    generation: Option<u64>,
    /// Who is counted; known only where somebody counts.
    by: Answerer,
}

impl Front {
    /// Answers one request.
    pub async fn answer<B>(&self, request: Request<B>, peer: Peer) -> Response<Outgoing>
    where
        B: HttpBody<Data = Bytes, Error: Into<BodyError>> + Send + Unpin + 'static,
    {
        let flight = self.metrics.as_ref().map(|metrics| metrics.begin(request.method()));
        let (mut head, body) = request.into_parts();
        let client = self.proxies.client(&mut head, peer);
        let id = self.request_ids.then(|| request_id::of(&mut head.headers, client.proxied));
        let coding = if self.compression { Coding::accepted(&head.headers) } else { None };
        let is_head = head.method == Method::HEAD;
        let request = Request::from_parts(head, body);
        let access = self.access.begin(&request).of(client.address.ip(), id.as_ref());

        let Answer { mut response, generation, by } = self.page(request, client).await;

        if let Some(security) = &self.security {
            security.apply(response.headers_mut(), client.https);
        }
        if self.compression {
            response = compress(coding, is_head, response);
        }
        if let Some(id) = id {
            response.headers_mut().entry(REQUEST_ID).or_insert(id);
        }
        if let Some(flight) = &flight {
            flight.answered(&by, response.status());
        }
        let (head, body) = response.into_parts();
        let body = access.answered(head.status, generation, Held::new(body, flight));
        Response::from_parts(head, body)
    }

    /// Lets the site answer, within the limits.
    async fn page<B>(&self, request: Request<B>, client: Client) -> Answer
    where
        B: HttpBody<Data = Bytes, Error: Into<BodyError>> + Send + Unpin + 'static,
    {
        // Whoever watches over a busy host must not take it for a dead one.
        let is_probe = matches!(request.uri().path(), "/healthz" | "/readyz");
        let _place = match &self.room {
            Some(room) if !is_probe => match room.enter() {
                Some(place) => Some(place),
                None => return self.refuse(Refused::Busy, Answerer::Refused),
            },
            _ => None,
        };
        let (head, body) = request.into_parts();
        let Some(body) = Capped::new(body, self.max_body) else {
            return self.refuse(Refused::TooLarge, Answerer::Refused);
        };
        let exceeded = body.exceeded();
        let request = Request::from_parts(head, body);
        let mut by = None;
        let matched = |pattern: &str| {
            by = self.metrics.as_ref().map(|metrics| Answerer::Route(metrics.route(pattern)));
        };
        let answer = self.site.answer_noting(request, Some(client.address), matched);
        let answered = within(self.handler_limit, answer).await;
        let Some(answered) = answered else {
            return self.refuse(Refused::Late, by.unwrap_or(Answerer::Refused));
        };
        if exceeded.is_so() {
            return self.refuse(Refused::TooLarge, by.unwrap_or(Answerer::Refused));
        }
        let generation = answered.generation.map(|id| id.0);
        let by = by.unwrap_or(match generation {
            Some(_) => Answerer::Unmatched,
            None => Answerer::Host,
        });
        let response = answered.response;
        if let Some(metrics) = &self.metrics
            && response.extensions().get::<HandlerPanic>().is_some()
        {
            metrics.panicked();
        }
        Answer { response, generation, by }
    }

    fn refuse(&self, why: Refused, by: Answerer) -> Answer {
        if let Some(metrics) = &self.metrics {
            metrics.refuse(why);
        }
        Answer { response: why.response(), generation: None, by }
    }
}
