//! What the folders under `pages` put around the pages in them: layouts, middleware, error pages.
//!
//! Folders and not URLs, because `(group)` folders are not part of a URL.

use http::StatusCode;

use crate::pipeline::route::{AnyHandler, ErrorPage, Scope};

/// A folder as it is on disk: `/`, `/users/[id]`, `/(shop)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Folder(&'static str);

impl Folder {
    pub(super) const ROOT: Folder = Folder("");

    pub(super) fn new(path: &'static str) -> Self {
        Folder(path.trim_end_matches('/'))
    }

    pub(super) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn depth(&self) -> usize {
        self.0.matches('/').count()
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

/// The functions around pages, by the folder that they stand in.
pub(crate) struct Folders {
    pub(super) layouts: Vec<(Folder, AnyHandler)>,
    pub(super) middleware: Vec<(Folder, AnyHandler)>,
    pub(super) error_pages: Vec<(Folder, AnyHandler)>,
    pub(super) not_found: Option<AnyHandler>,
}

impl Folders {
    pub(super) fn new() -> Self {
        Self {
            layouts: Vec::new(),
            middleware: Vec::new(),
            error_pages: Vec::new(),
            not_found: None,
        }
    }

    /// Outermost first: of two folders that hold one page, the shorter is the outer.
    pub(super) fn sort(&mut self) {
        for folders in [&mut self.layouts, &mut self.middleware, &mut self.error_pages] {
            folders.sort_by_key(|(folder, _)| folder.depth());
        }
    }

    /// What surrounds the page in `file`, or an answer without a page.
    pub(crate) fn scope(&self, file: Option<&str>) -> Scope {
        let holds = |folder: &Folder| file.map_or(folder.is_root(), |file| folder.holds(file));
        let of = |folders: &[(Folder, AnyHandler)]| -> Vec<(Folder, AnyHandler)> {
            folders.iter().filter(|(folder, _)| holds(folder)).cloned().collect()
        };
        let layouts = of(&self.layouts);
        let around = |inner: &Folder| {
            layouts.iter().filter(|(folder, _)| folder.depth() <= inner.depth()).count()
        };

        let mut errors: Vec<ErrorPage> = Vec::new();
        let mut not_found = self.not_found.as_ref().map(|handler| ErrorPage {
            handler: handler.clone(),
            layouts: around(&Folder::ROOT),
            only: Some(StatusCode::NOT_FOUND),
        });
        for (folder, handler) in of(&self.error_pages).into_iter().rev() {
            if folder.is_root() {
                errors.extend(not_found.take());
            }
            errors.push(ErrorPage { handler, layouts: around(&folder), only: None });
        }
        errors.extend(not_found);
        let handlers = |folders: Vec<(Folder, AnyHandler)>| {
            folders.into_iter().map(|(_, handler)| handler).collect()
        };
        Scope {
            errors,
            layouts: handlers(layouts.clone()),
            middleware: handlers(of(&self.middleware)),
        }
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
