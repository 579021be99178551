//! What the host counts, for Prometheus: requests and times of each route, and how the process is.
//!
//! A request adds to a few atomics. Routes are found by their pattern in a map that is replaced
//! when a library brings a new one, so that counts outlive a swap; nothing that a client sends
//! becomes a label.

mod listener;
mod render;
mod route;
mod route_status;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use http::{Method, StatusCode};

pub use self::listener::MetricsError;
pub(crate) use self::listener::MetricsListener;
use self::route::Route;
pub use self::route_status::{Bucket, RouteStatus};
use super::limits::Refused;

/// More patterns than any app has; those that come after are counted together.
const MOST_ROUTES: usize = 10_000;

/// By pattern.
type Routes = BTreeMap<Box<str>, Arc<Route>>;

/// See the module.
#[derive(Debug, Default)]
pub struct Metrics {
    routes: ArcSwap<Routes>,
    /// Held while a route is added.
    adding: Mutex<()>,
    /// What no route answered: public files, health, redirects.
    host: Arc<Route>,
    /// Addresses without a page.
    unmatched: Arc<Route>,
    /// Requests that no page was asked about, or that waited in vain.
    refused: Arc<Route>,
    /// The routes past [`MOST_ROUTES`].
    others: Arc<Route>,
    begun: AtomicU64,
    ended: AtomicU64,
    panics: AtomicU64,
    busy: AtomicU64,
    too_large: AtomicU64,
    late: AtomicU64,
}

/// Who answered a request.
#[derive(Clone, Debug)]
pub(crate) enum Answerer {
    Route(Arc<Route>),
    Host,
    Unmatched,
    /// A limit, before any page was asked.
    Refused,
}

impl Metrics {
    /// The routes that have answered, and what answered in the place of one.
    #[must_use]
    pub fn routes(&self) -> Vec<RouteStatus> {
        let routes = self.routes.load();
        self.all(&routes).filter_map(|(name, route)| route.status(name)).collect()
    }

    /// Everybody who answers, by name. A pattern begins with a slash, so the others are nobody's.
    fn all<'a>(&'a self, routes: &'a Routes) -> impl Iterator<Item = (&'a str, &'a Route)> {
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
    pub(crate) fn begin(self: &Arc<Self>, method: &Method) -> Flight {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let method = route::method(method);
        Flight { metrics: Arc::clone(self), method, began: Instant::now() }
    }

    /// The numbers of the route with this pattern.
    pub(crate) fn route(&self, pattern: &str) -> Arc<Route> {
        if let Some(route) = self.routes.load().get(pattern) {
            return Arc::clone(route);
        }
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let mut routes = BTreeMap::clone(&self.routes.load());
        if let Some(route) = routes.get(pattern) {
            return Arc::clone(route);
        }
        if routes.len() >= MOST_ROUTES {
            return Arc::clone(&self.others);
        }
        let route = Arc::<Route>::default();
        routes.insert(pattern.into(), Arc::clone(&route));
        self.routes.store(Arc::new(routes));
        route
    }

    /// A page panicked.
    pub(crate) fn panicked(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// A limit was met.
    pub(crate) fn refuse(&self, why: Refused) {
        let count = match why {
            Refused::Busy => &self.busy,
            Refused::TooLarge => &self.too_large,
            Refused::Late => &self.late,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// A request that is being answered, until the last byte of its response.
#[derive(Debug)]
pub struct Flight {
    metrics: Arc<Metrics>,
    method: usize,
    began: Instant,
}

impl Flight {
    /// The head of the response is there.
    pub(crate) fn answered(&self, by: &Answerer, status: StatusCode) {
        let route = match by {
            Answerer::Route(route) => route,
            Answerer::Host => &self.metrics.host,
            Answerer::Unmatched => &self.metrics.unmatched,
            Answerer::Refused => &self.metrics.refused,
        };
        route.count(self.method, status, self.began.elapsed());
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.metrics.ended.fetch_add(1, Ordering::Relaxed);
    }
}
