//! What the dev host answers: its own endpoints, the app, and the waiting page before there is one.
//!
//! Everything but `/__nova/` goes the way it goes in production. The dev host adds the client to
//! the pages that come back, and tells terminal and browser about handlers that panicked.

use std::path::PathBuf;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;

use super::endpoints::{Endpoints, is_own};
use super::hub::Hub;
use super::inject::{WithTail, is_document, untouched, wants_document, with_client};
use super::panics;
use super::waiting;
use crate::body::Body;
use crate::call::HandlerPanic;
use crate::dev::message::Problem;
use crate::dev::supervisor::report::Terminal;
use crate::server::Peer;
use crate::site::Site;

/// Everything that answers a request. One per dev session.
pub(crate) struct DevSite {
    pub(crate) endpoints: Endpoints,
    pub(crate) hub: Arc<Hub>,
    pub(crate) app: Arc<Site>,
    pub(crate) terminal: Arc<Terminal>,
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
        if is_own(request.uri().path()) {
            return untouched(self.endpoints.respond(&request));
        }
        // Taken before the answer: a page that a swap overtakes then believes itself older than
        // it is, and reloads once for nothing, instead of staying old.
        let served = self.hub.served();
        let document = wants_document(&request);
        let method = request.method().clone();
        let asked = format!("{} {}", request.method(), request.uri().path());
        let response = if !self.app.is_ready() {
            waiting::response(request.headers())
        } else {
            self.app.answer(request, Some(peer.addr)).await.response
        };
        let panic = response.extensions().get::<HandlerPanic>();
        let panic = panic.map(|panic| self.panicked(&asked, panic));
        if document && is_document(&response) {
            return with_client(response, &method, &served, panic.as_ref());
        }
        // A script asked, so the page it runs in shows what happened.
        if let Some(panic) = panic {
            self.hub.panicked(panic);
        }
        untouched(response)
    }

    fn panicked(&self, asked: &str, panic: &HandlerPanic) -> Problem {
        self.terminal.panicked(asked, &panic.message, &panic.location);
        panics::of_panic(asked, panic, &self.dir)
    }
}
