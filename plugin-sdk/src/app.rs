//! The routes of an app: what generated code builds and the host starts.
//!
//! ```
//! use nova::handler::*;
//! use nova::prelude::*;
//!
//! fn index() -> &'static str {
//!     "hello"
//! }
//! async fn user(Path(id): Path<u64>) -> String {
//!     format!("user {id}")
//! }
//!
//! pub fn routes() -> nova::Routes {
//!     let mut app = nova::App::new(nova::no_state());
//!     app.page("/", "pages/index.rs")
//!         .get(sync_0(index));
//!     app.page("/users/{id}", "pages/users/[id].rs")
//!         .get(async_1(user));
//!     app.finish()
//! }
//! # routes();
//! ```

mod folder;
mod routes;
mod surroundings;

use std::fmt;
use std::marker::PhantomData;

use self::folder::Folder;
pub use self::routes::Routes;
pub(crate) use self::routes::{Entry, InitContext};
pub(crate) use self::surroundings::Surroundings;
use crate::application::{Route, Scope};
use crate::body::DEFAULT_BODY_LIMIT;
use crate::context::RouteInfo;
use crate::handler::{Function, Handler};
use crate::hooks::{self, Hooks};
use crate::precompile::Declared;
use crate::routing::{Method, MethodSet, Pattern, PatternError};
use crate::state::{For, StateType};

/// An app under construction, with state of the type `S`.
pub struct App<S> {
    draft: Draft,
    state: For<S>,
}

/// An app under construction, whatever its type of state.
struct Draft {
    hooks: hooks::Functions,
    state: StateType,
    pages: Vec<Definition>,
    /// The functions of `precompile.rs`, by name.
    exercises: Vec<(&'static str, Function)>,
    around: Surroundings,
}

/// A page as it was written down; its pattern may be none.
pub(crate) struct Definition {
    pattern: Result<Pattern, PatternError>,
    pub(crate) file: &'static str,
    /// By [`Method`]'s order.
    handlers: [Option<Function>; Method::ALL.len()],
    any: Option<Function>,
    precompile: bool,
    pub(crate) declared: Declared,
    /// Whether it answers only where nobody is served; see [`crate::precompile`].
    reserved: bool,
    body_limit: usize,
}

impl Definition {
    fn new(pattern: &str, file: &'static str) -> Self {
        Self {
            pattern: Pattern::parse(pattern),
            file,
            handlers: [const { None }; Method::ALL.len()],
            any: None,
            precompile: true,
            declared: Declared::default(),
            reserved: false,
            body_limit: DEFAULT_BODY_LIMIT,
        }
    }

    /// A page that answers GET where nobody is served.
    pub(crate) fn reserved(pattern: &str, file: &'static str, get: Function) -> Self {
        let mut page = Self::new(pattern, file);
        page.handlers[Method::Get as usize] = Some(get);
        Self { precompile: false, reserved: true, ..page }
    }

    fn methods(&self) -> MethodSet {
        let named = Method::ALL.into_iter().zip(&self.handlers);
        let named: MethodSet =
            named.filter_map(|(method, handler)| handler.is_some().then_some(method)).collect();
        if self.any.is_some() { named.with_any() } else { named }
    }

    /// The page as it is called.
    ///
    /// # Errors
    /// If its pattern is none.
    pub(crate) fn into_route(self, around: &Surroundings) -> Result<Route, String> {
        let methods = self.methods();
        let Self { pattern, file, handlers, any, precompile, reserved, body_limit, declared: _ } =
            self;
        let pattern = pattern.map_err(|error| format!("{file}: {error}"))?;
        let scope = if reserved { Scope::empty() } else { around.scope(Some(file)) };
        let info = RouteInfo { pattern, body_limit };
        Ok(Route { info, file, methods, handlers, any, precompile, reserved, scope })
    }
}

impl<S> fmt::Debug for App<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("pages", &self.draft.pages.len()).finish_non_exhaustive()
    }
}

impl<S: Clone + Send + Sync + 'static> App<S> {
    /// An app without pages, whose state these hooks make.
    #[must_use]
    pub fn new(hooks: Hooks<S>) -> Self {
        let draft = Draft {
            hooks: hooks.functions,
            state: StateType::of::<S>(),
            pages: Vec::new(),
            exercises: Vec::new(),
            around: Surroundings::new(),
        };
        App { draft, state: PhantomData }
    }

    /// Adds the page in `file` (as in `pages/users/[id].rs`) at `pattern` (as in `/users/{id}`).
    ///
    /// A bad pattern, or one that another page has, is reported when the routes are started.
    pub fn page(&mut self, pattern: &str, file: &'static str) -> Page<'_, S> {
        Page::new(&mut self.draft.pages, pattern, file)
    }

    /// Adds the layout of a folder under `pages`: `/`, `/users/[id]`, `/(shop)`.
    pub fn layout(&mut self, folder: &'static str, handler: Handler<S>) -> &mut Self {
        self.draft.around.layouts.push((Folder::new(folder), handler.function));
        self
    }

    /// Adds the middleware of a folder, named as in [`App::layout`].
    pub fn middleware(&mut self, folder: &'static str, handler: Handler<S>) -> &mut Self {
        self.draft.around.middleware.push((Folder::new(folder), handler.function));
        self
    }

    /// Adds the error page (`_error.rs`) of a folder, named as in [`App::layout`].
    pub fn error(&mut self, folder: &'static str, handler: Handler<S>) -> &mut Self {
        self.draft.around.errors.push((Folder::new(folder), handler.function));
        self
    }

    /// Sets the page for 404 (`404.rs`).
    pub fn not_found(&mut self, handler: Handler<S>) -> &mut Self {
        self.draft.around.not_found = Some(handler.function);
        self
    }

    /// Adds a function of `precompile.rs`: [`requests`](crate::precompile), or one that is run.
    pub fn precompile(&mut self, name: &'static str, handler: Handler<S>) -> &mut Self {
        self.draft.exercises.push((name, handler.function));
        self
    }

    /// The routes, ready to be started.
    #[must_use]
    pub fn finish(self) -> Routes {
        Routes::new(self.draft, false)
    }

    /// As [`finish`](Self::finish), and page libraries can be attached once it runs: what the
    /// development server starts.
    #[doc(hidden)]
    #[must_use]
    pub fn open(self) -> Routes {
        Routes::new(self.draft, true)
    }
}

/// One page of an [`App`], to be given its functions.
#[derive(Debug)]
pub struct Page<'a, S> {
    page: &'a mut Definition,
    state: For<S>,
}

impl<'a, S> Page<'a, S> {
    pub(crate) fn new(pages: &'a mut Vec<Definition>, pattern: &str, file: &'static str) -> Self {
        Page { page: pages.push_mut(Definition::new(pattern, file)), state: PhantomData }
    }
}

macro_rules! methods {
    ($($name:ident $method:ident $text:literal;)*) => {$(
        #[doc = concat!("The page's function for ", $text, ".")]
        pub fn $name(self, handler: Handler<S>) -> Self {
            self.page.handlers[Method::$method as usize] = Some(handler.function);
            self
        }
    )*};
}

#[expect(clippy::return_self_not_must_use, reason = "what matters is the change in the app")]
impl<S> Page<'_, S> {
    methods! {
        get Get "GET, and for HEAD unless it has one of its own";
        head Head "HEAD";
        post Post "POST";
        put Put "PUT";
        patch Patch "PATCH";
        delete Delete "DELETE";
        options Options "OPTIONS";
    }

    /// The page's function for every method that has none of its own.
    pub fn any(self, handler: Handler<S>) -> Self {
        self.page.any = Some(handler.function);
        self
    }

    /// Whether the page may be exercised before it goes live; `true` unless said otherwise.
    pub fn precompile(self, precompile: bool) -> Self {
        self.page.precompile = precompile;
        self
    }

    /// Addresses of the page, to exercise it with: paths, perhaps with a query.
    pub fn samples(self, samples: &'static [&'static str]) -> Self {
        self.page.declared.samples = samples;
        self
    }

    /// Whether a production build makes files of what the page answers to its samples, or to its
    /// path if that is without parameters.
    pub fn prerender(self, prerender: bool) -> Self {
        self.page.declared.prerender = prerender;
        self
    }

    /// How many bytes of a body it reads; 2 MiB unless said otherwise.
    pub fn body_limit(self, bytes: usize) -> Self {
        self.page.body_limit = bytes;
        self
    }
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file)
    }
}
