//! A split app: in development, each page is a library of its own.
//!
//! The app library holds what pages share (components, `app.rs`, layouts, middleware) and starts
//! the app; a page library adds one page to it. Both are linked to one image, the library that
//! holds this crate, so that types and statics are the same on both sides. When a page is saved,
//! the host attaches the new one: another *view* of the running app, with the same state.

use std::any::{Any, type_name};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use nova_abi::{Failure, NotAttached, PageEntry};

use crate::app::{App, Surroundings};
use crate::application::{Route, Table};
use crate::hooks::Hooks;

/// How a page library is asked for its pages; panics are caught there.
pub(crate) type Declare<'a> =
    dyn Fn(PageEntry, &mut Pages<'_>) -> Result<(), Failure> + Send + Sync + 'a;

/// The app, in the hands of a page library: what the function of
/// [`export_page!`](crate::export_page) adds its pages to.
pub struct Pages<'a> {
    app: &'a mut dyn Any,
    /// The name of the type of the app's state.
    state: &'static str,
    /// What a page wrote that was compiled for an app with another state, and why it is refused.
    astray: Option<(Box<dyn Any>, String)>,
}

impl<'a> Pages<'a> {
    fn new<S: 'static>(app: &'a mut App<S>) -> Self {
        Pages { app, state: type_name::<S>(), astray: None }
    }

    /// The app with the state that these hooks make. They are never run: they say which type of
    /// state the page's functions are compiled for.
    ///
    /// If the running app has another, the host gets that as the reason why it cannot attach the
    /// page, whatever is added.
    pub fn of<S: Clone + Send + Sync + 'static>(&mut self, hooks: &Hooks<S>) -> &mut App<S> {
        let app = if self.app.is::<App<S>>() {
            &mut *self.app
        } else {
            let reason = format!(
                "it was compiled for an app whose state is `{}`, and this app's is `{}`; \
                 build the page again",
                type_name::<S>(),
                self.state
            );
            &mut *self.astray.insert((Box::new(App::new(hooks.clone())), reason)).0
        };
        app.downcast_mut().expect("it was asked for its type, or just made")
    }
}

impl fmt::Debug for Pages<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("state", &self.state).finish_non_exhaustive()
    }
}

/// What the views of a split app are made of.
pub(crate) struct Split<S> {
    around: Arc<Surroundings<S>>,
    /// The app library's own routes.
    own: Arc<Table<S>>,
    /// The pages of the latest view, by the address of their entry. A page library never changes,
    /// so each is asked once; those that the latest view has left out are forgotten.
    declared: Mutex<HashMap<usize, Declared<S>>>,
}

type Declared<S> = Arc<[Arc<Route<S>>]>;

impl<S: Clone + Send + Sync + 'static> Split<S> {
    pub(crate) fn new(around: Arc<Surroundings<S>>, own: Arc<Table<S>>) -> Self {
        Split { around, own, declared: Mutex::default() }
    }

    /// The table of a view: the app library's own routes, then those of the pages in their order.
    /// That no two claim one pattern is the host's to check, as it is among libraries.
    pub(crate) fn table(
        &self,
        hooks: &Hooks<S>,
        pages: &[PageEntry],
        declare: &Declare<'_>,
    ) -> Result<Table<S>, NotAttached> {
        let mut before = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        let mut now = HashMap::with_capacity(pages.len());
        let mut routes = Vec::with_capacity(self.own.routes.len() + pages.len());
        routes.extend_from_slice(&self.own.routes);
        for (index, &page) in pages.iter().enumerate() {
            let declared = match before.get(&page.address()) {
                Some(declared) => Arc::clone(declared),
                None => self
                    .declare(hooks, page, declare)
                    .map_err(|failure| NotAttached::page(index, failure))?,
            };
            routes.extend_from_slice(&declared);
            now.insert(page.address(), declared);
        }
        *before = now;
        Ok(Table { routes, outside: Arc::clone(&self.own.outside) })
    }

    fn declare(
        &self,
        hooks: &Hooks<S>,
        page: PageEntry,
        declare: &Declare<'_>,
    ) -> Result<Declared<S>, Failure> {
        let mut app = App::new(hooks.clone());
        let mut pages = Pages::new(&mut app);
        declare(page, &mut pages)?;
        if let Some((_, reason)) = pages.astray {
            return Err(Failure::error(reason));
        }
        if !app.around.is_empty() {
            return Err(Failure::error(
                "a page library adds pages alone; layouts, middleware and error pages belong \
                 to the app library",
            ));
        }
        let routes = app.pages.into_iter().map(|page| page.into_route(&self.around).map(Arc::new));
        routes.collect::<Result<_, String>>().map_err(Failure::error)
    }
}
