//! A request whose page has answered, as far as those need it that go on with it: a body that is
//! sent piece by piece, a connection that was upgraded.

use std::fmt;
use std::sync::atomic::Ordering;

use http::request::Parts;
use http::{HeaderValue, Method, Uri};
use nova_abi::{Failure, FailureKind};

use crate::generation::{Counters, Ends, GenerationId};
use crate::library::loader::Routes;
use crate::process::record::Activity;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct AnsweredRequest {
    generation: GenerationId,
    method: Method,
    uri: Uri,
    request_id: Option<HeaderValue>,
    routes: Routes,
    /// The place of its page in `routes`.
    route: Option<u32>,
    /// Whether it is counted as failed already, by its status.
    has_failed: bool,
}

impl AnsweredRequest {
    pub(super) fn new(
        generation: &Ends,
        request: &Parts,
        request_id: Option<&HeaderValue>,
        route: Option<u32>,
        has_failed: bool,
    ) -> Self {
        let (method, uri) = (request.method.clone(), request.uri.clone());
        let request_id = request_id.cloned();
        let (id, routes) = (generation.id, generation.routes.clone());
        Self { generation: id, method, uri, request_id, routes, route, has_failed }
    }

    /// What runs when the library goes on with it.
    pub(super) fn activity(&self) -> Activity<'_> {
        activity(self.generation, &self.routes, &self.method, self.uri.path(), self.route)
    }

    /// Its body has ended with this. The client notices, because its connection is cut; so must
    /// those who run the host.
    pub(super) fn failed(&self, failure: &Failure, counters: &Counters) {
        let request_id = self.request_id.as_ref().and_then(|id| id.to_str().ok());
        match failure.kind {
            FailureKind::Panic => {
                counters.panics.fetch_add(1, Ordering::Relaxed);
                tracing::error!(request_id, "{self} panicked while its body was sent: {failure}");
            }
            FailureKind::Error | FailureKind::Misfit => {
                tracing::error!(request_id, "{self}: its body ended with an error: {failure}");
            }
            // The end of the generation, or of the request's own body.
            FailureKind::Disconnected => return,
        }
        if !self.has_failed {
            counters.server_errors.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Display for AnsweredRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Activity { file, .. } = self.activity();
        write!(f, "{} {}", self.method, self.uri.path())?;
        if file.is_empty() { Ok(()) } else { write!(f, " ({file})") }
    }
}

/// What runs when a generation answers a request; `route` is the place of its page.
pub(super) fn activity<'a>(
    generation: GenerationId,
    routes: &'a Routes,
    method: &'a Method,
    path: &'a str,
    route: Option<u32>,
) -> Activity<'a> {
    let route = route.and_then(|route| routes.get(route as usize));
    let file = route.map_or("", |route| route.file.as_str());
    Activity { generation: generation.0, method: method.as_str(), file, path }
}
