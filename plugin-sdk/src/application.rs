//! A started app: one request from its handler to its finished response.
//!
//! Middleware, outermost first, then the page's function, then the finish: a page goes through
//! its layouts and its shell, an error through the nearest error page. A response that is neither
//! is finished as it is, which is why the finish is a step of its own and costs nothing then.

mod finish;

use std::future::ready;
use std::sync::Arc;

use http::StatusCode;
use http::header::{ALLOW, HeaderValue};
use nova_abi::abi_stable::std_types::RArc;
use nova_abi::{Failure, NotAttached, PageEntry};

use crate::app::Entry;
use crate::context::{Owned, RequestContext, RouteInfo, Slot};
use crate::error::{Error, Result, reason};
use crate::handler::{BoxFuture, Handler};
use crate::hooks::{Hooks, Purpose};
use crate::html::Links;
use crate::middleware::{Next, Rest};
use crate::response::{IntoResponse, Response};
use crate::routing::{Decision, Method, MethodSet};
use crate::split::{Declare, Split};

/// Seam: a started app, whatever its state.
pub(crate) trait Application: Send + Sync {
    /// Answers one request to the route at this index of `Routes::entries`.
    ///
    /// It decides about the method itself, so that middleware sees OPTIONS requests and those
    /// for methods that are not allowed. The answer's body is neither a page nor an error. A
    /// panic of the page unwinds out of the future's poll; the caller catches it and asks
    /// [`Application::error`] for the answer.
    fn call<'a>(&'a self, route: usize, cx: RequestContext<'a>) -> BoxFuture<'a, Response>;

    /// The error page for a status that the host decided on. `message` is for the client, below
    /// 500; empty stands for the usual phrase.
    fn error<'a>(
        &'a self,
        status: StatusCode,
        message: String,
        cx: RequestContext<'a>,
    ) -> BoxFuture<'a, Response>;

    /// What the next generation's `import` gets; `None` when the app saves nothing.
    fn export(&self) -> BoxFuture<'_, Result<Option<Vec<u8>>>>;

    /// Another view of this app, with the routes of these pages after its own.
    ///
    /// # Errors
    /// When the app was not opened for pages, or one of them does not fit it.
    fn attach(&self, pages: &[PageEntry], declare: &Declare<'_>) -> Result<View, NotAttached>;

    /// Runs the app's `shutdown`.
    fn shutdown(self: Arc<Self>) -> BoxFuture<'static, Result<()>>;
}

/// A view of an app, and what the host is told about its routes.
pub(crate) type View = (Arc<dyn Application>, Vec<RArc<nova_abi::Route>>);

/// All routes of a view of an app. The routes themselves are shared by the views that have them.
pub(crate) struct Table<S> {
    pub(crate) routes: Vec<Arc<Route<S>>>,
    /// For answers without a route.
    pub(crate) outside: Arc<Scope<S>>,
}

/// One page.
pub(crate) struct Route<S> {
    pub(crate) info: RouteInfo,
    pub(crate) file: &'static str,
    pub(crate) methods: MethodSet,
    /// By [`Method`]'s order.
    pub(crate) handlers: [Option<Handler<S>>; Method::ALL.len()],
    pub(crate) any: Option<Handler<S>>,
    pub(crate) precompile: bool,
    /// Whether it answers only where nobody is served.
    pub(crate) reserved: bool,
    pub(crate) scope: Scope<S>,
}

impl<S> Route<S> {
    /// What the host is told about it.
    pub(crate) fn entry(&self) -> Entry {
        Entry {
            pattern: self.info.pattern.to_string(),
            file: self.file,
            methods: self.methods,
            precompile: self.precompile,
        }
    }
}

/// What surrounds a page.
pub(crate) struct Scope<S> {
    /// Outermost first.
    pub(crate) middleware: Vec<Handler<S>>,
    /// Outermost first.
    pub(crate) layouts: Vec<Handler<S>>,
    /// Nearest first.
    pub(crate) errors: Vec<ErrorPage<S>>,
}

impl<S> Scope<S> {
    /// Nothing at all.
    pub(crate) fn empty() -> Self {
        Scope { middleware: Vec::new(), layouts: Vec::new(), errors: Vec::new() }
    }
}

/// An `_error.rs` or the `404.rs`.
pub(crate) struct ErrorPage<S> {
    pub(crate) handler: Handler<S>,
    /// How many of the scope's layouts, from the outermost, are in its folder or above.
    pub(crate) layouts: usize,
    /// The one status it is for.
    pub(crate) only: Option<StatusCode>,
}

/// A view of the app with its state.
pub(crate) struct Running<S> {
    core: Arc<Core<S>>,
    table: Arc<Table<S>>,
}

/// What the views of one app share.
struct Core<S> {
    state: S,
    hooks: Arc<Hooks<S>>,
    links: Links,
    dev: bool,
    serves: bool,
}

impl<S> Running<S> {
    pub(crate) fn new(
        state: S,
        hooks: Arc<Hooks<S>>,
        table: Arc<Table<S>>,
        links: Links,
        dev: bool,
        purpose: Purpose,
    ) -> Self {
        let serves = purpose == Purpose::Serve;
        Running { core: Arc::new(Core { state, hooks, links, dev, serves }), table }
    }

    pub(crate) fn state(&self) -> &S {
        &self.core.state
    }
}

impl<S: Clone + Send + Sync + 'static> Running<S> {
    /// Goes on with a request at the middleware of this depth, or at the page behind them.
    fn enter<'a>(
        self: &'a Arc<Self>,
        index: usize,
        depth: usize,
        mut cx: RequestContext<'a>,
    ) -> BoxFuture<'a, Response> {
        let route = &self.table.routes[index];
        if route.reserved && self.core.serves {
            let status = StatusCode::NOT_FOUND;
            return self.raise(cx, &self.table.outside, Error::new(status, reason(status)));
        }
        cx.set_route(&route.info);
        let Some(middleware) = route.scope.middleware.get(depth) else {
            return self.answer(route, cx);
        };
        let rest = Behind { app: Arc::clone(self), route: index, depth: depth + 1 };
        let next = Next::new(Arc::new(rest), &cx);
        cx.put(Slot::Next(next));
        middleware.serve(cx, self, &route.scope)
    }

    fn answer<'a>(
        &'a self,
        route: &'a Route<S>,
        cx: RequestContext<'a>,
    ) -> BoxFuture<'a, Response> {
        let handler = match route.methods.decide(cx.method_name()) {
            Decision::Run(method) => &route.handlers[method as usize],
            Decision::RunAny => &route.any,
            Decision::Options => {
                let mut response = StatusCode::NO_CONTENT.into_response();
                response.headers_mut().insert(ALLOW, allow(route.methods));
                return Box::pin(ready(response));
            }
            Decision::NotAllowed => &None,
        };
        match handler {
            Some(handler) => handler.serve(cx, self, &route.scope),
            None => {
                let status = StatusCode::METHOD_NOT_ALLOWED;
                let error =
                    Error::new(status, reason(status)).with_header(ALLOW, allow(route.methods));
                self.raise(cx, &route.scope, error)
            }
        }
    }

    fn raise<'a>(
        &'a self,
        mut cx: RequestContext<'a>,
        scope: &'a Scope<S>,
        error: Error,
    ) -> BoxFuture<'a, Response> {
        Box::pin(async move { self.finish(&mut cx, scope, error.into_response()).await })
    }
}

fn allow(methods: MethodSet) -> HeaderValue {
    HeaderValue::try_from(methods.allow()).expect("names of methods are valid in a header")
}

/// The rest of a request behind one middleware.
struct Behind<S> {
    app: Arc<Running<S>>,
    route: usize,
    depth: usize,
}

impl<S: Clone + Send + Sync + 'static> Rest for Behind<S> {
    fn run(self: Arc<Self>, owned: Box<Owned>) -> BoxFuture<'static, Response> {
        Box::pin(async move {
            self.app.enter(self.route, self.depth, RequestContext::owned(owned)).await
        })
    }
}

pub(crate) struct Started<S> {
    running: Arc<Running<S>>,
    /// `None`: the app takes no pages.
    split: Option<Arc<Split<S>>>,
}

impl<S> Started<S> {
    pub(crate) fn new(running: Running<S>, split: Option<Arc<Split<S>>>) -> Self {
        Started { running: Arc::new(running), split }
    }
}

impl<S: Clone + Send + Sync + 'static> Application for Started<S> {
    fn call<'a>(&'a self, route: usize, cx: RequestContext<'a>) -> BoxFuture<'a, Response> {
        self.running.enter(route, 0, cx)
    }

    fn error<'a>(
        &'a self,
        status: StatusCode,
        message: String,
        mut cx: RequestContext<'a>,
    ) -> BoxFuture<'a, Response> {
        let table = &self.running.table;
        let pattern = cx.host_pattern();
        let route = table.routes.iter().find(|route| Some(route.info.pattern.as_str()) == pattern);
        if let Some(route) = route {
            cx.set_route(&route.info);
        }
        let message = if message.is_empty() { reason(status).to_owned() } else { message };
        self.running.raise(
            cx,
            route.map_or(&table.outside, |route| &route.scope),
            Error::new(status, message),
        )
    }

    fn export(&self) -> BoxFuture<'_, Result<Option<Vec<u8>>>> {
        let core = &self.running.core;
        Box::pin(core.hooks.export(&core.state))
    }

    fn attach(&self, pages: &[PageEntry], declare: &Declare<'_>) -> Result<View, NotAttached> {
        let Some(split) = &self.split else {
            let reason =
                "it takes no page libraries: its routes end with `finish()`, not with `open()`";
            return Err(NotAttached::app(Failure::error(reason)));
        };
        let core = &self.running.core;
        let (table, told) = split.table(&core.hooks, pages, declare)?;
        let running = Running { core: Arc::clone(core), table: Arc::new(table) };
        Ok((Arc::new(Started::new(running, Some(Arc::clone(split)))), told))
    }

    fn shutdown(self: Arc<Self>) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            let core = &self.running.core;
            core.hooks.shutdown(core.state.clone()).await
        })
    }
}

#[cfg(test)]
mod tests;
