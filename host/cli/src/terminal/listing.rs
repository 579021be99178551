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

/// The table of the routes of `tree`.
pub(crate) fn listing(tree: &RouteTree) -> String {
    let mut lines: Vec<_> = tree
        .pages
        .iter()
        .map(RouteRow::new)
        .map(|row| [row.methods(), row.pattern, row.file])
        .collect();
    lines.sort_by(|a, b| a[1].cmp(&b[1]));
    let specials = tree.specials.iter().map(|special| {
        let function = special.kind.function().to_owned();
        [function, format!("{} and below", special.folder), special.file.clone()]
    });
    lines.extend(specials);
    let not_found = tree.not_found.iter();
    lines.extend(
        not_found.map(|page| ["404".to_owned(), "any other".to_owned(), page.file.clone()]),
    );
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
            ],
            ..Sources::default()
        };
        RouteTree::build(&sources).unwrap_or_else(|problems| panic!("{problems}"))
    }

    #[test]
    fn the_table_lists_pages_and_special_files() {
        let tree = tree();
        insta::assert_snapshot!(listing(&tree), @r"
        GET         /                 pages/index.rs
        POST any    /api/echo         pages/api/echo.rs
        GET         /docs/{*path}     pages/docs/[...path].rs
        GET DELETE  /users/{id}       pages/users/[id].rs
        layout      / and below       pages/_layout.rs
        middleware  /users and below  pages/users/_middleware.rs
        404         any other         pages/404.rs
        ");
    }

    #[test]
    fn the_json_has_the_fields_of_a_manifest() {
        let tree = tree();
        let users = tree.pages.iter().find(|page| page.file.contains("users")).expect("a page");
        assert_eq!(
            serde_json::to_string(&RouteRow::new(users)).expect("JSON"),
            r#"{"pattern":"/users/{id}","methods":["GET","DELETE"],"any":false,"file":"pages/users/[id].rs"}"#
        );
    }
}
