//! A folder under `pages`, by which layouts, middleware and error pages find their pages.
//!
//! Folders and not URLs, because `(group)` folders are not part of a URL.

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
