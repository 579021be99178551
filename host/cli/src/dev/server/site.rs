//! What the dev host answers: its own endpoints, the app, and the waiting page before there is one.
//!
//! Everything but `/__nova/` goes the way it goes in production. The dev host adds the client to
//! the pages that come back, does not call pages that ended a server, and tells supervisor and browser about
//! handlers that panicked or answered with an error.

use std::io::Write as _;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use http::{Request, Response, Version};
use hyper::body::Incoming;
use nova_host::generation::body::Body;
use nova_host::server::{Peer, Service, head};
use nova_host::site::{Site, refusal};

use super::document::Destination;
use super::endpoints::Endpoints;
use super::failures::Failure;
use super::hub::{Hub, PageVersion};
use super::in_flight::{InFlight, InFlightReporter};
use super::inject::{WithTail, add_client, untouched};
use super::pages::OnDemandPages;
use super::paths::is_own;
use super::quarantine::SharedQuarantine;
use super::reporter::Reporter;
use super::waiting::{self, wants_page};
use crate::dev::wire::flight_recorder::BEGINS;
use crate::dev::wire::in_flight::InFlightRequest;

/// Everything that answers a request. One per server.
pub(crate) struct DevSite {
    pub(crate) endpoints: Endpoints,
    pub(crate) hub: Arc<Hub>,
    pub(crate) app: Arc<Site>,
    pub(crate) quarantine: Arc<SharedQuarantine>,
    pub(crate) pages: Arc<OnDemandPages>,
    pub(crate) reporter: Arc<Reporter>,
    pub(crate) in_flight: Arc<InFlightReporter>,
    /// The app's folder.
    pub(crate) dir: PathBuf,
}

impl DevSite {
    /// Answers one request over this connection.
    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: Peer,
        connection: Option<&OwnedFd>,
    ) -> Response<WithTail<Body>> {
        let (mut head, body) = request.into_parts();
        if let Err(error) = head::check(&mut head) {
            return untouched(refusal::respond(error, &head));
        }
        let request = Request::from_parts(head, body);
        if is_own(request.uri().path()) {
            return untouched(self.endpoints.respond(&request));
        }
        // Taken before the answer: a page that a swap overtakes then believes itself older than
        // it is, and reloads once for nothing, instead of staying old.
        let served = self.hub.served();
        let destination = Destination::of(&request);
        let method = request.method().clone();
        let asked = format!("{} {}", request.method(), request.uri().path());
        // Until the head of the answer is there: a server that ends before leaves it to the session.
        let mut _in_flight = None;
        let response = match self.instead(&request).await {
            Some(instead) => instead,
            None => {
                _in_flight = self.begins(&request, &served, connection);
                self.app.answer(request, peer.addr).await.response
            }
        };
        let failure = Failure::of(response.extensions()).map(|failure| {
            self.reporter.report(failure.event(&asked));
            failure.problem(&asked, &self.dir)
        });
        let (response, added) =
            add_client(response, destination, &method, &served, failure.as_ref()).await;
        // Where a script asked, the page that it runs in shows what happened.
        if let Some(failure) = failure.filter(|_| !added) {
            self.hub.request_failed(failure);
        }
        response
    }

    /// What is answered instead of the app's code, if that is not to be called.
    async fn instead(&self, request: &Request<Incoming>) -> Option<Response<Body>> {
        let (path, headers) = (request.uri().path(), request.headers());
        if !self.app.is_ready() {
            let problem = self.hub.current().into_iter().next();
            return Some(waiting::response_unless(problem.as_ref(), headers));
        }
        if let Some(failure) = self.pages.ready(&self.app, path, headers).await {
            return Some(failure);
        }
        let table = self.app.switch.table();
        let file = table.file_at(path);
        if let Some(file) = file.filter(|_| Destination::of(request) != Destination::Elsewhere) {
            self.pages.seen(file);
        }
        self.quarantine.respond(file, path, headers)
    }

    /// Says to the session that a request begins: in the stream that would say how it ended the
    /// process, and with its connection, if that has no other request under way.
    fn begins(
        &self,
        request: &Request<Incoming>,
        served: &PageVersion,
        connection: Option<&OwnedFd>,
    ) -> Option<InFlight> {
        let (method, uri) = (request.method(), request.uri());
        let line = format!("{BEGINS}{method} {}\n", uri.path());
        // Nothing is lost with it but the difference to what was printed before.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
        let connection = connection.filter(|_| request.version() <= Version::HTTP_11)?;
        let PageVersion { version, style } = served.clone();
        let request = InFlightRequest {
            method: method.to_string(),
            path: uri.path().to_owned(),
            file: self.app.switch.table().file_at(uri.path()).map(str::to_owned),
            wants_page: wants_page(request.headers()),
            is_document: Destination::of(request) != Destination::Elsewhere,
            version,
            style,
        };
        self.in_flight.begin(request, connection)
    }
}

/// What answers the requests of one connection.
#[derive(Clone)]
pub(crate) struct DevService {
    site: Arc<DevSite>,
    /// A handle of the connection, if the system gave one.
    connection: Option<Arc<OwnedFd>>,
}

impl DevService {
    pub(crate) fn new(site: Arc<DevSite>) -> Self {
        Self { site, connection: None }
    }
}

impl Service for DevService {
    type Body = WithTail<Body>;
    type Future = Pin<Box<dyn Future<Output = Response<Self::Body>> + Send>>;

    fn call(&self, request: Request<Incoming>, peer: Peer) -> Self::Future {
        let Self { site, connection } = self.clone();
        Box::pin(async move { site.answer(request, peer, connection.as_deref()).await })
    }

    fn connected(&mut self, connection: BorrowedFd<'_>) {
        self.connection = connection.try_clone_to_owned().ok().map(Arc::new);
    }
}
