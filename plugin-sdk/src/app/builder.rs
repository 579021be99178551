//! An app while it is put together: what generated code calls.

use std::fmt;
use std::marker::PhantomData;

use super::folders::{Folder, Folders};
use super::page::{Page, RouteSpec};
use super::reserved;
use super::routes::Routes;
use crate::handler::Handler;
use crate::hooks::{AnyHooks, Hooks};
use crate::pipeline::route::AnyHandler;
use crate::state::{StateMarker, StateType};

/// An app under construction, with state of the type `S`.
///
/// ```
/// use nova::handler::sync_0;
///
/// let mut app = nova::App::new(nova::no_state());
/// app.page("/", "pages/index.rs").get(sync_0(|| "hello"));
/// let routes = app.finish();
/// # let _ = routes;
/// ```
pub struct App<S> {
    app: AnyApp,
    state: StateMarker<S>,
}

/// An app under construction, without its type of state.
struct AnyApp {
    hooks: AnyHooks,
    state: StateType,
    pages: Vec<RouteSpec>,
    /// The functions of `precompile.rs`, by name.
    exercises: Vec<(&'static str, AnyHandler)>,
    folders: Folders,
}

impl AnyApp {
    /// `open`: whether pages can be attached to what is started.
    fn into_routes(self, open: bool) -> Routes {
        let AnyApp { hooks, state, mut pages, exercises, mut folders } = self;
        // Behind the pages, so that a host finds them at the end. An open app is not exercised.
        if !open {
            let reserved = reserved::routes(&pages, exercises);
            pages.extend(reserved);
        }
        folders.sort();
        Routes::new(hooks, state, pages, folders, open)
    }
}

impl<S> fmt::Debug for App<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("pages", &self.app.pages.len()).finish_non_exhaustive()
    }
}

impl<S: Clone + Send + Sync + 'static> App<S> {
    /// An app without pages, whose state these hooks make.
    #[must_use]
    pub fn new(hooks: Hooks<S>) -> Self {
        let app = AnyApp {
            hooks: hooks.untyped,
            state: StateType::of::<S>(),
            pages: Vec::new(),
            exercises: Vec::new(),
            folders: Folders::default(),
        };
        App { app, state: PhantomData }
    }

    /// Adds the page in `file` (as in `pages/users/[id].rs`) at `pattern` (as in `/users/{id}`).
    ///
    /// A bad pattern, or one that another page has, is reported when the routes are started.
    pub fn page(&mut self, pattern: &str, file: &'static str) -> Page<'_, S> {
        Page::new(&mut self.app.pages, pattern, file)
    }

    /// Says where a folder under `pages` is in addresses: `/users/{id}` for `/users/[id]`. Only
    /// folders need it whose names do not say it.
    ///
    /// ```
    /// use nova::handler::sync_1;
    /// use nova::prelude::*;
    ///
    /// let mut app = nova::App::new(nova::no_state());
    /// app.folder("/users/[id]", "/users/{id}");
    /// app.error("/users/[id]", sync_1(|Path(id): Path<u64>| format!("nothing of user {id}")));
    /// let routes = app.finish();
    /// # let _ = routes;
    /// ```
    ///
    /// A bad pattern is reported when the routes are started.
    pub fn folder(&mut self, folder: &'static str, pattern: &'static str) -> &mut Self {
        self.app.folders.patterns.push((Folder::new(folder), pattern));
        self
    }

    /// Adds the layout of a folder under `pages`: `/`, `/users/[id]`, `/(shop)`.
    pub fn layout(&mut self, folder: &'static str, handler: Handler<S>) -> &mut Self {
        self.app.folders.layouts.push((Folder::new(folder), handler.untyped));
        self
    }

    /// Adds the middleware of a folder, named as in [`App::layout`].
    pub fn middleware(&mut self, folder: &'static str, handler: Handler<S>) -> &mut Self {
        self.app.folders.middleware.push((Folder::new(folder), handler.untyped));
        self
    }

    /// Adds the error page (`_error.rs`) of a folder, named as in [`App::layout`].
    pub fn error(&mut self, folder: &'static str, handler: Handler<S>) -> &mut Self {
        self.app.folders.error_pages.push((Folder::new(folder), handler.untyped));
        self
    }

    /// Adds the page for 404 (`404.rs`) of a folder, named as in [`App::layout`].
    pub fn not_found(&mut self, folder: &'static str, handler: Handler<S>) -> &mut Self {
        self.app.folders.not_found.push((Folder::new(folder), handler.untyped));
        self
    }

    /// Adds a function of `precompile.rs`: [`requests`](crate::precompile), or one that is run.
    pub fn precompile(&mut self, name: &'static str, handler: Handler<S>) -> &mut Self {
        self.app.exercises.push((name, handler.untyped));
        self
    }

    /// The routes, ready to be started.
    #[must_use]
    pub fn finish(self) -> Routes {
        self.app.into_routes(false)
    }

    /// As [`finish`](Self::finish), and page libraries can be attached once it runs: what the
    /// development server starts.
    #[doc(hidden)]
    #[must_use]
    pub fn open(self) -> Routes {
        self.app.into_routes(true)
    }
}
