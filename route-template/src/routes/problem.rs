//! What can be wrong with the files of an app: one variant per cause, each with what was
//! found, where, and what to do about it.

use std::fmt;

use crate::routes::pattern::{BadName, Pattern};
use crate::routes::route::SpecialKind;
use crate::source::place::Position;

/// One mistake in the files of an app.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// `pages/` and `src/pages/`, or another folder at both places.
    #[error("both {first} and {second} exist")]
    TwoPlaces {
        /// The one in the app's folder.
        first: String,
        /// The one in `src/`.
        second: String,
    },
    /// A file or folder whose name is not UTF-8.
    #[error("this name is not UTF-8")]
    NameNotUtf8 {
        /// The path, with the unreadable bytes replaced.
        path: String,
    },
    /// A file or folder that cannot be read.
    #[error("cannot be read: {cause}")]
    Unreadable {
        /// The file or folder.
        path: String,
        /// What the system said.
        cause: String,
    },
    /// A name that cannot be part of a URL.
    #[error("{cause}")]
    BadName {
        /// The page.
        file: String,
        /// What is wrong with its name.
        cause: BadName,
    },
    /// A name under `components/` that is not a module name.
    #[error("`{name}` cannot be the name of a module")]
    BadModuleName {
        /// The file or folder.
        path: String,
        /// The name.
        name: String,
    },
    /// Two pages for the same paths.
    #[error("two pages answer {pattern}")]
    DuplicateRoute {
        /// The pattern of the first page.
        pattern: Pattern,
        /// The first page.
        first: String,
        /// The second page.
        second: String,
    },
    /// A page that exports no handler.
    #[error("this page exports no handler")]
    NoHandler {
        /// The page.
        file: String,
        /// A function that would be a handler if it were `pub`.
        private: Option<(String, Position)>,
    },
    /// A special file without its function.
    #[error("this file must export `{function}`")]
    NoFunction {
        /// The special file.
        file: String,
        /// The function it is there for.
        function: &'static str,
        /// The same function without `pub`.
        private: Option<Position>,
    },
    /// `pub use x as get`.
    #[error("`{name}` is re-exported here, and its arguments cannot be seen")]
    Reexport {
        /// The page or special file.
        file: String,
        /// The name.
        name: String,
        /// Where the name stands.
        position: Position,
    },
    /// A type without `pub` in the signature of a function.
    #[error("`{name}` is private, and `{function}` takes or returns it")]
    HiddenType {
        /// The file.
        file: String,
        /// The function.
        function: String,
        /// The type.
        name: String,
        /// Where the type is declared.
        position: Position,
    },
    /// More arguments than a handler or hook can have.
    #[error("`{name}` takes {found} arguments, and {most} is the most")]
    TooManyArguments {
        /// The file.
        file: String,
        /// The function.
        name: String,
        /// Where it stands.
        position: Position,
        /// How many it takes.
        found: usize,
        /// How many it may take.
        most: usize,
    },
    /// `async fn layers`, `async fn service`.
    #[error("`{name}` is async, and what it gives is built at once when the app starts")]
    AsyncBuild {
        /// The file.
        file: String,
        /// The function.
        name: String,
        /// Where it stands.
        position: Position,
    },
    /// Two functions of a page that answer every method.
    #[error("`handler` and `service` both answer every method")]
    HandlerAndService {
        /// The page.
        file: String,
        /// Where `service` stands.
        position: Position,
    },
    /// Hooks in `app.rs` that need another hook.
    #[error("`{present}` needs `{absent}`")]
    HookAlone {
        /// `app.rs`.
        file: String,
        /// The hook that is there.
        present: &'static str,
        /// The hook that is missing.
        absent: &'static str,
        /// Where the present one stands.
        position: Position,
    },
    /// A `SWAP` in `app.rs` that says nothing.
    #[error("`SWAP` {what}, so it does not say how the app is swapped")]
    SwapConst {
        /// `app.rs`.
        file: String,
        /// What is wrong with it.
        what: String,
        /// Where it stands.
        position: Position,
    },
}

/// How much of an app a mistake keeps from being compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All of it: which files it is made of is not known.
    App,
    /// What all pages share: the files are known, and one of them does not say what it must.
    Shared,
    /// The file that it is in, and no other.
    File,
}

impl Problem {
    /// How much of the app it keeps from being compiled.
    pub fn reach(&self) -> Reach {
        match self {
            Self::TwoPlaces { .. } => Reach::App,
            Self::NoFunction { .. } | Self::HookAlone { .. } | Self::SwapConst { .. } => {
                Reach::Shared
            }
            Self::Unreadable { path: file, .. }
            | Self::Reexport { file, .. }
            | Self::HiddenType { file, .. }
            | Self::AsyncBuild { file, .. }
            | Self::HandlerAndService { file, .. }
            | Self::TooManyArguments { file, .. } => {
                if is_page(file) {
                    Reach::File
                } else {
                    Reach::Shared
                }
            }
            // What is left out is missed by what names it, and only there.
            Self::NameNotUtf8 { .. }
            | Self::BadName { .. }
            | Self::BadModuleName { .. }
            | Self::DuplicateRoute { .. }
            | Self::NoHandler { .. } => Reach::File,
        }
    }

    /// The files it is about, the first one with the place in it if that is known.
    pub fn places(&self) -> Vec<(&str, Option<Position>)> {
        match self {
            Self::TwoPlaces { first, second } | Self::DuplicateRoute { first, second, .. } => {
                vec![(first, None), (second, None)]
            }
            Self::NameNotUtf8 { path }
            | Self::Unreadable { path, .. }
            | Self::BadModuleName { path, .. } => vec![(path, None)],
            Self::BadName { file, .. } => vec![(file, None)],
            Self::NoHandler { file, private } => {
                vec![(file, private.as_ref().map(|(_, position)| *position))]
            }
            Self::NoFunction { file, private, .. } => vec![(file, *private)],
            Self::Reexport { file, position, .. }
            | Self::HiddenType { file, position, .. }
            | Self::TooManyArguments { file, position, .. }
            | Self::AsyncBuild { file, position, .. }
            | Self::HandlerAndService { file, position }
            | Self::SwapConst { file, position, .. }
            | Self::HookAlone { file, position, .. } => vec![(file, Some(*position))],
        }
    }

    /// What to do about it, in one sentence.
    pub fn help(&self) -> String {
        match self {
            Self::TwoPlaces { .. } => "move the files of one into the other".into(),
            Self::NameNotUtf8 { .. } => "rename it".into(),
            Self::Unreadable { .. } => "check its permissions and its encoding (UTF-8)".into(),
            Self::BadName { cause, .. } => cause.help().into(),
            Self::BadModuleName { .. } => {
                "components are Rust modules: use letters, digits and `_`, not a digit first".into()
            }
            Self::DuplicateRoute { .. } => "keep one of the two, or move one".into(),
            Self::NoHandler { private: Some((name, _)), .. } => {
                format!("make `{name}` public: write `pub` in front of it")
            }
            Self::NoHandler { private: None, .. } => {
                "export a function named get, post, put, patch, delete, options, head, or \
                 handler for any method; a file that is not a page has a name that begins with `_`"
                    .into()
            }
            Self::NoFunction { function, private: Some(_), .. } => {
                format!("make `{function}` public: write `pub` in front of it")
            }
            Self::NoFunction { function: "layout", .. } => {
                "write `pub fn layout(page: Html) -> Html`".into()
            }
            Self::NoFunction { function: "middleware", .. } => {
                "write `pub async fn middleware(request: Request, next: Next) -> Response`, or \
                 `pub fn layers() -> impl nova::tower::Layers`"
                    .into()
            }
            Self::NoFunction { function, .. } => format!("write a `pub fn {function}`"),
            Self::Reexport { name, .. } => {
                format!("write a `pub fn {name}` here that calls the other function")
            }
            Self::HiddenType { name, .. } => {
                format!("make `{name}` public: write `pub` in front of it")
            }
            Self::TooManyArguments { .. } => {
                "take several values in one argument, as a tuple or a struct".into()
            }
            Self::AsyncBuild { .. } => {
                "leave out `async`, and take what is awaited from `State`: `init` of app.rs may \
                 be async"
                    .into()
            }
            Self::HandlerAndService { .. } => "keep one of the two".into(),
            Self::HookAlone { absent, .. } => format!("write a `pub fn {absent}` too"),
            Self::SwapConst { .. } => {
                "write `pub const SWAP: nova::Swap = nova::Swap::Handover;`, or another of its modes"
                    .into()
            }
        }
    }
}

/// Whether the file at this path is one of the pages, and not what several of them share; nothing
/// of an app needs `precompile.rs` either.
fn is_page(path: &str) -> bool {
    let path = path.strip_prefix("src/").unwrap_or(path);
    let Some(path) = path.strip_prefix("pages/") else { return path == "precompile.rs" };
    let stem = path.rsplit('/').next().and_then(|name| name.strip_suffix(".rs"));
    stem.is_some_and(|stem| SpecialKind::of(stem).is_none())
}

/// Everything that is wrong, in one value, so that it can be reported in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{problem}")?;
            for (file, position) in problem.places() {
                match position {
                    Some(position) => write!(f, "\n  --> {file}:{position}")?,
                    None => write!(f, "\n  --> {file}")?,
                }
            }
            write!(f, "\n  help: {}", problem.help())?;
        }
        Ok(())
    }
}

/// What the owner of an app may want to know, though nothing is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// There is no folder of pages.
    #[error(
        "there is no pages/ or src/pages/: the library will have no routes\n  help: write a page, \
         such as pages/index.rs with a `pub fn get() -> Html`"
    )]
    NoPages,
    /// There is one, and no page in it.
    #[error(
        "there is no page in {root}/: the library will have no routes\n  help: write a page, such \
         as {root}/index.rs with a `pub fn get() -> Html`"
    )]
    NoRoutes {
        /// The folder.
        root: String,
    },
}
