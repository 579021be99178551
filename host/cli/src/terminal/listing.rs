//! What an app answers, as a table for people and as rows for programs.

use nova_route_template::{Method, Page, RouteTree};
use serde::Serialize;

use super::table::columns;

/// One route; the fields are those of a manifest's.
#[derive(Debug, Serialize)]
pub(crate) struct RouteRow {
    pattern: String,
    methods: Vec<&'static str>,
    any: bool,
    file: String,
}

impl RouteRow {
    /// The route of `page`.
    pub(crate) fn new(page: &Page) -> Self {
        let methods = page.methods();
        Self {
            pattern: page.pattern.to_string(),
            any: methods.contains(&Method::Any),
            methods: methods.into_iter().filter_map(Method::http_name).collect(),
            file: page.file.clone(),
        }
    }

    fn methods(&self) -> String {
        let any = self.any.then_some("any");
        self.methods.iter().copied().chain(any).collect::<Vec<_>>().join(" ")
    }
}

/// What an app answers, for programs. A field may be added; none changes its meaning.
#[derive(Debug, Serialize)]
pub(crate) struct RouteList {
    /// The version of nova.
    version: &'static str,
    /// The pages, in the order of the table.
    routes: Vec<RouteRow>,
    /// Layouts, middleware and error pages.
    specials: Vec<SpecialRow>,
}

/// A file that applies to a folder and those below.
#[derive(Debug, Serialize)]
struct SpecialRow {
    kind: &'static str,
    folder: String,
    pattern: String,
    file: String,
}

impl RouteList {
    /// The routes of `tree`.
    pub(crate) fn new(tree: &RouteTree) -> Self {
        let specials = tree.specials.iter().map(|special| SpecialRow {
            kind: special.kind.name(),
            folder: special.folder.clone(),
            pattern: special.pattern.to_string(),
            file: special.file.clone(),
        });
        Self {
            version: env!("CARGO_PKG_VERSION"),
            routes: rows(tree),
            specials: specials.collect(),
        }
    }
}

fn rows(tree: &RouteTree) -> Vec<RouteRow> {
    let mut rows: Vec<_> = tree.pages.iter().map(RouteRow::new).collect();
    rows.sort_by(|a, b| a.pattern.cmp(&b.pattern));
    rows
}

/// The table of the routes of `tree`.
pub(crate) fn listing(tree: &RouteTree) -> String {
    let mut lines: Vec<_> =
        rows(tree).into_iter().map(|row| [row.methods(), row.pattern, row.file]).collect();
    // What stands in a group is for its pages alone: the group is not in the address.
    let specials = tree.specials.iter().map(|special| {
        let place = match special.folder.rsplit('/').next() {
            Some(group) if group.starts_with('(') => format!("pages of {}", special.folder),
            _ => format!("{} and below", special.pattern),
        };
        [special.kind.name().to_owned(), place, special.file.clone()]
    });
    lines.extend(specials);
    columns(&lines)
}

#[cfg(test)]
mod tests {
    use nova_route_template::{SourceFile, Sources};

    use super::*;

    fn tree() -> RouteTree {
        let page = |path: &str, text: &str| SourceFile::new(path, text);
        let sources = Sources {
            pages_root: Some("pages".into()),
            pages: vec![
                page("pages/index.rs", "pub fn get() {}"),
                page("pages/users/[id].rs", "pub fn get() {} pub async fn delete() {}"),
                page("pages/api/echo.rs", "pub fn post() {} pub fn handler() {}"),
                page("pages/docs/[...path].rs", "pub fn get() {}"),
                page("pages/_layout.rs", "pub fn layout(page: Html) -> Html { page }"),
                page("pages/users/_middleware.rs", "pub async fn middleware() {}"),
                page("pages/404.rs", "pub fn get() {}"),
                page("pages/(shop)/_error.rs", "pub fn handler() {}"),
                page("pages/users/[id]/404.rs", "pub fn get() {}"),
            ],
            ..Sources::default()
        };
        RouteTree::build(&sources).unwrap_or_else(|problems| panic!("{problems}"))
    }

    #[test]
    fn the_table_lists_pages_and_special_files() {
        let tree = tree();
        insta::assert_snapshot!(listing(&tree), @r"
        GET         /                      pages/index.rs
        POST any    /api/echo              pages/api/echo.rs
        GET         /docs/{*path}          pages/docs/[...path].rs
        GET DELETE  /users/{id}            pages/users/[id].rs
        error       pages of /(shop)       pages/(shop)/_error.rs
        404         / and below            pages/404.rs
        layout      / and below            pages/_layout.rs
        404         /users/{id} and below  pages/users/[id]/404.rs
        middleware  /users and below       pages/users/_middleware.rs
        ");
    }

    #[test]
    fn the_json_has_all_of_it_in_the_same_order() {
        let list = serde_json::to_value(RouteList::new(&tree())).expect("JSON");
        let patterns: Vec<_> =
            list["routes"].as_array().expect("routes").iter().map(|row| &row["pattern"]).collect();
        assert_eq!(patterns, ["/", "/api/echo", "/docs/{*path}", "/users/{id}"]);
        assert_eq!(
            list["routes"][3],
            serde_json::json!({
                "pattern": "/users/{id}", "methods": ["GET", "DELETE"], "any": false,
                "file": "pages/users/[id].rs",
            })
        );
        assert_eq!(
            list["specials"][3],
            serde_json::json!({
                "kind": "404", "folder": "/users/[id]", "pattern": "/users/{id}",
                "file": "pages/users/[id]/404.rs",
            })
        );
        assert_eq!(list["version"], env!("CARGO_PKG_VERSION"));
    }
}
