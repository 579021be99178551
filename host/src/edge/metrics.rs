//! What the host counts, for Prometheus: requests and times of each route, and how the process is.
//!
//! A request adds to a few atomics. Routes are found by their pattern in a map that is replaced
//! when a library brings a new one, so that counts outlive a swap; nothing that a client sends
//! becomes a label.

mod counted_body;
mod host_facts;
mod listener;
mod render;
mod route;
mod route_status;
mod sum;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use arc_swap::ArcSwap;
use http::{Method, StatusCode};
use nova_abi::{Failure, FailureKind};
use parking_lot::Mutex;

pub use self::counted_body::CountedBody;
pub(crate) use self::host_facts::{HostFacts, LiveGeneration};
pub use self::listener::MetricsError;
pub(crate) use self::listener::MetricsListener;
pub(crate) use self::render::{Sources, of_process};
use self::route::RouteCounters;
pub use self::route_status::{Bucket, RouteStatus};
pub(crate) use self::sum::{counters, sum};
use super::limits::LimitError;
use crate::generation::body::BodyError;
use crate::process::worker_threads::WorkerThreadsStatus;

/// More patterns than any app has; those that come after are counted together.
const MOST_ROUTES: usize = 10_000;

/// By pattern.
type RouteMap = BTreeMap<Box<str>, Arc<RouteCounters>>;

/// See the module.
#[derive(Debug, Default)]
pub struct Metrics {
    routes: ArcSwap<RouteMap>,
    /// Held while a route is added.
    adding: Mutex<()>,
    /// What no route answered: public files, health, redirects.
    host: Arc<RouteCounters>,
    /// Addresses without a page.
    unmatched: Arc<RouteCounters>,
    /// Requests that no page was asked about, or that waited in vain.
    refused: Arc<RouteCounters>,
    /// The routes past [`MOST_ROUTES`].
    others: Arc<RouteCounters>,
    begun: AtomicU64,
    ended: AtomicU64,
    panics: AtomicU64,
    busy: AtomicU64,
    /// Requests whose response had no room in memory.
    memory: AtomicU64,
    too_large: AtomicU64,
    late: AtomicU64,
    /// And those whose body stopped to come.
    stalled: AtomicU64,
    /// Requests that HTTP does not allow, and that hyper let through.
    malformed: AtomicU64,
    /// Responses that a page did not finish.
    failed_bodies: AtomicU64,
    /// The threads that answer requests.
    workers: OnceLock<WorkerThreadsStatus>,
}

/// What responded to a request.
#[derive(Clone, Debug)]
pub(crate) enum Responder {
    Route(Arc<RouteCounters>),
    Host,
    Unmatched,
    /// A limit, before any page was asked.
    Refused,
}

impl Metrics {
    /// Tells how these threads are, too.
    pub fn on_workers(&self, workers: WorkerThreadsStatus) {
        // There is one set of them.
        let _ = self.workers.set(workers);
    }

    /// The routes that have answered, and what answered in the place of one.
    #[must_use]
    pub fn routes(&self) -> Vec<RouteStatus> {
        let routes = self.routes.load();
        self.all(&routes).filter_map(|(name, route)| route.status(name)).collect()
    }

    /// All that responds, by name. A pattern begins with a slash, so no route has the other names.
    fn all<'a>(
        &'a self,
        routes: &'a RouteMap,
    ) -> impl Iterator<Item = (&'a str, &'a RouteCounters)> {
        let others = [
            ("host", &self.host),
            ("unmatched", &self.unmatched),
            ("refused", &self.refused),
            ("others", &self.others),
        ];
        let routes = routes.iter().map(|(pattern, route)| (&**pattern, route));
        routes.chain(others).map(|(name, route)| (name, &**route))
    }

    /// A request is there.
    pub(crate) fn start_timer(self: &Arc<Self>, method: &Method) -> RequestTimer {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let method = route::method(method);
        RequestTimer { metrics: Arc::clone(self), method, began: Instant::now() }
    }

    /// The numbers of the route with this pattern.
    pub(crate) fn route(&self, pattern: &str) -> Arc<RouteCounters> {
        if let Some(route) = self.routes.load().get(pattern) {
            return Arc::clone(route);
        }
        let _adding = self.adding.lock();
        let mut routes = BTreeMap::clone(&self.routes.load());
        if let Some(route) = routes.get(pattern) {
            return Arc::clone(route);
        }
        if routes.len() >= MOST_ROUTES {
            return Arc::clone(&self.others);
        }
        let route = Arc::<RouteCounters>::default();
        routes.insert(pattern.into(), Arc::clone(&route));
        self.routes.store(Arc::new(routes));
        route
    }

    /// A page panicked.
    pub(crate) fn count_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// A body ended before its end.
    fn count_failed_body(&self, error: &BodyError) {
        match error.downcast_ref::<Failure>().map(|failure| failure.kind) {
            Some(FailureKind::Panic) => self.count_panic(),
            Some(FailureKind::Error) => {}
            // The generation has ended, or the client's own body; and the host's bodies are files.
            _ => return,
        }
        self.failed_bodies.fetch_add(1, Ordering::Relaxed);
    }

    /// A request was not one that HTTP allows.
    pub(crate) fn count_malformed(&self) {
        self.malformed.fetch_add(1, Ordering::Relaxed);
    }

    /// A limit was met.
    pub(crate) fn count_refusal(&self, error: LimitError) {
        let count = match error {
            LimitError::Busy => &self.busy,
            LimitError::Memory | LimitError::Unsent => &self.memory,
            LimitError::TooLarge => &self.too_large,
            LimitError::Late => &self.late,
            LimitError::Stalled => &self.stalled,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// A request that is being answered, until the last byte of its response.
#[derive(Debug)]
pub struct RequestTimer {
    metrics: Arc<Metrics>,
    method: usize,
    began: Instant,
}

impl RequestTimer {
    /// The head of the response is there.
    pub(crate) fn observe(&self, by: &Responder, status: StatusCode) {
        let route = match by {
            Responder::Route(route) => route,
            Responder::Host => &self.metrics.host,
            Responder::Unmatched => &self.metrics.unmatched,
            Responder::Refused => &self.metrics.refused,
        };
        route.count(self.method, status, self.began.elapsed());
    }
}

impl Drop for RequestTimer {
    fn drop(&mut self) {
        self.metrics.ended.fetch_add(1, Ordering::Relaxed);
    }
}
