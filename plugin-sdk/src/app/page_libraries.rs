//! The pages of a parted app: how a page library adds them, and which the running app has.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use nova_abi::Failure;
use nova_abi::abi_stable::std_types::RArc;
use nova_abi_parts::{NotAttached, PageEntry};

use super::folders::Folders;
use super::page::{Page, RouteSpec};
use crate::hooks::{Purpose, StateOutput};
use crate::pipeline::route::{Outside, Route, RouteTable};
use crate::pipeline::started::Starter;
use crate::state::{AnyState, StateMarker, StateType};

/// How a page library is asked for its pages; panics are caught there.
pub(crate) type DeclarePages<'a> =
    dyn Fn(PageEntry, &mut Pages<'_>) -> Result<(), Failure> + Send + Sync + 'a;

/// The app, in the hands of a page library: what the function of
/// [`export_page!`](crate::export_page) adds its pages to.
pub struct Pages<'a> {
    pages: &'a mut Vec<RouteSpec>,
    /// The type of the app's state.
    state: StateType,
    /// Why the pages are refused.
    misfit: Option<String>,
}

impl Pages<'_> {
    /// Takes pages for an app with the state that `init` makes, given as one of [`init_sync_0`],
    /// [`init_sync_1`], [`init_async_0`], [`init_async_1`] and [`no_state`] of this module.
    ///
    /// If the running app has another, the host gets that as the reason why it cannot attach the
    /// page, whichever are added.
    pub fn of<S: 'static>(&mut self, _: StateOf<S>) -> TypedPages<'_, S> {
        self.expect(StateType::of::<S>());
        TypedPages { pages: self.pages, state: PhantomData }
    }

    fn expect(&mut self, wanted: StateType) {
        if self.state != wanted {
            self.misfit = Some(format!(
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
pub struct TypedPages<'a, S> {
    pages: &'a mut Vec<RouteSpec>,
    state: StateMarker<S>,
}

impl<S> TypedPages<'_, S> {
    /// As [`App::page`](crate::App::page).
    pub fn page(&mut self, pattern: &str, file: &'static str) -> Page<'_, S> {
        Page::new(self.pages, pattern, file)
    }
}

/// The type of the state that an `init` makes. The function itself is not kept.
#[derive(Debug)]
pub struct StateOf<S>(StateMarker<S>);

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

/// What the views of a parted app are made of.
pub(crate) struct PageLibraries {
    state: StateType,
    folders: Folders,
    outside: Arc<Outside>,
    /// The app library's own routes.
    own: LibraryRoutes,
    /// The pages of the latest view, in its order. A page library never changes, so each is asked
    /// once; one that the latest view has left out is forgotten.
    latest: Mutex<Vec<(usize, LibraryRoutes)>>,
}

/// What a library declares: its routes, and what the host is told about them.
type LibraryRoutes = Arc<[(Arc<Route>, RArc<nova_abi::Route>)]>;

impl PageLibraries {
    pub(crate) fn new(state: StateType, folders: Folders, own: &RouteTable) -> Self {
        PageLibraries {
            state,
            folders,
            outside: Arc::clone(&own.outside),
            own: own.routes.iter().map(|route| (Arc::clone(route), abi_route(route))).collect(),
            latest: Mutex::default(),
        }
    }

    /// The table of a view: the app library's own routes, then those of the pages in their order.
    /// That no two claim one pattern is the host's to check, as it is among libraries.
    pub(crate) fn table(
        &self,
        pages: &[PageEntry],
        declare: &DeclarePages<'_>,
        state: &AnyState,
    ) -> Result<(RouteTable, Vec<RArc<nova_abi::Route>>), NotAttached> {
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
                    .declare(page, declare, state)
                    .map_err(|failure| NotAttached::page(index, failure))?,
            };
            now.push((address, declared));
        }
        let count = self.own.len() + pages.len();
        let (mut routes, mut lines) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for declared in std::iter::once(&self.own).chain(now.iter().map(|(_, declared)| declared)) {
            for (route, line) in declared.iter() {
                routes.push(Arc::clone(route));
                lines.push(RArc::clone(line));
            }
        }
        *latest = now;
        Ok((RouteTable { routes, outside: Arc::clone(&self.outside) }, lines))
    }

    fn declare(
        &self,
        page: PageEntry,
        declare: &DeclarePages<'_>,
        state: &AnyState,
    ) -> Result<LibraryRoutes, Failure> {
        let mut definitions = Vec::new();
        let mut pages = Pages { pages: &mut definitions, state: self.state, misfit: None };
        declare(page, &mut pages)?;
        if let Some(reason) = pages.misfit {
            return Err(Failure::error(reason));
        }
        let mut starter = Starter::new(state);
        let routes = definitions.into_iter().map(|page| {
            let route = page.into_route(&self.folders)?;
            let line = abi_route(&route);
            Ok((starter.route(&Arc::new(route)), line))
        });
        routes.collect::<Result<_, String>>().map_err(Failure::error)
    }
}

fn abi_route(route: &Route) -> RArc<nova_abi::Route> {
    RArc::new(nova_abi::Route::from(route))
}
