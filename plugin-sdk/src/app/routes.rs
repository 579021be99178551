//! A finished app, without its type of state: what `routes()` returns.

use std::fmt;
use std::sync::Arc;

use super::{Draft, Surroundings};
use crate::application::{Application, Core, Table};
use crate::error::{Error, Result};
use crate::hooks::{Functions, Purpose};
use crate::html::Links;
use crate::precompile;
use crate::routing::{MethodSet, Router};
use crate::split::Split;
use crate::state::StateType;

/// The routes of an app; `nova::export!` hands them to the host.
pub struct Routes {
    entries: Vec<Entry>,
    problem: Option<String>,
    hooks: Arc<Functions>,
    /// The type of the state that the hooks make.
    state: StateType,
    around: Arc<Surroundings>,
    table: Arc<Table>,
    /// Whether pages can be attached to what is started.
    open: bool,
}

/// Seam: what the host is told about a route before anything is started.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) pattern: String,
    pub(crate) file: &'static str,
    pub(crate) methods: MethodSet,
    pub(crate) precompile: bool,
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
    pub(super) fn new(app: Draft, open: bool) -> Self {
        let Draft { hooks, state, mut pages, exercises, mut around } = app;
        // Behind the pages, so that a host finds them at the end. Nobody exercises an open app.
        if !open {
            let reserved = precompile::pages(&pages, exercises);
            pages.extend(reserved);
        }
        around.sort();
        let (mut routes, mut problem) = (Vec::with_capacity(pages.len()), None);
        let mut patterns = Router::new();
        for page in pages {
            let file = page.file;
            match page.into_route(&around) {
                Ok(route) => {
                    if let Err(conflict) = patterns.insert(route.info.pattern.clone(), file) {
                        problem.get_or_insert(format!("{file}: {conflict}"));
                    }
                    routes.push(Arc::new(route));
                }
                Err(bad) => {
                    problem.get_or_insert(bad);
                }
            }
        }
        let entries = routes.iter().map(|route| route.entry()).collect();
        let table = Arc::new(Table { routes, outside: Arc::new(around.scope(None)) });
        let (hooks, around) = (Arc::new(hooks), Arc::new(around));
        Routes { entries, problem, hooks, state, around, table, open }
    }

    /// Seam: one entry per page. [`Application::call`] takes an index into it.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Seam: makes the app's state and starts it. May be called more than once.
    ///
    /// # Errors
    /// When two pages have one pattern, or `init` failed.
    pub(crate) async fn init(&self, init: InitContext) -> Result<Arc<Application>> {
        if let Some(problem) = &self.problem {
            return Err(Error::internal(problem.clone()));
        }
        let InitContext { purpose, dev, stylesheet, favicon, saved } = init;
        let state = self.hooks.start(purpose, saved.as_deref()).await?;
        let links = Links { stylesheet, favicon };
        let split =
            self.open.then(|| Split::new(self.state, Arc::clone(&self.around), &self.table));
        let hooks = Arc::clone(&self.hooks);
        let core = Core { state, hooks, links, dev, purpose, split };
        Ok(Arc::new(Application::new(core, Arc::clone(&self.table))))
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|entry| &entry.pattern)).finish()
    }
}
