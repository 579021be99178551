use nova::prelude::*;

use crate::components::code::{listing, terminal};

pub fn get() -> Html {
    page(
        "Nova: a route is a file",
        html! {
            section.hero {
                p.mapping {
                    code { "pages/users/[id].rs" }
                    span aria-hidden="true" { "→" }
                    code { "GET /users/42" }
                }
                h1 { "A route is a file." }
                p.lead {
                    "The pages of this site are compiled into one shared library. A running host \
                    loads it, checks it and swaps it in: on every save while you write, on every \
                    deployment later, without dropping a request."
                }
                p.actions {
                    a.button href="/docs" { "Read the guide" }
                    a href="/about" { "How a swap works" }
                }
            }
            section.pair aria-label="An example" {
                (listing("pages/users/[id].rs", "use nova::prelude::*;
use crate::app::Store;

pub fn get(
    Path(id): Path<u64>,
    State(store): State<Store>,
) -> Result<Html> {
    let user = store
        .user(id)
        .ok_or(Error::not_found(\"no such user\"))?;
    Ok(page(user.name.clone(), html! {
        h1 { (user.name) }
    }))
}"))
                (terminal("$ nova dev
listening on http://127.0.0.1:2518

$ curl -i localhost:2518/users/1
HTTP/1.1 200 OK
content-type: text/html; charset=utf-8

$ curl -i localhost:2518/users/99
HTTP/1.1 404 Not Found"))
            }
            section aria-labelledby="tour" {
                h2 id="tour" { "What is in this app" }
                p { "Each line is a file, and the route that it answers. Change one, save it, and watch this page." }
                ul.routes {
                    @for (file, route, what) in TOUR {
                        li {
                            code { (file) }
                            a href=(route) { (route) }
                            span { (what) }
                        }
                    }
                }
            }
            section aria-labelledby="commands" {
                h2 id="commands" { "Three commands" }
                dl.commands {
                    div {
                        dt { code { "nova dev" } }
                        dd { "Serves the app and swaps the code in on every save. Styles change without a reload; mistakes show in the browser, in rustc's own words." }
                    }
                    div {
                        dt { code { "nova build" } }
                        dd { "Makes a release in " code { "build/" } ": the compiled routes, the public files and the host that serves them." }
                    }
                    div {
                        dt { code { "build/start" } }
                        dd { "Serves it, ready within milliseconds. The next build is swapped in with " code { "nova swap build" } "." }
                    }
                }
            }
        },
    )
}

const TOUR: [(&str, &str, &str); 8] = [
    ("pages/index.rs", "/", "This page, made of components"),
    ("pages/about.rs", "/about", "What happens when you save"),
    (
        "pages/users/index.rs",
        "/users",
        "A list out of the shared state",
    ),
    (
        "pages/users/[id].rs",
        "/users/1",
        "A parameter, typed and checked",
    ),
    (
        "pages/docs/[[...path]].rs",
        "/docs",
        "The guide: one page for every path below",
    ),
    (
        "pages/guestbook.rs",
        "/guestbook",
        "A form, validated on the server",
    ),
    (
        "pages/stream.rs",
        "/stream",
        "An answer that arrives line by line",
    ),
    (
        "pages/api/users.rs",
        "/api/users",
        "JSON, to read and to add to",
    ),
];
