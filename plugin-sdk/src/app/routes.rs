//! A finished app, without its type of state: what `routes()` returns.

use std::fmt;
use std::sync::Arc;

use nova_routing::Router;

use super::folders::Folders;
use super::page::RouteSpec;
use super::page_libraries::PageLibraries;
use super::started::{SharedApp, StartedApp};
use crate::error::Error;
use crate::hooks::{AnyHooks, Misfit, Purpose};
use crate::html::Links;
use crate::pipeline::route::{Environment, Route, RouteTable};
use crate::response::Result;
use crate::state::StateType;

/// The routes of an app; `nova::export!` hands them to the host.
pub struct Routes {
    hooks: Arc<AnyHooks>,
    table: Arc<RouteTable>,
    /// Why the routes cannot be started.
    problem: Option<String>,
    folders: Arc<Folders>,
    /// The type of the app's state, if pages can be attached to what is started.
    open: Option<StateType>,
}

/// Seam: what the host says when it starts the routes.
#[derive(Clone, Debug)]
pub(crate) struct InitContext {
    pub(crate) purpose: Purpose,
    /// Whether error pages show causes.
    pub(crate) dev: bool,
    /// The URLs that the shell of pages links to.
    pub(crate) stylesheet: Option<String>,
    pub(crate) favicon: Option<String>,
    /// What the generation before exported.
    pub(crate) saved: Option<Vec<u8>>,
}

impl Routes {
    /// `open`: the type of the app's state, if pages can be attached to what is started.
    pub(super) fn new(
        hooks: AnyHooks,
        pages: Vec<RouteSpec>,
        folders: Folders,
        open: Option<StateType>,
    ) -> Self {
        let (mut routes, mut problem) = (Vec::with_capacity(pages.len()), None);
        let mut patterns = Router::new();
        for page in pages {
            let file = page.file;
            match page.into_route(&folders) {
                Ok(route) => {
                    if let Err(conflict) = patterns.insert(route.info.pattern.clone(), file) {
                        problem.get_or_insert(format!("{file}: {conflict}"));
                    }
                    routes.push(Arc::new(route));
                }
                Err(invalid) => {
                    problem.get_or_insert(invalid);
                }
            }
        }
        let table = Arc::new(RouteTable { routes, outside: Arc::new(folders.scope(None)) });
        let (hooks, folders) = (Arc::new(hooks), Arc::new(folders));
        Routes { hooks, table, problem, folders, open }
    }

    /// Seam: one route per page. [`StartedApp::call`] takes an index into it.
    pub(crate) fn routes(&self) -> &[Arc<Route>] {
        &self.table.routes
    }

    /// Seam: whether `import` can read what was saved.
    ///
    /// # Errors
    /// If it cannot, with the reason.
    pub(crate) fn fits(&self, saved: &[u8]) -> Result<(), Misfit> {
        self.hooks.fits(saved)
    }

    /// Seam: makes the app's state and starts it. May be called more than once.
    ///
    /// # Errors
    /// When two pages have one pattern, or `init` failed.
    pub(crate) async fn init(&self, init: InitContext) -> Result<Arc<StartedApp>> {
        if let Some(problem) = &self.problem {
            return Err(Error::internal(problem.clone()));
        }
        let InitContext { purpose, dev, stylesheet, favicon, saved } = init;
        #[cfg(feature = "cookies-private")]
        crate::cookies::secret::read(purpose)?;
        let state = self.hooks.start(purpose, saved.as_deref()).await?;
        #[cfg(feature = "sessions")]
        crate::session::check(purpose)?;
        let links = Links { stylesheet, favicon };
        let environment = Environment { state, links, dev };
        let hooks = Arc::clone(&self.hooks);
        let page_libraries = self
            .open
            .map(|state| PageLibraries::new(state, Arc::clone(&self.folders), &self.table));
        let shared = SharedApp { environment, hooks, purpose, page_libraries };
        Ok(Arc::new(StartedApp::new(shared, Arc::clone(&self.table))))
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.routes().iter().map(|route| &route.info.pattern)).finish()
    }
}
