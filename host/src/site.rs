//! Everything that answers a request: rendered pages, routes, public files, stylesheets, health.
//!
//! The order in which they are asked is [`Site::respond`], from top to bottom.

mod answering;
pub mod destination;
pub mod files;
pub mod health;
mod if_none_match;
pub mod prerendered;
pub mod refusal;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use parking_lot::Mutex;

use self::answering::Answering;
use self::destination::{Destination, redirect};
use self::files::Assets;
use crate::generation::GenerationId;
use crate::generation::body::Body;
use crate::generation::call::{Identity, plain};
use crate::generation::failure::REQUEST_ID;
use crate::generation::table::Share;
use crate::server::forward::PassedOn;
use crate::server::upgrade::Upgradable;
use crate::swap::{Forward, Passage, STYLESHEETS, Switch};

/// How often a request asks the table again that finds a closed generation and an open door: one
/// that comes between two swaps, or whose app is not there.
const MOST_TRIES: usize = 8;

/// What a host serves. One per process, shared by all connections.
#[derive(Debug)]
pub struct Site {
    /// The routes.
    pub switch: Arc<Switch>,
    /// The public files.
    pub assets: Arc<Assets>,
    /// The requests that come from other processes.
    pub passed_on: Arc<PassedOn>,
    stopping: AtomicBool,
    leaving: AtomicBool,
    /// Whether another process answers what comes here, or a share of it.
    passes_on: AtomicBool,
    elsewhere: Mutex<Option<Elsewhere>>,
}

/// Who answers what comes here.
#[derive(Debug)]
enum Elsewhere {
    /// The process that has taken the place of this one.
    Successor(Arc<dyn Forward>),
    /// A share is a canary's.
    Canary(Arc<dyn Forward>, Share),
}

/// A response of a site, and where it came from.
#[derive(Debug)]
pub struct SiteResponse {
    /// The response.
    pub response: Response<Body>,
    /// What made it.
    pub origin: Origin,
}

/// What made a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A route of this generation.
    Route(GenerationId),
    /// The page for an error, by this generation.
    ErrorPage(GenerationId),
    /// A page that was rendered with the release of this generation.
    Prerendered(GenerationId),
    /// The host itself: a file, a redirect, its health.
    Host,
    /// The process that has taken the place of this one.
    Successor,
}

impl Origin {
    /// The generation that it came from; `None` where the host answered by itself.
    #[must_use]
    pub fn generation(self) -> Option<GenerationId> {
        match self {
            Self::Route(id) | Self::ErrorPage(id) | Self::Prerendered(id) => Some(id),
            Self::Host | Self::Successor => None,
        }
    }
}

impl Site {
    /// A site of these routes and files.
    #[must_use]
    pub fn new(switch: Arc<Switch>, assets: Arc<Assets>) -> Self {
        Self {
            switch,
            assets,
            passed_on: Arc::default(),
            stopping: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            passes_on: AtomicBool::new(false),
            elsewhere: Mutex::default(),
        }
    }

    /// Whether requests are wanted: each app is there, and the host is not stopping.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let serves = !self.switch.table().generations().is_empty();
        serves && !self.is_stopping() && !self.switch.is_stranded()
    }

    /// Whether the host is stopping.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// From now on `/readyz` says that no request is wanted; those that come are answered.
    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// From now on another process serves: each answer is the last one of its connection, and comes
    /// from that process if there is a way to it.
    pub fn leave(&self, forwarder: Option<Arc<dyn Forward>>) {
        self.pass_on(forwarder.map(Elsewhere::Successor));
        self.leaving.store(true, Ordering::Release);
    }

    /// From now on another process answers a share of the requests, or none any more.
    pub fn share(&self, canary: Option<(Arc<dyn Forward>, f64)>) {
        self.pass_on(canary.map(|(canary, share)| Elsewhere::Canary(canary, Share::new(share))));
    }

    fn pass_on(&self, elsewhere: Option<Elsewhere>) {
        let passes_on = elsewhere.is_some();
        *self.elsewhere.lock() = elsewhere;
        self.passes_on.store(passes_on, Ordering::Release);
    }

    /// The process that answers this request, if it is another one. A request to leave HTTP is
    /// answered here for as long as it can be: its connection does not reach the other process.
    fn elsewhere(
        &self,
        head: &Parts,
        destination: &Destination<'_, '_>,
    ) -> Option<Arc<dyn Forward>> {
        if !self.passes_on.load(Ordering::Acquire) {
            return None;
        }
        let is_upgrade = head.extensions.get::<Upgradable>().is_some();
        match &*self.elsewhere.lock() {
            Some(Elsewhere::Successor(_)) if is_upgrade && destination.is_open() => None,
            Some(Elsewhere::Successor(successor)) => Some(Arc::clone(successor)),
            Some(Elsewhere::Canary(..)) if is_upgrade => None,
            Some(Elsewhere::Canary(canary, share)) => share.next().then(|| Arc::clone(canary)),
            None => None,
        }
    }

    /// Answers one request.
    pub async fn answer<B>(&self, request: Request<B>, peer: Option<SocketAddr>) -> SiteResponse
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::fmt::Display,
    {
        let (head, body) = request.into_parts();
        let table = self.switch.table();
        let destination = Destination::of(&table, &head);
        let mut response = Response::default();
        let identity = Identity { peer, request_id: None };
        let origin = self.respond(destination, &head, body, identity, &mut response).await;
        self.finish(&head, origin, &mut response);
        SiteResponse { response, origin }
    }

    /// Answers one request whose destination is known, in this order: a page that was rendered with
    /// the release; a route whose pattern is the path; a public file; a kept stylesheet; `/healthz`
    /// and `/readyz`; a route with parameters, or the redirect to it; the app's error page.
    ///
    /// It is written into `response`, a new one, which is to be [finished](Self::finish): a response
    /// that is handed from each layer to the next is copied by each.
    pub fn respond<'s, B>(
        &'s self,
        destination: Destination<'s, 's>,
        head: &'s Parts,
        body: B,
        identity: Identity<'s>,
        response: &'s mut Response<Body>,
    ) -> impl Future<Output = Origin> + Send + use<'s, B>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::fmt::Display,
    {
        match self.elsewhere(head, &destination) {
            Some(elsewhere) => {
                Answering::waiting(forward(elsewhere, head, body, identity, response))
            }
            None => self.resolve(destination, head, body, identity, response),
        }
    }

    /// Makes a response fit its request: to HEAD without a body, and the last one of its connection
    /// where another process serves from now on.
    pub fn finish(&self, request: &Parts, origin: Origin, response: &mut Response<Body>) {
        if request.method == Method::HEAD && origin != Origin::Successor {
            drop_body(response);
        }
        // HTTP/2 says it in another way, and so does what leaves HTTP.
        if self.leaving.load(Ordering::Acquire)
            && request.version <= Version::HTTP_11
            && response.status() != StatusCode::SWITCHING_PROTOCOLS
        {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
    }

    fn resolve<'s, B>(
        &'s self,
        destination: Destination<'s, 's>,
        head: &'s Parts,
        body: B,
        identity: Identity<'s>,
        response: &'s mut Response<Body>,
    ) -> Answering<'s>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::fmt::Display,
    {
        if !destination.is_first()
            && let Some(found) = self.assets.find(head)
        {
            return Answering::waiting(async move {
                match self.assets.respond(found, head).await {
                    Some(file) => by_host(response, file),
                    None => {
                        self.resolve_past_files(destination, head, body, identity, response).await
                    }
                }
            });
        }
        self.resolve_past_files(destination, head, body, identity, response)
    }

    fn resolve_past_files<'s, B>(
        &'s self,
        destination: Destination<'s, 's>,
        head: &'s Parts,
        body: B,
        identity: Identity<'s>,
        response: &'s mut Response<Body>,
    ) -> Answering<'s>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::fmt::Display,
    {
        if !destination.is_first() {
            if let Some(stylesheet) = self.stylesheet(head) {
                return Answering::Ready(by_host(response, stylesheet));
            }
            if let Some(health) = health::respond(head.uri.path(), || self.is_ready()) {
                return Answering::Ready(by_host(response, health));
            }
        }
        match destination {
            Destination::Prerendered(page) => {
                *response = page.response;
                Answering::Ready(page.origin)
            }
            Destination::Redirect(path) => {
                Answering::Ready(by_host(response, redirect(path, head.uri.query())))
            }
            Destination::ExactRoute(route) | Destination::Route(route) => match route.enter() {
                Some(pin) => Answering::waiting(route.call(pin, head, body, identity, response)),
                None => Answering::waiting(self.resolve_again(head, body, identity, response)),
            },
            Destination::ErrorPage(page) => match page.enter() {
                Some(pin) => Answering::waiting(page.call(pin, head, body, identity, response)),
                None => Answering::waiting(self.resolve_again(head, body, identity, response)),
            },
            Destination::Host(ready) => Answering::Ready(by_host(response, *ready)),
        }
    }

    /// The generation was closed since the table was read, because another one takes its place: as
    /// soon as the door is open the table decides anew.
    async fn resolve_again<B>(
        &self,
        head: &Parts,
        body: B,
        identity: Identity<'_>,
        response: &mut Response<Body>,
    ) -> Origin
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::fmt::Display,
    {
        for _ in 0..MOST_TRIES {
            match self.switch.pass_door().await {
                Passage::Ask => {}
                Passage::Forward(elsewhere) => {
                    return forward(elsewhere, head, body, identity, response).await;
                }
                Passage::Full => {
                    let text = "too many requests wait for the next release\n";
                    return by_host(response, unavailable(text));
                }
                Passage::Stopping => {
                    return by_host(response, unavailable("the server is stopping\n"));
                }
            }
            let table = self.switch.table();
            let destination = Destination::of(&table, head);
            if destination.is_open() {
                return self.resolve(destination, head, body, identity, response).await;
            }
            tokio::task::yield_now().await;
        }
        by_host(response, unavailable("the app of this page is not running\n"))
    }

    fn stylesheet(&self, head: &Parts) -> Option<Response<Body>> {
        let name = head.uri.path().strip_prefix(STYLESHEETS)?;
        let sheet = self.switch.stylesheet(name)?;
        Some(files::stylesheet(&sheet.name, sheet.bytes, head))
    }
}

/// A response that the host makes by itself.
fn by_host(response: &mut Response<Body>, made: Response<Body>) -> Origin {
    *response = made;
    Origin::Host
}

/// 503, for a while.
fn unavailable(text: &'static str) -> Response<Body> {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, text);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Lets the process answer that has taken the place of this one.
async fn forward<B>(
    elsewhere: Arc<dyn Forward>,
    head: &Parts,
    body: B,
    Identity { peer, request_id }: Identity<'_>,
    response: &mut Response<Body>,
) -> Origin
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Display,
{
    let body = Body::boxed(body.map_err(|error| error.to_string()));
    let mut request = Request::from_parts(head.clone(), body);
    if let Some(id) = request_id {
        request.headers_mut().insert(REQUEST_ID, id.clone());
    }
    *response = elsewhere.forward(request, peer).await;
    Origin::Successor
}

/// HEAD: the head that GET would have had (RFC 9110, section 9.3.2).
fn drop_body(response: &mut Response<Body>) {
    let length = response.body().size_hint().exact();
    let bodiless = response.status().is_informational()
        || matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    *response.body_mut() = Body::empty();
    if let Some(length) = length.filter(|_| !bodiless) {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert_with(|| length.into());
    }
}

#[cfg(test)]
mod tests {
    use futures_core::future::BoxFuture;
    use http_body_util::Empty;

    use super::files::Caching;
    use super::*;
    use crate::library::loader::Store;
    use crate::server::upgrade::Signals;
    use crate::swap::SwapSettings;

    #[derive(Debug)]
    struct AnotherProcess;

    impl Forward for AnotherProcess {
        fn forward(
            &self,
            _: Request<Body>,
            _: Option<SocketAddr>,
        ) -> BoxFuture<'static, Response<Body>> {
            Box::pin(std::future::ready(plain(StatusCode::IM_A_TEAPOT, "elsewhere\n")))
        }
    }

    #[tokio::test]
    async fn a_connection_that_is_to_leave_http_is_not_passed_on() {
        let switch = Arc::new(Switch::new(SwapSettings::default(), Store::open_default()));
        let site = Site::new(switch, Arc::new(Assets::new(Vec::new(), Caching::Hour)));
        let another = || Arc::new(AnotherProcess) as Arc<dyn Forward>;
        for is_successor in [false, true] {
            match is_successor {
                false => site.share(Some((another(), 1.0))),
                true => site.leave(Some(another())),
            }
            for (is_upgrade, expected) in
                [(false, StatusCode::IM_A_TEAPOT), (true, StatusCode::NOT_FOUND)]
            {
                let mut request = Request::new(Empty::<Bytes>::new());
                if is_upgrade {
                    let connection = hyper::upgrade::on(&mut request);
                    let signals = Signals::default();
                    request.extensions_mut().insert(Upgradable { connection, signals });
                }
                let answer = site.answer(request, None).await.response;
                assert_eq!(answer.status(), expected, "{is_successor}");
            }
        }
    }
}
