//! What files under `pages/` are for: pages and their handlers, and the special files.

use crate::routes::pattern::Pattern;
use crate::source::items::Function;

/// A file that answers requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its path from the app's folder: `pages/users/[id].rs`.
    pub file: String,
    /// What it answers.
    pub pattern: Pattern,
    /// Its module below `crate::pages`.
    pub module: String,
    /// Its handlers, in the order of [`Method`]; none as long as the file does not parse. A method
    /// has several if they have conditions.
    pub handlers: Vec<Handler>,
    /// Its constants that say something to Nova.
    pub consts: Vec<PageConst>,
}

impl Page {
    /// The methods that it answers, each once.
    pub fn methods(&self) -> Vec<Method> {
        let mut methods: Vec<_> = self.handlers.iter().map(|handler| handler.method).collect();
        methods.dedup();
        methods
    }
}

/// A constant of a page, such as `BODY_LIMIT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageConst {
    /// Its name.
    pub name: &'static str,
    /// When it is there, as in `#[cfg(…)]`; `None`: always.
    pub cfg: Option<String>,
}

impl PageConst {
    /// The names of all, in the order in which they are passed on.
    pub(crate) const NAMES: [&str; 5] =
        ["PRECOMPILE", "SAMPLES", "PRERENDER", "BODY_LIMIT", "CSRF"];
}

/// A function that answers a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handler {
    /// What it answers.
    pub method: Method,
    /// The function.
    pub function: Function,
}

/// The name of the function of a page that makes a service of tower, for any method.
pub(crate) const SERVICE: &str = "service";

/// The name of the function of a `_middleware.rs` that makes layers of tower.
pub(crate) const LAYERS: &str = "layers";

/// What a handler's name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the methods of RFC 9110 and RFC 5789")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    Head,
    /// `handler`: any method that has no function of its own.
    Any,
}

impl Method {
    /// Every one, in the order in which they are listed.
    pub const ALL: [Self; 8] = [
        Self::Get,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
        Self::Options,
        Self::Head,
        Self::Any,
    ];

    /// The name of the function that a page exports for it.
    pub fn function(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::Options => "options",
            Self::Head => "head",
            Self::Any => "handler",
        }
    }

    /// The method's name in a request; none for [`Method::Any`].
    pub fn http_name(self) -> Option<&'static str> {
        match self {
            Self::Get => Some("GET"),
            Self::Post => Some("POST"),
            Self::Put => Some("PUT"),
            Self::Patch => Some("PATCH"),
            Self::Delete => Some("DELETE"),
            Self::Options => Some("OPTIONS"),
            Self::Head => Some("HEAD"),
            Self::Any => None,
        }
    }
}

/// What a special file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpecialKind {
    /// `_layout.rs`: what surrounds the pages.
    Layout,
    /// `_middleware.rs`: what requests pass through, functions or layers of tower.
    Middleware,
    /// `_error.rs`: how errors look.
    Error,
    /// `404.rs`: how it looks that there is no page.
    NotFound,
}

impl SpecialKind {
    pub(crate) fn of(stem: &str) -> Option<Self> {
        match stem {
            "_layout" => Some(Self::Layout),
            "_middleware" => Some(Self::Middleware),
            "_error" => Some(Self::Error),
            "404" => Some(Self::NotFound),
            _ => None,
        }
    }

    /// What a list of files calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Layout => "layout",
            Self::Middleware => "middleware",
            Self::Error => "error",
            Self::NotFound => "404",
        }
    }

    /// The names of the function that the file exports: one of them.
    pub(crate) fn functions(self) -> &'static [&'static str] {
        match self {
            Self::Layout => &["layout"],
            Self::Middleware => &["middleware"],
            Self::Error => &["handler"],
            Self::NotFound => &["handler", "get"],
        }
    }
}

/// A file that applies to its folder and all below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Special {
    /// Its path from the app's folder.
    pub file: String,
    /// What it is for.
    pub kind: SpecialKind,
    /// The folder it applies to, from the pages' folder: `/`, `/users/[id]`, `/(shop)`.
    pub folder: String,
    /// Where that folder is in addresses: `/users/{id}`.
    pub pattern: Pattern,
    /// Its module below `crate::pages`.
    pub module: String,
    /// Its function; none as long as the file does not parse, several if they have conditions, or if
    /// there are layers around the middleware.
    pub functions: Vec<Function>,
}
