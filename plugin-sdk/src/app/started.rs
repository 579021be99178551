//! A started app: which function answers a request, and what the host is told about errors.
//!
//! Middleware comes first, outermost first, then the page's function. What happens to its response
//! is the [pipeline](crate::pipeline)'s.

use std::future::ready;
use std::sync::Arc;

use futures_core::future::BoxFuture;
use http::StatusCode;
use http::header::{ALLOW, HeaderValue};
use nova_abi::Failure;
use nova_abi::abi_stable::std_types::RArc;
use nova_abi_parts::{NotAttached, PageEntry};
use nova_routing::{Decision, MethodSet};

use super::page_libraries::{DeclarePages, PageLibraries};
use crate::error::{Error, reason};
use crate::hooks::{AnyHooks, Purpose};
use crate::middleware::Next;
use crate::pipeline::finish::finish;
use crate::pipeline::route::{Environment, Route, RouteTable, Scope};
use crate::request::{Incoming, RequestContext, StepInput, Unrouted, Whole};
use crate::response::{IntoResponse, Response, Result, with_content_type};

/// Seam: a view of a started app.
pub(crate) struct StartedApp {
    shared: Arc<SharedApp>,
    table: Arc<RouteTable>,
}

/// What the views of one app share.
pub(super) struct SharedApp {
    pub(super) environment: Environment,
    pub(super) hooks: Arc<AnyHooks>,
    pub(super) purpose: Purpose,
    /// `None`: the app takes no pages.
    pub(super) page_libraries: Option<PageLibraries>,
}

/// A view of an app, and what the host is told about its routes.
pub(crate) type View = (Arc<StartedApp>, Vec<RArc<nova_abi::Route>>);

impl StartedApp {
    pub(super) fn new(shared: SharedApp, table: Arc<RouteTable>) -> Self {
        StartedApp { shared: Arc::new(shared), table }
    }

    /// Answers one request to the route at this index of `Routes::routes`.
    ///
    /// It decides about the method itself, so that middleware sees OPTIONS requests and those
    /// for methods that are not allowed. The answer's body is neither a page nor an error. A
    /// panic of the page unwinds out of the future's poll; the caller catches it and asks
    /// [`StartedApp::panicked`] for the answer.
    pub(crate) fn call<'a>(
        self: &'a Arc<Self>,
        route: usize,
        cx: RequestContext<'a, Whole>,
    ) -> BoxFuture<'a, Response> {
        self.enter(route, 0, cx)
    }

    /// Answers one request to a path without a route, with an error that the host decided on: the
    /// middleware of the nearest folder, then its error page. `message` is for the client, below 500;
    /// empty stands for the usual phrase.
    pub(crate) fn unrouted<'a>(
        self: &'a Arc<Self>,
        status: StatusCode,
        message: String,
        incoming: &'a dyn Incoming,
    ) -> BoxFuture<'a, Response> {
        Box::pin(async move {
            let (place, params) = self.table.outside.find(incoming.path());
            let unrouted = Unrouted { incoming, params };
            let message = if message.is_empty() { reason(status).to_owned() } else { message };
            let cx = RequestContext::host(&unrouted);
            self.enter_folder(place, 0, (status, message), cx).await
        })
    }

    /// The error page after a panic of what answered a request.
    pub(crate) fn panicked<'a>(&'a self, incoming: &'a dyn Incoming) -> BoxFuture<'a, Response> {
        let table = &self.table;
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        let error = Error::of_host(status, reason(status).to_owned());
        let pattern = incoming.pattern();
        let route = table.routes.iter().find(|route| Some(route.info.pattern.as_str()) == pattern);
        if let Some(route) = route {
            let mut cx = RequestContext::host(incoming);
            cx.set_route(&route.info);
            return self.raise(cx, &route.scope, error);
        }
        Box::pin(async move {
            let (place, params) = table.outside.find(incoming.path());
            let folder = &table.outside.folders[place];
            let unrouted = Unrouted { incoming, params };
            let mut cx = RequestContext::host(&unrouted);
            cx.set_route(&folder.info);
            self.raise(cx, &folder.scope, error).await
        })
    }

    /// Whether the app saves something for the next generation.
    pub(crate) fn exports(&self) -> bool {
        self.shared.hooks.exports()
    }

    /// What the next generation's `import` gets; `None` when the app saves nothing.
    pub(crate) async fn export(&self) -> Result<Option<Vec<u8>>> {
        self.shared.hooks.export(&self.shared.environment.state).await
    }

    /// Another view of this app, with the routes of these pages after its own.
    ///
    /// # Errors
    /// When the app was not opened for pages, or one of them does not fit it.
    pub(crate) fn attach(
        &self,
        pages: &[PageEntry],
        declare: &DeclarePages<'_>,
    ) -> Result<View, NotAttached> {
        let Some(page_libraries) = &self.shared.page_libraries else {
            let reason =
                "it takes no page libraries: its routes end with `finish()`, not with `open()`";
            return Err(NotAttached::app(Failure::error(reason)));
        };
        let (table, routes) =
            page_libraries.table(pages, declare, &self.shared.environment.state)?;
        let view = StartedApp { shared: Arc::clone(&self.shared), table: Arc::new(table) };
        Ok((Arc::new(view), routes))
    }

    /// Runs the app's `shutdown`.
    pub(crate) async fn shutdown(self: Arc<Self>) -> Result<()> {
        self.shared.hooks.shutdown(&self.shared.environment.state).await
    }

    /// Goes on with a request at the middleware of this depth, or at the page behind them.
    fn enter<'a>(
        self: &'a Arc<Self>,
        index: usize,
        depth: usize,
        mut cx: RequestContext<'a, Whole>,
    ) -> BoxFuture<'a, Response> {
        let route = &self.table.routes[index];
        if route.reserved && self.shared.purpose == Purpose::Serve {
            let status = StatusCode::NOT_FOUND;
            let scope = &self.table.outside.folders[0].scope;
            return self.raise(cx, scope, Error::new(status, reason(status)));
        }
        cx.set_route(&route.info);
        let Some(middleware) = route.scope.middleware.get(depth) else {
            return self.answer(route, cx);
        };
        let next = self.next(index, depth + 1, &cx);
        cx.set_step_input(StepInput::Next(next));
        middleware.serve(cx, &self.shared.environment, &route.scope)
    }

    /// What the middleware before this depth is given: it goes on with the request that it is
    /// handed, which is the middleware's own from here on.
    fn next(self: &Arc<Self>, route: usize, depth: usize, head: &RequestContext<'_>) -> Next {
        let (app, arrival) = (Arc::clone(self), head.arrival());
        Next::new(move |request| {
            let (app, arrival) = (Arc::clone(&app), Arc::clone(&arrival));
            Box::pin(async move {
                let cx = RequestContext::owned(request, arrival);
                with_content_type(app.enter(route, depth, cx).await)
            })
        })
    }

    /// As [`enter`](Self::enter), for a path without a route in the folder at this place.
    fn enter_folder<'a>(
        self: &'a Arc<Self>,
        place: usize,
        depth: usize,
        error: (StatusCode, String),
        mut cx: RequestContext<'a, Whole>,
    ) -> BoxFuture<'a, Response> {
        let folder = &self.table.outside.folders[place];
        cx.set_route(&folder.info);
        let Some(middleware) = folder.scope.middleware.get(depth) else {
            let (status, message) = error;
            return self.raise(cx, &folder.scope, Error::of_host(status, message));
        };
        let (app, arrival) = (Arc::clone(self), cx.arrival());
        let next = Next::new(move |request| {
            let (app, arrival, error) = (Arc::clone(&app), Arc::clone(&arrival), error.clone());
            Box::pin(async move {
                let cx = RequestContext::owned(request, arrival);
                with_content_type(app.enter_folder(place, depth + 1, error, cx).await)
            })
        });
        cx.set_step_input(StepInput::Next(next));
        middleware.serve(cx, &self.shared.environment, &folder.scope)
    }

    /// The page's function for the method, or what is answered without one.
    fn answer<'a>(
        &'a self,
        route: &'a Route,
        cx: RequestContext<'a, Whole>,
    ) -> BoxFuture<'a, Response> {
        let handler = match route.methods.decide(cx.method_name()) {
            Decision::Run(method) => &route.handlers[method as usize],
            Decision::RunAny => &route.any,
            // Nothing of the page was compiled: all of it is for other conditions.
            Decision::Options if route.methods.is_empty() => &None,
            Decision::Options => {
                let mut response = StatusCode::NO_CONTENT.into_response();
                response.headers_mut().insert(ALLOW, allow(route.methods));
                return Box::pin(ready(response));
            }
            Decision::NotAllowed => &None,
        };
        match handler {
            Some(handler) => handler.serve(cx, &self.shared.environment, &route.scope),
            None if route.methods.is_empty() => {
                let status = StatusCode::NOT_FOUND;
                self.raise(cx, &route.scope, Error::new(status, reason(status)))
            }
            None => {
                let status = StatusCode::METHOD_NOT_ALLOWED;
                let error =
                    Error::new(status, reason(status)).with_header(ALLOW, allow(route.methods));
                self.raise(cx, &route.scope, error)
            }
        }
    }

    /// The error page for an error that no function of the app returned.
    fn raise<'a>(
        &'a self,
        mut cx: RequestContext<'a, Whole>,
        scope: &'a Scope,
        error: Error,
    ) -> BoxFuture<'a, Response> {
        let environment = &self.shared.environment;
        Box::pin(async move {
            let response = finish(environment, scope, &mut cx, error.into_response()).await;
            // A layout may have taken the messages for the next page.
            #[cfg(feature = "sessions")]
            let response =
                crate::pipeline::finish::save_session(environment, scope, &mut cx, response).await;
            response
        })
    }
}

fn allow(methods: MethodSet) -> HeaderValue {
    HeaderValue::try_from(methods.allow()).expect("names of methods are valid in a header")
}

#[cfg(test)]
mod tests;
