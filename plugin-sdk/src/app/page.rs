//! One page of an app, as generated code declares it.

use std::fmt;
use std::marker::PhantomData;

use nova_routing::{Method, MethodSet, Pattern, PatternError};

use super::folders::Folders;
use crate::body::DEFAULT_BODY_LIMIT;
use crate::handler::Handler;
use crate::pipeline::route::{AnyHandler, Route, Scope};
use crate::precompile::Exercise;
use crate::request::RouteInfo;
use crate::state::StateMarker;

/// One page of an [`App`](super::App), to be given its functions.
#[derive(Debug)]
pub struct Page<'a, S> {
    page: &'a mut RouteSpec,
    state: StateMarker<S>,
}

impl<'a, S> Page<'a, S> {
    pub(crate) fn new(pages: &'a mut Vec<RouteSpec>, pattern: &str, file: &'static str) -> Self {
        Page { page: pages.push_mut(RouteSpec::new(pattern, file)), state: PhantomData }
    }
}

macro_rules! methods {
    ($($name:ident $method:ident $text:literal;)*) => {$(
        #[doc = concat!("The page's function for ", $text, ".")]
        pub fn $name(self, handler: Handler<S>) -> Self {
            self.page.handlers[Method::$method as usize] = Some(handler.untyped);
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
        self.page.any = Some(handler.untyped);
        self
    }

    /// Whether the page may be exercised before it goes live; `true` unless said otherwise.
    pub fn precompile(self, precompile: bool) -> Self {
        self.page.precompile = precompile;
        self
    }

    /// Addresses of the page, to exercise it with: paths, perhaps with a query.
    pub fn samples(self, samples: &'static [&'static str]) -> Self {
        self.page.exercise.samples = samples;
        self
    }

    /// Whether a production build makes files of what the page answers to its samples, or to its
    /// path if that is without parameters.
    pub fn prerender(self, prerender: bool) -> Self {
        self.page.exercise.prerender = prerender;
        self
    }

    /// How many bytes of a body it reads; 2 MiB unless said otherwise.
    pub fn body_limit(self, bytes: usize) -> Self {
        self.page.body_limit = bytes;
        self
    }

    /// Whether its functions for POST and the like are guarded against requests of other sites; `true`
    /// unless said otherwise. The guard is there with the feature `sessions`, and then said in its
    /// module.
    pub fn csrf(self, guarded: bool) -> Self {
        self.page.csrf = guarded;
        self
    }
}

/// The functions of a page by method, and the one for any.
type Handlers = ([Option<AnyHandler>; Method::ALL.len()], Option<AnyHandler>);

/// The functions behind the guard against requests of other sites.
#[cfg(feature = "sessions")]
fn guarded(
    mut handlers: [Option<AnyHandler>; Method::ALL.len()],
    mut any: Option<AnyHandler>,
    csrf: bool,
) -> Handlers {
    if csrf {
        crate::session::csrf::guard(&mut handlers, &mut any);
    }
    (handlers, any)
}

/// Without sessions nothing can be done in a visitor's name.
#[cfg(not(feature = "sessions"))]
fn guarded(
    handlers: [Option<AnyHandler>; Method::ALL.len()],
    any: Option<AnyHandler>,
    _csrf: bool,
) -> Handlers {
    (handlers, any)
}

/// A page as the app declares it; its pattern may be invalid.
pub(crate) struct RouteSpec {
    pattern: Result<Pattern, PatternError>,
    pub(crate) file: &'static str,
    /// By [`Method`]'s order.
    handlers: [Option<AnyHandler>; Method::ALL.len()],
    any: Option<AnyHandler>,
    precompile: bool,
    pub(crate) exercise: Exercise,
    /// Whether it answers only in an app that does not serve; see [`crate::precompile`].
    reserved: bool,
    body_limit: usize,
    /// Whether it is guarded against requests of other sites.
    csrf: bool,
}

impl RouteSpec {
    fn new(pattern: &str, file: &'static str) -> Self {
        Self {
            pattern: Pattern::parse(pattern),
            file,
            handlers: [const { None }; Method::ALL.len()],
            any: None,
            precompile: true,
            exercise: Exercise::default(),
            reserved: false,
            body_limit: DEFAULT_BODY_LIMIT,
            csrf: true,
        }
    }

    /// A page that answers GET in an app that does not serve.
    pub(crate) fn reserved(pattern: &str, file: &'static str, get: AnyHandler) -> Self {
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
    /// If its pattern is invalid, or a function takes what no middleware leaves.
    pub(crate) fn into_route(self, folders: &Folders) -> Result<Route, String> {
        let methods = self.methods();
        let Self {
            pattern,
            file,
            handlers,
            any,
            precompile,
            reserved,
            body_limit,
            csrf,
            exercise: _,
        } = self;
        let (handlers, any) = guarded(handlers, any, csrf);
        let pattern = pattern.map_err(|error| format!("{file}: {error}"))?;
        let scope = if reserved {
            Scope::empty()
        } else {
            let names = Method::ALL.map(|method| method.as_str().to_ascii_lowercase());
            let named = names.iter().map(String::as_str).zip(&handlers).chain([("handler", &any)]);
            let functions = named.filter_map(|(name, handler)| Some((name, handler.as_ref()?)));
            folders.check_page(file, functions)?;
            folders.scope(file)
        };
        let info = RouteInfo::new(pattern, body_limit);
        Ok(Route { info, file, methods, handlers, any, precompile, reserved, scope })
    }
}

impl fmt::Debug for RouteSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file)
    }
}
