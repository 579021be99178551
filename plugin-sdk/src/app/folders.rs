//! What the folders under `pages` put around the pages in them: layouts, middleware, error pages.
//!
//! Folders and not URLs, because `(group)` folders are not part of a URL.

use std::cmp::Reverse;

use http::StatusCode;

use crate::pipeline::route::{AnyHandler, ErrorPage, Scope};
use crate::pipeline::started::Starter;

/// A folder as it is on disk: `/`, `/users/[id]`, `/(shop)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Folder(&'static str);

impl Folder {
    pub(super) const ROOT: Folder = Folder("");

    pub(super) fn new(path: &'static str) -> Self {
        Folder(path.trim_end_matches('/'))
    }

    pub(super) fn as_str(&self) -> &'static str {
        self.0
    }

    pub(super) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn depth(&self) -> usize {
        self.0.matches('/').count()
    }

    /// The path of a file in it.
    pub(super) fn file(&self, name: &str) -> String {
        format!("pages{}/{name}", self.0)
    }

    /// Whether it is a `(group)`, or in one.
    pub(super) fn is_grouped(&self) -> bool {
        self.0.split('/').any(|name| name.starts_with('('))
    }

    /// Whether the page in `file` (`pages/users/[id].rs`, `src/pages/index.rs`) is in this folder
    /// or below.
    pub(super) fn holds(&self, file: &str) -> bool {
        let inside = match file.strip_prefix("pages/") {
            Some(inside) => inside,
            None => file.split_once("/pages/").map_or(file, |(_, inside)| inside),
        };
        let Some(folder) = self.0.strip_prefix('/') else {
            return self.is_root();
        };
        inside.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Functions by the folder that they stand in.
type ByFolder = Vec<(Folder, AnyHandler)>;

/// The functions around pages.
#[derive(Clone, Default)]
pub(crate) struct Folders {
    pub(super) layouts: ByFolder,
    pub(super) middleware: ByFolder,
    pub(super) error_pages: ByFolder,
    pub(super) not_found: ByFolder,
    /// The patterns of folders whose names do not say them.
    pub(super) patterns: Vec<(Folder, &'static str)>,
}

impl Folders {
    /// Outermost first: of two folders that hold one page, the shorter is the outer.
    pub(super) fn sort(&mut self) {
        for folders in self.all_mut() {
            folders.sort_by_key(|(folder, _)| folder.depth());
        }
    }

    fn all_mut(&mut self) -> [&mut ByFolder; 4] {
        [&mut self.layouts, &mut self.middleware, &mut self.error_pages, &mut self.not_found]
    }

    /// Every folder that has a function, each once.
    pub(super) fn with_functions(&self) -> Vec<Folder> {
        let all = [&self.layouts, &self.middleware, &self.error_pages, &self.not_found];
        let mut folders: Vec<_> = all.into_iter().flatten().map(|(folder, _)| *folder).collect();
        folders.sort_unstable();
        folders.dedup();
        folders
    }

    /// The same with the handlers as they answer.
    pub(super) fn started(&self, starter: &mut Starter<'_>) -> Self {
        let middleware = self.middleware.iter();
        let middleware =
            middleware.map(|(folder, handler)| (*folder, starter.handler(handler))).collect();
        Folders { middleware, ..self.clone() }
    }

    /// Where a folder is in addresses: `/users/{id}`.
    pub(super) fn pattern(&self, folder: Folder) -> &'static str {
        match self.patterns.iter().find(|(candidate, _)| *candidate == folder) {
            Some((_, pattern)) => pattern,
            None if folder.is_root() => "/",
            None => folder.as_str(),
        }
    }

    /// What surrounds the page in `file`.
    pub(crate) fn scope(&self, file: &str) -> Scope {
        let of = |folders: &ByFolder| -> ByFolder {
            folders.iter().filter(|(folder, _)| folder.holds(file)).cloned().collect()
        };
        let layouts = of(&self.layouts);
        let around = |inner: &Folder| {
            layouts.iter().filter(|(folder, _)| folder.depth() <= inner.depth()).count()
        };
        let error_page =
            |only| move |(folder, handler): (Folder, AnyHandler)| (folder, handler, only);
        let not_found = of(&self.not_found).into_iter();
        let mut errors: Vec<(Folder, AnyHandler, Option<StatusCode>)> = not_found
            .map(error_page(Some(StatusCode::NOT_FOUND)))
            .chain(of(&self.error_pages).into_iter().map(error_page(None)))
            .collect();
        // Nearest first, and of one folder the page that is for less. The order is stable.
        errors.sort_by_key(|(folder, ..)| Reverse(folder.depth()));
        let errors = errors.into_iter().map(|(folder, handler, only)| ErrorPage {
            handler,
            layouts: around(&folder),
            only,
        });
        let handlers = |folders: ByFolder| folders.into_iter().map(|(_, handler)| handler);
        Scope {
            errors: errors.collect(),
            middleware: handlers(of(&self.middleware)).collect(),
            layouts: handlers(layouts).collect(),
        }
    }

    /// What surrounds the files that stand in `folder` itself.
    pub(super) fn scope_in(&self, folder: Folder) -> Scope {
        self.scope(&folder.file(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_the_pages_below_it() {
        let table = [
            ("/", "pages/index.rs", true),
            ("/", "src/pages/a/b.rs", true),
            ("/a", "pages/a/b.rs", true),
            ("/a/", "pages/a/b/c.rs", true),
            ("/a", "src/pages/a/b.rs", true),
            ("/a", "pages/a.rs", false),
            ("/a", "pages/ab/c.rs", false),
            ("/a", "pages/b/a/c.rs", false),
            ("/(shop)", "pages/(shop)/cart.rs", true),
            ("/(shop)", "pages/cart.rs", false),
            ("/pages", "pages/pages/x.rs", true),
        ];
        for (folder, file, want) in table {
            assert_eq!(Folder::new(folder).holds(file), want, "{folder} {file}");
        }
    }
}
