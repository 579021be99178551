//! Handlers that an app makes when it starts, of its state, such as layers of tower: each once,
//! however many routes it is around.
//!
//! Routes may be started more than once, so what is made belongs to the started app: it gets a table
//! of its own. An app that has no such handler goes on with the table that it declared.

use std::collections::HashMap;
use std::sync::Arc;

#[cfg(feature = "tower")]
pub(super) use self::at_start::AtStart;
use super::route::{AnyHandler, Outside, OutsideFolder, Route, RouteTable, Scope};
use crate::state::AnyState;

/// Makes the handlers of one app.
pub(crate) struct Starter<'a> {
    state: &'a AnyState,
    made: HashMap<usize, AnyHandler>,
}

impl<'a> Starter<'a> {
    pub(crate) fn new(state: &'a AnyState) -> Self {
        Starter { state, made: HashMap::new() }
    }

    /// The handler as it answers.
    pub(crate) fn handler(&mut self, handler: &AnyHandler) -> AnyHandler {
        let Some(make) = handler.make() else { return handler.clone() };
        let state = self.state;
        self.made.entry(handler.address()).or_insert_with(|| make(state)).clone()
    }

    /// The table with its handlers as they answer.
    pub(crate) fn table(&mut self, table: &Arc<RouteTable>) -> Arc<RouteTable> {
        let has_any = table.routes.iter().any(|route| route.has_unmade())
            || table.outside.folders.iter().any(|folder| folder.scope.has_unmade());
        if !has_any {
            return Arc::clone(table);
        }
        let folders = table.outside.folders.iter().map(|folder| OutsideFolder {
            info: folder.info.clone(),
            scope: self.scope(&folder.scope),
        });
        let folders = folders.collect();
        let outside = Outside { folders, places: table.outside.places.clone() };
        let routes = table.routes.iter().map(|route| self.route(route)).collect();
        Arc::new(RouteTable { routes, outside: Arc::new(outside) })
    }

    /// The route with its handlers as they answer.
    pub(crate) fn route(&mut self, route: &Arc<Route>) -> Arc<Route> {
        if !route.has_unmade() {
            return Arc::clone(route);
        }
        let each = |handler: &Option<AnyHandler>| handler.as_ref().map(|it| self.handler(it));
        let handlers = route.handlers.each_ref().map(each);
        let any = route.any.as_ref().map(|handler| self.handler(handler));
        Arc::new(Route {
            info: route.info.clone(),
            file: route.file,
            methods: route.methods,
            handlers,
            any,
            precompile: route.precompile,
            reserved: route.reserved,
            scope: self.scope(&route.scope),
        })
    }

    fn scope(&mut self, scope: &Scope) -> Scope {
        let made = |handler: &AnyHandler| self.handler(handler);
        let middleware = scope.middleware.iter().map(made).collect();
        Scope { middleware, layouts: scope.layouts.clone(), errors: scope.errors.clone() }
    }
}

impl Route {
    fn has_unmade(&self) -> bool {
        let mut handlers = self.handlers.iter().chain([&self.any]).flatten();
        handlers.any(|handler| handler.make().is_some()) || self.scope.has_unmade()
    }
}

impl Scope {
    fn has_unmade(&self) -> bool {
        // Layouts and error pages are functions.
        self.middleware.iter().any(|handler| handler.make().is_some())
    }
}

#[cfg(feature = "tower")]
mod at_start {
    use std::future::ready;

    use futures_core::future::BoxFuture;

    use crate::error::Error;
    use crate::extract::Uses;
    use crate::pipeline::route::{Call, Environment, MakeHandler, Scope};
    use crate::request::{RequestContext, Whole};
    use crate::response::{IntoResponse, Response};
    use crate::state::AnyState;

    /// A handler that is still to be made.
    pub(in crate::pipeline) struct AtStart {
        pub(in crate::pipeline) make: Box<MakeHandler>,
        /// Whether it may leave values for what is behind it, of which the types are not known.
        pub(in crate::pipeline) leaves_anything: bool,
    }

    fn unmade<'a>() -> BoxFuture<'a, Response> {
        let text = "what is made when an app starts is middleware or a page";
        Box::pin(ready(Error::internal(text).into_response()))
    }

    impl Call for AtStart {
        fn serve<'a>(
            &'a self,
            _: RequestContext<'a, Whole>,
            _: &'a Environment,
            _: &'a Scope,
        ) -> BoxFuture<'a, Response> {
            unmade()
        }

        fn step<'a>(
            &'a self,
            _: &'a mut RequestContext<'_, Whole>,
            _: &'a AnyState,
        ) -> BoxFuture<'a, Response> {
            unmade()
        }

        fn uses(&self, uses: &mut Uses) {
            if self.leaves_anything {
                uses.leaves_anything();
            }
        }

        fn make(&self) -> Option<&MakeHandler> {
            Some(&*self.make)
        }
    }
}
