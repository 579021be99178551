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

use std::fmt;
use std::sync::Arc;

use http::StatusCode;

use self::folder::Folder;
pub use self::routes::Routes;
pub(crate) use self::routes::{Entry, InitContext};
use crate::application::{ErrorPage, Route, Scope, Table};
use crate::body::DEFAULT_BODY_LIMIT;
use crate::context::RouteInfo;
use crate::handler::Handler;
use crate::hooks::Hooks;
use crate::routing::{Method, MethodSet, Pattern, PatternError, Router};

/// An app under construction, with state of the type `S`.
pub struct App<S> {
    hooks: Hooks<S>,
    pages: Vec<Definition<S>>,
    layouts: Vec<(Folder, Handler<S>)>,
    middleware: Vec<(Folder, Handler<S>)>,
    errors: Vec<(Folder, Handler<S>)>,
    not_found: Option<Handler<S>>,
}

struct Definition<S> {
    pattern: Result<Pattern, PatternError>,
    file: &'static str,
    /// By [`Method`]'s order.
    handlers: [Option<Handler<S>>; Method::ALL.len()],
    any: Option<Handler<S>>,
    precompile: bool,
    body_limit: usize,
}

impl<S> Definition<S> {
    fn methods(&self) -> MethodSet {
        let named = Method::ALL.into_iter().zip(&self.handlers);
        let named: MethodSet =
            named.filter_map(|(method, handler)| handler.is_some().then_some(method)).collect();
        if self.any.is_some() { named.with_any() } else { named }
    }
}

impl<S> fmt::Debug for App<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("pages", &self.pages.len()).finish_non_exhaustive()
    }
}

impl<S: Clone + Send + Sync + 'static> App<S> {
    /// An app without pages, whose state these hooks make.
    #[must_use]
    pub fn new(hooks: Hooks<S>) -> Self {
        App {
            hooks,
            pages: Vec::new(),
            layouts: Vec::new(),
            middleware: Vec::new(),
            errors: Vec::new(),
            not_found: None,
        }
    }

    /// Adds the page in `file` (as in `pages/users/[id].rs`) at `pattern` (as in `/users/{id}`).
    ///
    /// A bad pattern, or one that another page has, is reported when the routes are started.
    pub fn page(&mut self, pattern: &str, file: &'static str) -> Page<'_, S> {
        let page = self.pages.push_mut(Definition {
            pattern: Pattern::parse(pattern),
            file,
            handlers: [const { None }; Method::ALL.len()],
            any: None,
            precompile: true,
            body_limit: DEFAULT_BODY_LIMIT,
        });
        Page { page }
    }

    /// Adds the layout of a folder under `pages`: `/`, `/users/[id]`, `/(shop)`.
    pub fn layout(&mut self, folder: &'static str, handler: Handler<S>) -> &mut Self {
        self.layouts.push((Folder::new(folder), handler));
        self
    }

    /// Adds the middleware of a folder, named as in [`App::layout`].
    pub fn middleware(&mut self, folder: &'static str, handler: Handler<S>) -> &mut Self {
        self.middleware.push((Folder::new(folder), handler));
        self
    }

    /// Adds the error page (`_error.rs`) of a folder, named as in [`App::layout`].
    pub fn error(&mut self, folder: &'static str, handler: Handler<S>) -> &mut Self {
        self.errors.push((Folder::new(folder), handler));
        self
    }

    /// Sets the page for 404 (`404.rs`).
    pub fn not_found(&mut self, handler: Handler<S>) -> &mut Self {
        self.not_found = Some(handler);
        self
    }

    /// The routes, ready to be started.
    #[must_use]
    pub fn finish(mut self) -> Routes {
        // Outermost first: of two folders that hold one page, the shorter is the outer.
        for folders in [&mut self.layouts, &mut self.middleware, &mut self.errors] {
            folders.sort_by_key(|(folder, _)| folder.depth());
        }
        let outside = self.scope(None);
        let scopes: Vec<_> = self.pages.iter().map(|page| self.scope(Some(page.file))).collect();

        let (mut entries, mut routes, mut problem) = (Vec::new(), Vec::new(), None);
        let mut patterns = Router::new();
        for (page, scope) in self.pages.into_iter().zip(scopes) {
            let methods = page.methods();
            let pattern = match page.pattern {
                Ok(pattern) => pattern,
                Err(error) => {
                    problem.get_or_insert(format!("{}: {error}", page.file));
                    continue;
                }
            };
            if let Err(conflict) = patterns.insert(pattern.clone(), page.file) {
                problem.get_or_insert(format!("{}: {conflict}", page.file));
            }
            entries.push(Entry {
                pattern: pattern.to_string(),
                file: page.file,
                methods,
                precompile: page.precompile,
            });
            routes.push(Route {
                info: RouteInfo { pattern, body_limit: page.body_limit },
                methods,
                handlers: page.handlers,
                any: page.any,
                scope,
            });
        }
        Routes::new(entries, problem, self.hooks, Arc::new(Table { routes, outside }))
    }

    /// What surrounds the page in `file`, or an answer without a page.
    fn scope(&self, file: Option<&str>) -> Scope<S> {
        let holds = |folder: &Folder| file.map_or(folder.is_root(), |file| folder.holds(file));
        let of = |folders: &[(Folder, Handler<S>)]| -> Vec<(Folder, Handler<S>)> {
            folders.iter().filter(|(folder, _)| holds(folder)).cloned().collect()
        };
        let layouts = of(&self.layouts);
        let around = |inner: &Folder| {
            layouts.iter().filter(|(folder, _)| folder.depth() <= inner.depth()).count()
        };

        let mut errors: Vec<ErrorPage<S>> = Vec::new();
        let mut not_found = self.not_found.as_ref().map(|handler| ErrorPage {
            handler: handler.clone(),
            layouts: around(&Folder::ROOT),
            only: Some(StatusCode::NOT_FOUND),
        });
        for (folder, handler) in of(&self.errors).into_iter().rev() {
            if folder.is_root() {
                errors.extend(not_found.take());
            }
            errors.push(ErrorPage { handler, layouts: around(&folder), only: None });
        }
        errors.extend(not_found);
        let handlers = |folders: Vec<(Folder, Handler<S>)>| {
            folders.into_iter().map(|(_, handler)| handler).collect()
        };
        Scope {
            errors,
            layouts: handlers(layouts.clone()),
            middleware: handlers(of(&self.middleware)),
        }
    }
}

/// One page of an [`App`], to be given its functions.
#[derive(Debug)]
pub struct Page<'a, S> {
    page: &'a mut Definition<S>,
}

macro_rules! methods {
    ($($name:ident $method:ident $text:literal;)*) => {$(
        #[doc = concat!("The page's function for ", $text, ".")]
        pub fn $name(self, handler: Handler<S>) -> Self {
            self.page.handlers[Method::$method as usize] = Some(handler);
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
        self.page.any = Some(handler);
        self
    }

    /// Whether the page may be exercised before it goes live; `true` unless said otherwise.
    pub fn precompile(self, precompile: bool) -> Self {
        self.page.precompile = precompile;
        self
    }

    /// How many bytes of a body it reads; 2 MiB unless said otherwise.
    pub fn body_limit(self, bytes: usize) -> Self {
        self.page.body_limit = bytes;
        self
    }
}

impl<S> fmt::Debug for Definition<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file)
    }
}
