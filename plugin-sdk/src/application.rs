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
use crate::context::{RequestContext, RouteInfo, Slot};
use crate::error::{Error, Result, reason};
use crate::handler::{BoxFuture, Function};
use crate::hooks::{self, Purpose};
use crate::html::Links;
use crate::middleware::Next;
use crate::response::{IntoResponse, Response};
use crate::routing::{Decision, Method, MethodSet};
use crate::split::{Declare, Split};
use crate::state::AnyState;

/// All routes of a view of an app. The routes themselves are shared by the views that have them.
pub(crate) struct Table {
    pub(crate) routes: Vec<Arc<Route>>,
    /// For answers without a route.
    pub(crate) outside: Arc<Scope>,
}

/// One page.
pub(crate) struct Route {
    pub(crate) info: RouteInfo,
    pub(crate) file: &'static str,
    pub(crate) methods: MethodSet,
    /// By [`Method`]'s order.
    pub(crate) handlers: [Option<Function>; Method::ALL.len()],
    pub(crate) any: Option<Function>,
    pub(crate) precompile: bool,
    /// Whether it answers only where nobody is served.
    pub(crate) reserved: bool,
    pub(crate) scope: Scope,
}

impl Route {
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
pub(crate) struct Scope {
    /// Outermost first.
    pub(crate) middleware: Vec<Function>,
    /// Outermost first.
    pub(crate) layouts: Vec<Function>,
    /// Nearest first.
    pub(crate) errors: Vec<ErrorPage>,
}

impl Scope {
    /// Nothing at all.
    pub(crate) fn empty() -> Self {
        Scope { middleware: Vec::new(), layouts: Vec::new(), errors: Vec::new() }
    }
}

/// An `_error.rs` or the `404.rs`.
pub(crate) struct ErrorPage {
    pub(crate) handler: Function,
    /// How many of the scope's layouts, from the outermost, are in its folder or above.
    pub(crate) layouts: usize,
    /// The one status it is for.
    pub(crate) only: Option<StatusCode>,
}

/// Seam: a view of a started app.
pub(crate) struct Application {
    core: Arc<Core>,
    table: Arc<Table>,
}

/// What the views of one app share.
pub(crate) struct Core {
    pub(crate) state: AnyState,
    pub(crate) hooks: Arc<hooks::Functions>,
    pub(crate) links: Links,
    pub(crate) dev: bool,
    pub(crate) purpose: Purpose,
    /// `None`: the app takes no pages.
    pub(crate) split: Option<Split>,
}

/// A view of an app, and what the host is told about its routes.
pub(crate) type View = (Arc<Application>, Vec<RArc<nova_abi::Route>>);

impl Application {
    pub(crate) fn new(core: Core, table: Arc<Table>) -> Self {
        Application { core: Arc::new(core), table }
    }

    pub(crate) fn state(&self) -> &AnyState {
        &self.core.state
    }

    /// Answers one request to the route at this index of `Routes::entries`.
    ///
    /// It decides about the method itself, so that middleware sees OPTIONS requests and those
    /// for methods that are not allowed. The answer's body is neither a page nor an error. A
    /// panic of the page unwinds out of the future's poll; the caller catches it and asks
    /// [`Application::error`] for the answer.
    pub(crate) fn call<'a>(
        self: &'a Arc<Self>,
        route: usize,
        cx: RequestContext<'a>,
    ) -> BoxFuture<'a, Response> {
        self.enter(route, 0, cx)
    }

    /// The error page for a status that the host decided on. `message` is for the client, below
    /// 500; empty stands for the usual phrase.
    pub(crate) fn error<'a>(
        &'a self,
        status: StatusCode,
        message: String,
        mut cx: RequestContext<'a>,
    ) -> BoxFuture<'a, Response> {
        let table = &self.table;
        let pattern = cx.host_pattern();
        let route = table.routes.iter().find(|route| Some(route.info.pattern.as_str()) == pattern);
        if let Some(route) = route {
            cx.set_route(&route.info);
        }
        let message = if message.is_empty() { reason(status).to_owned() } else { message };
        let scope = route.map_or(&*table.outside, |route| &route.scope);
        self.raise(cx, scope, Error::new(status, message))
    }

    /// What the next generation's `import` gets; `None` when the app saves nothing.
    pub(crate) async fn export(&self) -> Result<Option<Vec<u8>>> {
        self.core.hooks.export(&self.core.state).await
    }

    /// Another view of this app, with the routes of these pages after its own.
    ///
    /// # Errors
    /// When the app was not opened for pages, or one of them does not fit it.
    pub(crate) fn attach(
        &self,
        pages: &[PageEntry],
        declare: &Declare<'_>,
    ) -> Result<View, NotAttached> {
        let Some(split) = &self.core.split else {
            let reason =
                "it takes no page libraries: its routes end with `finish()`, not with `open()`";
            return Err(NotAttached::app(Failure::error(reason)));
        };
        let (table, told) = split.table(pages, declare)?;
        let view = Application { core: Arc::clone(&self.core), table: Arc::new(table) };
        Ok((Arc::new(view), told))
    }

    /// Runs the app's `shutdown`.
    pub(crate) async fn shutdown(self: Arc<Self>) -> Result<()> {
        self.core.hooks.shutdown(&self.core.state).await
    }

    /// Goes on with a request at the middleware of this depth, or at the page behind them.
    pub(crate) fn enter<'a>(
        self: &'a Arc<Self>,
        index: usize,
        depth: usize,
        mut cx: RequestContext<'a>,
    ) -> BoxFuture<'a, Response> {
        let route = &self.table.routes[index];
        if route.reserved && self.core.purpose == Purpose::Serve {
            let status = StatusCode::NOT_FOUND;
            return self.raise(cx, &self.table.outside, Error::new(status, reason(status)));
        }
        cx.set_route(&route.info);
        let Some(middleware) = route.scope.middleware.get(depth) else {
            return self.answer(route, cx);
        };
        let next = Next::new(Arc::clone(self), index, depth + 1, &cx);
        cx.put(Slot::Next(next));
        middleware.serve(cx, self, &route.scope)
    }

    fn answer<'a>(&'a self, route: &'a Route, cx: RequestContext<'a>) -> BoxFuture<'a, Response> {
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
        scope: &'a Scope,
        error: Error,
    ) -> BoxFuture<'a, Response> {
        Box::pin(async move { self.finish(&mut cx, scope, error.into_response()).await })
    }
}

fn allow(methods: MethodSet) -> HeaderValue {
    HeaderValue::try_from(methods.allow()).expect("names of methods are valid in a header")
}

#[cfg(test)]
mod tests;
