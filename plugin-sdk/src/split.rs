//! A split app: in development, each page is a library of its own.
//!
//! The app library holds what pages share (components, `app.rs`, layouts, middleware) and starts
//! the app; a page library adds one page to it. Both are linked to one image, the library that
//! holds this crate, so that types and statics are the same on both sides. When a page is saved,
//! the host attaches the new one: another *view* of the running app, with the same state.

use std::any::{Any, type_name};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use nova_abi::abi_stable::std_types::RArc;
use nova_abi::{Failure, NotAttached, PageEntry};

use crate::app::{App, Surroundings};
use crate::application::{Route, Scope, Table};
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
    outside: Arc<Scope<S>>,
    /// The app library's own routes.
    own: Declared<S>,
    /// The pages of the latest view, in its order. A page library never changes, so each is asked
    /// once; one that the latest view has left out is forgotten.
    latest: Mutex<Vec<(usize, Declared<S>)>>,
}

/// What a library declares: its routes, and what the host is told about them.
type Declared<S> = Arc<[(Arc<Route<S>>, RArc<nova_abi::Route>)]>;

impl<S: Clone + Send + Sync + 'static> Split<S> {
    pub(crate) fn new(around: Arc<Surroundings<S>>, own: &Table<S>) -> Self {
        Split {
            around,
            outside: Arc::clone(&own.outside),
            own: own.routes.iter().map(|route| (Arc::clone(route), told(route))).collect(),
            latest: Mutex::default(),
        }
    }

    /// The table of a view: the app library's own routes, then those of the pages in their order.
    /// That no two claim one pattern is the host's to check, as it is among libraries.
    pub(crate) fn table(
        &self,
        hooks: &Hooks<S>,
        pages: &[PageEntry],
        declare: &Declare<'_>,
    ) -> Result<(Table<S>, Vec<RArc<nova_abi::Route>>), NotAttached> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let mut now = Vec::with_capacity(pages.len());
        // The order hardly changes from one view to the next, so a page is looked for behind the
        // one before it.
        let mut next = 0;
        for (index, &page) in pages.iter().enumerate() {
            let address = page.address();
            let mut known = (next..latest.len()).chain(0..next);
            let declared = match known.find(|&at| latest[at].0 == address) {
                Some(at) => {
                    next = at + 1;
                    Arc::clone(&latest[at].1)
                }
                None => self
                    .declare(hooks, page, declare)
                    .map_err(|failure| NotAttached::page(index, failure))?,
            };
            now.push((address, declared));
        }
        let count = self.own.len() + pages.len();
        let (mut routes, mut told) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for declared in std::iter::once(&self.own).chain(now.iter().map(|(_, declared)| declared)) {
            for (route, line) in declared.iter() {
                routes.push(Arc::clone(route));
                told.push(RArc::clone(line));
            }
        }
        *latest = now;
        Ok((Table { routes, outside: Arc::clone(&self.outside) }, told))
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
        let routes = app.pages.into_iter().map(|page| {
            let route = page.into_route(&self.around)?;
            let told = told(&route);
            Ok((Arc::new(route), told))
        });
        routes.collect::<Result<_, String>>().map_err(Failure::error)
    }
}

fn told<S>(route: &Route<S>) -> RArc<nova_abi::Route> {
    RArc::new((&route.entry()).into())
}
