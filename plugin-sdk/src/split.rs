//! A split app: in development, each page is a library of its own.
//!
//! The app library holds what pages share (components, `app.rs`, layouts, middleware) and starts
//! the app; a page library adds one page to it. Both are linked to one image, the library that
//! holds this crate, so that types and statics are the same on both sides. When a page is saved,
//! the host attaches the new one: another *view* of the running app, with the same state.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use nova_abi::abi_stable::std_types::RArc;
use nova_abi::{Failure, NotAttached, PageEntry};

use crate::app::{Definition, Page, Surroundings};
use crate::application::{Route, Scope, Table};
use crate::hooks::{Purpose, StateOutput};
use crate::state::{For, StateType};

/// How a page library is asked for its pages; panics are caught there.
pub(crate) type Declare<'a> =
    dyn Fn(PageEntry, &mut Pages<'_>) -> Result<(), Failure> + Send + Sync + 'a;

/// The app, in the hands of a page library: what the function of
/// [`export_page!`](crate::export_page) adds its pages to.
pub struct Pages<'a> {
    pages: &'a mut Vec<Definition>,
    /// The type of the app's state.
    state: StateType,
    /// Why the pages are refused.
    astray: Option<String>,
}

impl Pages<'_> {
    /// Takes pages for an app with the state that `init` makes, given as one of [`init_sync_0`],
    /// [`init_sync_1`], [`init_async_0`], [`init_async_1`] and [`no_state`] of this module.
    ///
    /// If the running app has another, the host gets that as the reason why it cannot attach the
    /// page, whatever is added.
    pub fn of<S: 'static>(&mut self, _: StateOf<S>) -> Attached<'_, S> {
        self.expect(StateType::of::<S>());
        Attached { pages: self.pages, state: PhantomData }
    }

    fn expect(&mut self, wanted: StateType) {
        if self.state != wanted {
            self.astray = Some(format!(
                "it was compiled for an app whose state is `{wanted}`, and this app's is `{}`; \
                 build the page again",
                self.state
            ));
        }
    }
}

impl fmt::Debug for Pages<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("pages", self.pages).finish_non_exhaustive()
    }
}

/// Where a page library adds its pages.
#[derive(Debug)]
pub struct Attached<'a, S> {
    pages: &'a mut Vec<Definition>,
    state: For<S>,
}

impl<S> Attached<'_, S> {
    /// As [`App::page`](crate::App::page).
    pub fn page(&mut self, pattern: &str, file: &'static str) -> Page<'_, S> {
        Page::new(self.pages, pattern, file)
    }
}

/// The type of the state that an `init` makes. The function itself is not kept.
#[derive(Debug)]
pub struct StateOf<S>(For<S>);

/// The state of an app without `init`.
#[must_use]
pub fn no_state() -> StateOf<()> {
    StateOf(PhantomData)
}

/// The state that `fn init()` makes.
pub fn init_sync_0<S, R: StateOutput<S, M>, M>(_: impl Fn() -> R) -> StateOf<S> {
    StateOf(PhantomData)
}

/// The state that `fn init(purpose: Purpose)` makes.
pub fn init_sync_1<S, R: StateOutput<S, M>, M>(_: impl Fn(Purpose) -> R) -> StateOf<S> {
    StateOf(PhantomData)
}

/// The state that `async fn init()` makes.
pub fn init_async_0<S, Fut, M>(_: impl Fn() -> Fut) -> StateOf<S>
where
    Fut: Future<Output: StateOutput<S, M>>,
{
    StateOf(PhantomData)
}

/// The state that `async fn init(purpose: Purpose)` makes.
pub fn init_async_1<S, Fut, M>(_: impl Fn(Purpose) -> Fut) -> StateOf<S>
where
    Fut: Future<Output: StateOutput<S, M>>,
{
    StateOf(PhantomData)
}

/// What the views of a split app are made of.
pub(crate) struct Split {
    state: StateType,
    around: Arc<Surroundings>,
    outside: Arc<Scope>,
    /// The app library's own routes.
    own: Declared,
    /// The pages of the latest view, in its order. A page library never changes, so each is asked
    /// once; one that the latest view has left out is forgotten.
    latest: Mutex<Vec<(usize, Declared)>>,
}

/// What a library declares: its routes, and what the host is told about them.
type Declared = Arc<[(Arc<Route>, RArc<nova_abi::Route>)]>;

impl Split {
    pub(crate) fn new(state: StateType, around: Arc<Surroundings>, own: &Table) -> Self {
        Split {
            state,
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
        pages: &[PageEntry],
        declare: &Declare<'_>,
    ) -> Result<(Table, Vec<RArc<nova_abi::Route>>), NotAttached> {
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
                    .declare(page, declare)
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

    fn declare(&self, page: PageEntry, declare: &Declare<'_>) -> Result<Declared, Failure> {
        let mut definitions = Vec::new();
        let mut pages = Pages { pages: &mut definitions, state: self.state, astray: None };
        declare(page, &mut pages)?;
        if let Some(reason) = pages.astray {
            return Err(Failure::error(reason));
        }
        let routes = definitions.into_iter().map(|page| {
            let route = page.into_route(&self.around)?;
            let told = told(&route);
            Ok((Arc::new(route), told))
        });
        routes.collect::<Result<_, String>>().map_err(Failure::error)
    }
}

fn told(route: &Route) -> RArc<nova_abi::Route> {
    RArc::new((&route.entry()).into())
}
