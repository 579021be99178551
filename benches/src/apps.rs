//! Apps to measure: of any number of pages, for Nova and for axum alone, with the same pages.
//!
//! A page is what people write: a query with serde, some data, a component, markup, and a JSON
//! method beside it. Layout and component are shared. The text of the page's heading is where the
//! edits go.

use nova_tests::workspace::{App, root};

/// The heading that the edits replace.
pub const HEADING: &str = "a heading";

/// The file of page `number` in a Nova app.
#[must_use]
pub fn nova_file(number: usize) -> String {
    format!("pages/s{}/p{number}.rs", number / 50)
}

/// The URL of page `number`, in both kinds.
#[must_use]
pub fn url(number: usize) -> String {
    format!("/s{}/p{number}", number / 50)
}

/// A Nova app of so many pages.
#[must_use]
pub fn nova(pages: usize) -> App {
    let app = App::empty(&format!("nova-{pages}"));
    let sdk = root().join("plugin-sdk").display().to_string();
    app.write(
        "Cargo.toml",
        &NOVA_MANIFEST.replace("SDK", &sdk).replace("PAGES", &pages.to_string()),
    );
    // What is locked there is what is needed here.
    app.write("Cargo.lock", &read("examples/starter/Cargo.lock"));
    app.write("lib.rs", "//! A generated app.\n\n// nova:begin\n// nova:end\n");
    app.write("components/card.rs", &format!("use nova::prelude::*;\n\n{CARD}"));
    app.write("pages/_layout.rs", &format!("use nova::prelude::*;\n\n{NOVA_LAYOUT}"));
    app.write("pages/index.rs", "pub fn get() -> &'static str {\n    \"the front page\"\n}\n");
    app.write("styles/main.scss", "body { margin: 0; }\n");
    for number in 0..pages {
        app.write(&nova_file(number), &nova_page(number));
    }
    app
}

/// The text of page `number` in a Nova app.
#[must_use]
pub fn nova_page(number: usize) -> String {
    let page = format!("{NOVA_IMPORTS}{TYPES}{NOVA_HANDLERS}");
    page.replace("NUMBER", &number.to_string())
}

/// A plain axum app of so many pages; `cargo build` makes a server that is told its port.
#[must_use]
pub fn axum(pages: usize) -> App {
    let app = App::empty(&format!("axum-{pages}"));
    app.write("Cargo.toml", &AXUM_MANIFEST.replace("PAGES", &pages.to_string()));
    app.write("Cargo.lock", &read("Cargo.lock"));
    app.write("src/card.rs", &format!("use maud::{{Markup, html}};\n\n{CARD}"));
    app.write("src/layout.rs", AXUM_LAYOUT);
    let (mut modules, mut routes) = (String::new(), String::new());
    for number in 0..pages {
        let page = format!("{AXUM_IMPORTS}{TYPES}{AXUM_HANDLERS}");
        app.write(&axum_file(number), &page.replace("NUMBER", &number.to_string()));
        modules += &format!("    pub mod p{number};\n");
        let (url, page) = (url(number), format!("pages::p{number}"));
        routes += &format!("        .route({url:?}, get({page}::get).post({page}::post))\n");
    }
    app.write("src/main.rs", &AXUM_MAIN.replace("MODULES", &modules).replace("ROUTES", &routes));
    app
}

/// The file of page `number` in an axum app.
#[must_use]
pub fn axum_file(number: usize) -> String {
    format!("src/pages/p{number}.rs")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).expect("a file of the repository")
}

const NOVA_MANIFEST: &str = r#"[package]
name = "bench-nova-PAGES"
version = "0.1.0"
edition = "2024"
publish = false

[lib]
path = "lib.rs"

[dependencies]
maud = "0.27"
nova = { package = "nova-plugin-sdk", path = "SDK" }
serde = { version = "1", features = ["derive"] }

[profile.dev]
debug = "line-tables-only"

[workspace]
"#;

const AXUM_MANIFEST: &str = r#"[package]
name = "bench-axum-PAGES"
version = "0.1.0"
edition = "2024"
publish = false

[dependencies]
axum = { version = "0.8", default-features = false, features = ["http1", "json", "query", "tokio"] }
maud = "0.27"
serde = { version = "1", features = ["derive"] }
tokio = { version = "1", features = ["macros", "net", "rt-multi-thread"] }

[profile.dev]
debug = "line-tables-only"

[workspace]
"#;

const CARD: &str = r#"/// A box with a title.
pub fn card(title: &str, content: &Markup) -> Markup {
    html! {
        section.card {
            h2 { (title) }
            div { (content) }
        }
    }
}
"#;

const NOVA_LAYOUT: &str = r#"/// What surrounds every page.
pub fn layout(page: Html, uri: Uri) -> Html {
    page.map(|content| {
        html! {
            header { a href="/" { "Home" } " " code { (uri.path()) } }
            main { (content) }
        }
    })
}
"#;

const AXUM_LAYOUT: &str = r#"use maud::{DOCTYPE, Markup, html};

/// What surrounds every page.
pub fn layout(title: &str, path: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head { title { (title) } }
            body {
                header { a href="/" { "Home" } " " code { (path) } }
                main { (content) }
            }
        }
    }
}
"#;

const NOVA_IMPORTS: &str = "use nova::prelude::*;
use serde::{Deserialize, Serialize};

use crate::components::card::card;
";

const AXUM_IMPORTS: &str = "use axum::Json;
use axum::extract::Query;
use axum::http::Uri;
use axum::response::Html;
use maud::html;
use serde::{Deserialize, Serialize};

use crate::card::card;
use crate::layout::layout;
";

const TYPES: &str = r#"
/// What is looked for.
#[derive(Debug, Deserialize)]
pub struct Search {
    #[serde(default)]
    term: String,
    most: Option<usize>,
}

/// What is found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Item {
    id: u64,
    name: String,
    tags: Vec<String>,
}

fn items(search: &Search) -> Vec<Item> {
    let item = |id| Item { id, name: format!("item {id} of NUMBER"), tags: vec!["new".to_owned()] };
    let found = (1..=20).map(item).filter(|item| item.name.contains(&search.term));
    found.take(search.most.unwrap_or(10)).collect()
}
"#;

const NOVA_HANDLERS: &str = r#"
pub fn get(Query(search): Query<Search>) -> Html {
    let found = items(&search);
    page("Page NUMBER", html! {
        h1 { "a heading" }
        (card("Found", &html! {
            ul {
                @for item in &found {
                    li { (item.id) ": " (item.name) " " (item.tags.join(", ")) }
                }
            }
        }))
    })
}

pub fn post(Json(mut item): Json<Item>) -> Json<Item> {
    item.tags.push("seen".to_owned());
    Json(item)
}
"#;

const AXUM_HANDLERS: &str = r#"
pub async fn get(Query(search): Query<Search>, uri: Uri) -> Html<String> {
    let found = items(&search);
    let content = html! {
        h1 { "a heading" }
        (card("Found", &html! {
            ul {
                @for item in &found {
                    li { (item.id) ": " (item.name) " " (item.tags.join(", ")) }
                }
            }
        }))
    };
    Html(layout("Page NUMBER", uri.path(), &content).into_string())
}

pub async fn post(Json(mut item): Json<Item>) -> Json<Item> {
    item.tags.push("seen".to_owned());
    Json(item)
}
"#;

const AXUM_MAIN: &str = r#"//! A plain axum app, told its port.

mod card;
mod layout;
mod pages {
MODULES}

use axum::Router;
use axum::routing::get;

#[tokio::main]
async fn main() {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(0_u16);
    let app = Router::new()
ROUTES        .route("/", get(|| async { "the front page" }));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("a port");
    axum::serve(listener, app).await.expect("a server");
}
"#;
