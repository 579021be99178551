//! A route as it is called: the functions of a page, and what its folders put around them.

use std::sync::Arc;

use futures_core::future::BoxFuture;
use http::StatusCode;
use nova_routing::{Method, MethodSet, Router};

use crate::extract::Uses;
use crate::html::Links;
use crate::request::{RequestContext, RouteInfo, Whole};
use crate::response::Response;
use crate::state::AnyState;

/// All routes of a view of an app. The routes themselves are shared by the views that have them.
pub(crate) struct RouteTable {
    pub(crate) routes: Vec<Arc<Route>>,
    /// For answers without a route.
    pub(crate) outside: Arc<Outside>,
}

/// What answers where no route does: the functions of the nearest folder around the path.
pub(crate) struct Outside {
    /// The root's is the first.
    pub(crate) folders: Vec<OutsideFolder>,
    /// Places in `folders`. Each pattern takes whatever is below its folder.
    pub(crate) places: Router<usize>,
}

/// A folder under `pages`, for paths in it that no page answers.
pub(crate) struct OutsideFolder {
    /// Its pattern, without what is below it.
    pub(crate) info: RouteInfo,
    pub(crate) scope: Scope,
}

impl Outside {
    /// The place of the nearest folder around a path, and the values of the folder's parameters. What
    /// is no path at all is in the root.
    pub(crate) fn find(&self, path: &str) -> (usize, Vec<String>) {
        let Ok(Some(found)) = self.places.find(path) else { return (0, Vec::new()) };
        let count = self.folders[*found.value].info.pattern.names().count();
        let values = found.params.iter().take(count);
        (*found.value, values.map(|(_, value)| value.to_owned()).collect())
    }
}

/// One page.
pub(crate) struct Route {
    pub(crate) info: RouteInfo,
    pub(crate) file: &'static str,
    pub(crate) methods: MethodSet,
    /// By [`Method`]'s order.
    pub(crate) handlers: [Option<AnyHandler>; Method::ALL.len()],
    pub(crate) any: Option<AnyHandler>,
    /// Whether it may be exercised before it goes live.
    pub(crate) precompile: bool,
    /// Whether it answers only in an app that does not serve.
    pub(crate) reserved: bool,
    pub(crate) scope: Scope,
}

/// Seam: what the host is told about a route.
impl From<&Route> for nova_abi::Route {
    fn from(route: &Route) -> Self {
        nova_abi::Route {
            pattern: route.info.pattern.as_str().into(),
            file: route.file.into(),
            methods: route.methods.iter().map(|method| method.as_str().into()).collect(),
            any: route.methods.has_any(),
            precompile: route.precompile,
        }
    }
}

/// What surrounds a page.
pub(crate) struct Scope {
    /// Outermost first.
    pub(crate) middleware: Vec<AnyHandler>,
    /// Outermost first.
    pub(crate) layouts: Vec<AnyHandler>,
    /// Nearest first.
    pub(crate) errors: Vec<ErrorPage>,
}

impl Scope {
    /// Nothing at all.
    pub(crate) fn empty() -> Self {
        Scope { middleware: Vec::new(), layouts: Vec::new(), errors: Vec::new() }
    }
}

/// An `_error.rs` or a `404.rs`.
#[derive(Clone)]
pub(crate) struct ErrorPage {
    pub(crate) handler: AnyHandler,
    /// How many of the scope's layouts, from the outermost, are in its folder or above.
    pub(crate) layouts: usize,
    /// The one status it is for.
    pub(crate) only: Option<StatusCode>,
}

/// What each answer of an app may need, whatever its route.
pub(crate) struct Environment {
    pub(crate) state: AnyState,
    /// The URLs that the shell of pages links to.
    pub(crate) links: Links,
    /// Whether error pages show causes.
    pub(crate) dev: bool,
}

/// A handler without its app's type of state.
#[derive(Clone)]
pub(crate) struct AnyHandler(Arc<dyn Call>);

/// How a handler is made when the app starts.
pub(crate) type MakeHandler = dyn Fn(&AnyState) -> AnyHandler + Send + Sync;

impl AnyHandler {
    pub(crate) fn new(call: impl Call + 'static) -> Self {
        AnyHandler(Arc::new(call))
    }

    /// A handler that an app makes when it starts: see [`started`](super::started).
    #[cfg(feature = "tower")]
    pub(crate) fn at_start(
        make: impl Fn(&AnyState) -> AnyHandler + Send + Sync + 'static,
        leaves_anything: bool,
    ) -> Self {
        AnyHandler::new(super::started::AtStart { make: Box::new(make), leaves_anything })
    }

    /// How it is made when the app starts; `None` for one that is made already.
    pub(crate) fn make(&self) -> Option<&MakeHandler> {
        self.0.make()
    }

    /// Where it is: the same for all its clones.
    pub(super) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Adds what its arguments take of middleware, and leave.
    pub(crate) fn add_uses(&self, uses: &mut Uses) {
        self.0.uses(uses);
    }

    /// What its arguments take of middleware, and leave.
    pub(crate) fn uses(&self) -> Uses {
        let mut uses = Uses::default();
        self.add_uses(&mut uses);
        uses
    }

    /// Answers a request to the end: the one box on the way of most requests.
    pub(crate) fn serve<'a>(
        &'a self,
        cx: RequestContext<'a, Whole>,
        environment: &'a Environment,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Response> {
        self.0.serve(cx, environment, scope)
    }

    /// One step of the pipeline: a layout or an error page.
    pub(crate) fn step<'a>(
        &'a self,
        cx: &'a mut RequestContext<'_, Whole>,
        state: &'a AnyState,
    ) -> BoxFuture<'a, Response> {
        self.0.step(cx, state)
    }
}

/// The two ways to call a function, behind [`AnyHandler`].
pub(crate) trait Call: Send + Sync {
    /// See [`AnyHandler::serve`].
    fn serve<'a>(
        &'a self,
        cx: RequestContext<'a, Whole>,
        environment: &'a Environment,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Response>;

    /// See [`AnyHandler::step`].
    fn step<'a>(
        &'a self,
        cx: &'a mut RequestContext<'_, Whole>,
        state: &'a AnyState,
    ) -> BoxFuture<'a, Response>;

    /// See [`AnyHandler::uses`].
    fn uses(&self, uses: &mut Uses) {
        let _ = uses;
    }

    /// See [`AnyHandler::make`].
    fn make(&self) -> Option<&MakeHandler> {
        None
    }
}
