//! What the dev host answers: its own endpoints, the app, and the waiting page before there is one.
//!
//! Everything but `/__nova/` goes the way it goes in production. The dev host adds the client to
//! the pages that come back, does not call pages that ended a server, and tells supervisor and browser about
//! handlers that panicked or answered with an error.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use nova_host::generation::body::Body;
use nova_host::server::{Peer, head};
use nova_host::site::{Site, refusal};

use super::document::Destination;
use super::endpoints::Endpoints;
use super::failures::Failure;
use super::hub::Hub;
use super::inject::{WithTail, add_client, untouched};
use super::pages::OnDemandPages;
use super::paths::is_own;
use super::quarantine::SharedQuarantine;
use super::reporter::Reporter;
use super::waiting;
use crate::dev::wire::flight_recorder::BEGINS;

/// Everything that answers a request. One per server.
pub(crate) struct DevSite {
    pub(crate) endpoints: Endpoints,
    pub(crate) hub: Arc<Hub>,
    pub(crate) app: Arc<Site>,
    pub(crate) quarantine: Arc<SharedQuarantine>,
    pub(crate) pages: Arc<OnDemandPages>,
    pub(crate) reporter: Arc<Reporter>,
    /// The app's folder.
    pub(crate) dir: PathBuf,
}

impl DevSite {
    /// Answers one request.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        peer: Peer,
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
        let response = self.respond(request, peer).await;
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

    async fn respond(&self, request: Request<Incoming>, peer: Peer) -> Response<Body> {
        if !self.app.is_ready() {
            let problem = self.hub.current().into_iter().next();
            return waiting::response_unless(problem.as_ref(), request.headers());
        }
        let path = request.uri().path();
        if let Some(failure) = self.pages.ready(&self.app, path, request.headers()).await {
            return failure;
        }
        let table = self.app.switch.table();
        let file = table.file_at(path).map(str::to_owned);
        if let Some(file) =
            file.as_deref().filter(|_| Destination::of(&request) != Destination::Elsewhere)
        {
            self.pages.seen(file);
        }
        if let Some(instead) = self.quarantine.respond(file.as_deref(), path, request.headers()) {
            return instead;
        }
        begins(&request);
        self.app.answer(request, peer.addr).await.response
    }
}

/// Says to the session that a request begins, in the stream that would say how it ended the process.
fn begins(request: &Request<Incoming>) {
    let line = format!("{BEGINS}{} {}\n", request.method(), request.uri().path());
    // Nothing is lost with it but the difference to what was printed before.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}
