//! The articles of the guide, in their order.

use nova::prelude::*;

use crate::components::code::{listing, terminal};

pub struct Article {
    /// What follows `/docs/`.
    pub path: &'static str,
    pub title: &'static str,
    pub body: fn() -> Markup,
}

impl Article {
    pub fn href(&self) -> String {
        format!("/docs/{}", self.path)
            .trim_end_matches('/')
            .to_owned()
    }
}

pub const ARTICLES: [Article; 6] = [
    Article {
        path: "",
        title: "First steps",
        body: first_steps,
    },
    Article {
        path: "routes",
        title: "Files and routes",
        body: routes,
    },
    Article {
        path: "pages",
        title: "Pages",
        body: pages,
    },
    Article {
        path: "state",
        title: "State",
        body: state,
    },
    Article {
        path: "styles",
        title: "Styles and files",
        body: styles,
    },
    Article {
        path: "production",
        title: "To production",
        body: production,
    },
];

fn first_steps() -> Markup {
    html! {
        p.lead { "You are looking at an app that you can change. Start it, open a file, save." }
        (terminal("$ nova dev\nlistening on http://127.0.0.1:2518"))
        p {
            "Open " code { "pages/index.rs" } ", change a heading, and save. The page in your \
            browser follows by itself. Make a mistake, and it shows what rustc says about it, \
            while the last good version goes on answering."
        }
        p {
            "Every page is an ordinary module of this crate. " code { "cargo check" } ", "
            code { "cargo test" } " and your editor work as in any other one; they do not \
            need " code { "nova" } "."
        }
        h2 { "What is where" }
        dl.files {
            dt { code { "pages/" } } dd { "The routes." }
            dt { code { "components/" } } dd { "Modules that pages share: " code { "crate::components::header" } "." }
            dt { code { "styles/" } } dd { "CSS and Sass, compiled into one stylesheet." }
            dt { code { "public/" } } dd { "Files that are served as they are." }
            dt { code { "app.rs" } } dd { "The state that pages share." }
            dt { code { "lib.rs" } } dd { "Declares the modules. " code { "nova" } " keeps its marked part in step; the rest is yours." }
        }
    }
}

fn routes() -> Markup {
    let table = [
        ("pages/index.rs", "/"),
        ("pages/about.rs", "/about"),
        ("pages/users/index.rs", "/users"),
        ("pages/users/[id].rs", "/users/42"),
        ("pages/docs/[...path].rs", "/docs/a, /docs/a/b"),
        ("pages/docs/[[...path]].rs", "/docs, /docs/a, /docs/a/b"),
        ("pages/(shop)/cart.rs", "/cart"),
        ("pages/sitemap.xml.rs", "/sitemap.xml"),
        ("pages/_helper.rs", "none: it is private"),
    ];
    html! {
        p.lead { "The path of a file is the path of its route." }
        table {
            thead { tr { th scope="col" { "File" } th scope="col" { "Answers" } } }
            tbody {
                @for (file, answers) in table {
                    tr { td { code { (file) } } td { (answers) } }
                }
            }
        }
        p {
            "If several fit, plain text wins over " code { "[id]" } ", that over "
            code { "[...path]" } ", and that over " code { "[[...path]]" } ". Two files for one \
            route are a mistake that names both."
        }
        h2 { "Files with a meaning" }
        dl.files {
            dt { code { "_layout.rs" } } dd { "Surrounds the pages of its folder and below." }
            dt { code { "_middleware.rs" } } dd { "Requests for those pages pass through it." }
            dt { code { "_error.rs" } } dd { "How errors of those pages look." }
            dt { code { "404.rs" } } dd { "The page for paths that no page answers." }
        }
    }
}

fn pages() -> Markup {
    html! {
        p.lead { "A page exports functions that are named after the methods they answer." }
        (listing("pages/search.rs", "use nova::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Search {
    q: String,
    page: Option<u32>,
}

pub async fn get(Query(search): Query<Search>) -> Html {
    page(\"Search\", html! {
        h1 { \"Results for \" (search.q) }
    })
}"))
        p {
            code { "get" } ", " code { "post" } ", " code { "put" } ", " code { "patch" } ", "
            code { "delete" } ", " code { "options" } ", " code { "head" } ", or "
            code { "handler" } " for any of them. HEAD follows GET, and a method that is not \
            there is answered with 405 and the list of those that are."
        }
        h2 { "Arguments" }
        p {
            "Ask for what you need. What does not fit the request never reaches the page. The "
            "types that you declare for it are " code { "pub" } ", since " code { "lib.rs" }
            " hands the function over."
        }
        dl.files {
            dt { code { "Path<T>" } } dd { "The parameters: one value, a tuple, or a struct." }
            dt { code { "Query<T>" } } dd { "What follows the question mark." }
            dt { code { "Form<T>, Json<T>" } } dd { "The body, read as a form or as JSON." }
            dt { code { "State<T>" } } dd { "The state of the app." }
            dt { code { "Body, Bytes, String" } } dd { "The body as it is, as a stream or whole." }
            dt { code { "Option<T>" } } dd { "Any of these that may be missing." }
        }
        h2 { "Results" }
        p {
            "HTML by " code { "page" } " and " code { "html!" } ", text, " code { "Json" } ", "
            code { "Redirect" } ", a status, a stream, tuples of a status, headers and these, or a "
            code { "Result" } ". The question mark turns any error into a 500; "
            code { "Error::not_found" } " and its like say better."
        }
    }
}

fn state() -> Markup {
    html! {
        p.lead { "What pages share is made in one place, once for each version of the code." }
        (listing("app.rs", "#[derive(Clone)]
pub struct Db(Arc<Connections>);

pub async fn init(purpose: Purpose) -> Result<Db> {
    let db = Db::connect(\"app.db\").await?;
    if purpose == Purpose::Serve {
        db.migrate().await?;
    }
    Ok(db)
}

pub async fn shutdown(db: Db) {
    db.close().await;
}"))
        p {
            "The purpose tells why it is made: to serve, or to try a new version before it is \
            let near a visitor. What changes the world outside belongs behind "
            code { "Purpose::Serve" } "."
        }
        h2 { "Over a swap" }
        p {
            "A new version makes its own state. To hand something over, write " code { "export" }
            " and " code { "import" } ": it travels as JSON, so the types may change in between. "
            "The guestbook of this app does that."
        }
    }
}

fn styles() -> Markup {
    html! {
        p.lead { "CSS and Sass are built in. Every file in " code { "styles/" } " goes into one stylesheet." }
        (listing("styles/main.scss", "@use \"tokens\" as *;

$gap: 1rem;

.card {
    padding: $gap;

    &:hover { border-color: $accent; }
}"))
        p {
            "Names that begin with an underscore are partials, for " code { "@use" } ". In \
            development a change is shown without a reload. For production the sheet is \
            minified, and its name holds a hash of its content, so that browsers may keep it."
        }
        h2 { "Files" }
        p {
            "What lies in " code { "public/" } " is served as it is: "
            code { "public/logo.svg" } " is " a href="/logo.svg" { "/logo.svg" } "."
        }
    }
}

fn production() -> Markup {
    html! {
        p.lead { "Build, copy, swap." }
        (terminal("$ nova build
$ build/start &
listening on http://127.0.0.1:2518

$ nova build && nova swap build"))
        p {
            code { "nova build" } " writes a release to " code { "build/" } ": the library, the \
            host that serves it, and the public files. It needs neither Rust nor the sources. A \
            new library is checked in a child process first: one that does not start, or \
            crashes, is refused, and the old one serves on. " code { "nova rollback" } " goes \
            back at once."
        }
        h2 { "Tests" }
        p { "Routes are called in-process, by the same matcher, without a server." }
        (listing("tests/pages.rs", "#[tokio::test]
async fn the_home_page_answers() {
    let app = TestApp::new(my_app::routes()).await;
    assert_eq!(app.get(\"/\").await.status(), StatusCode::OK);
}"))
    }
}
