//! A finished app, without its type of state: what `routes()` returns.

use std::fmt;
use std::sync::Arc;

use nova_routing::Router;
use tracing::Dispatch;

use super::folders::Folders;
use super::outside::outside;
use super::page::RouteSpec;
use super::page_libraries::PageLibraries;
use super::started::{SharedApp, StartedApp};
use crate::error::Error;
use crate::hooks::{AnyHooks, Misfit, Purpose};
use crate::html::Links;
use crate::pipeline::route::{Environment, Route, RouteTable};
use crate::pipeline::started::Starter;
use crate::response::Result;
use crate::state::{AnyState, StateType};

/// The routes of an app; `nova::export!` hands them to the host.
pub struct Routes {
    hooks: Arc<AnyHooks>,
    table: Arc<RouteTable>,
    /// Why the routes cannot be started.
    problem: Option<String>,
    folders: Folders,
    /// The type of the app's state.
    state: StateType,
    /// Whether pages can be attached to what is started.
    open: bool,
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
    /// `open`: whether pages can be attached to what is started.
    pub(super) fn new(
        hooks: AnyHooks,
        state: StateType,
        pages: Vec<RouteSpec>,
        folders: Folders,
        open: bool,
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
        let (outside, invalid) = outside(&folders);
        problem = problem.or(invalid).or(folders.check().err());
        let table = Arc::new(RouteTable { routes, outside: Arc::new(outside) });
        Routes { hooks: Arc::new(hooks), table, problem, folders, state, open }
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

    /// Seam: the subscriber of `tracing` that the app brings.
    ///
    /// # Errors
    /// When it could not be made.
    pub(crate) async fn subscriber(&self, purpose: Purpose) -> Result<Option<Dispatch>> {
        self.hooks.subscriber(purpose).await
    }

    /// Seam: makes the app's state and starts it. May be called more than once.
    ///
    /// # Errors
    /// When two pages have one pattern, or `init` failed.
    pub(crate) async fn init(&self, init: InitContext) -> Result<Arc<StartedApp>> {
        self.check()?;
        #[cfg(feature = "cookies-private")]
        crate::cookies::secret::read(init.purpose)?;
        let state = self.hooks.start(init.purpose, init.saved.as_deref()).await?;
        #[cfg(feature = "sessions")]
        crate::session::check(init.purpose)?;
        Ok(self.start(state, init))
    }

    /// Seam: starts the app with a state that `init` has not made.
    ///
    /// # Errors
    /// When two pages have one pattern, or the state is not of the app's type; that is named.
    pub(crate) fn init_with<S>(&self, state: S, init: InitContext) -> Result<Arc<StartedApp>>
    where
        S: Send + Sync + 'static,
    {
        self.check()?;
        let state = AnyState::new(state);
        if !state.is(self.state) {
            let (wanted, given) = (self.state, StateType::of::<S>());
            return Err(Error::internal(format!("its state is `{wanted}`, and not `{given}`")));
        }
        Ok(self.start(state, init))
    }

    fn check(&self) -> Result<()> {
        self.problem.clone().map_or(Ok(()), |problem| Err(Error::internal(problem)))
    }

    fn start(&self, state: AnyState, init: InitContext) -> Arc<StartedApp> {
        let InitContext { purpose, dev, stylesheet, favicon, saved: _ } = init;
        let links = Links { stylesheet, favicon };
        let mut starter = Starter::new(&state);
        let table = starter.table(&self.table);
        let page_libraries = self
            .open
            .then(|| PageLibraries::new(self.state, self.folders.started(&mut starter), &table));
        let environment = Environment { state, links, dev };
        let hooks = Arc::clone(&self.hooks);
        let shared = SharedApp { environment, hooks, purpose, page_libraries };
        Arc::new(StartedApp::new(shared, table))
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.routes().iter().map(|route| &route.info.pattern)).finish()
    }
}
