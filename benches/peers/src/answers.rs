//! The bodies of the answers, byte for byte those of the app in `nova/`.

use maud::{DOCTYPE, Markup, html};
use serde::{Deserialize, Serialize};

/// The body of `/text`.
pub const TEXT: &str = "Hello, world!";

/// The body of every 404.
pub const NOT_FOUND: &str = "not found";

/// The media type of the texts.
pub const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// The media type of the pages.
pub const HTML_TYPE: &str = "text/html; charset=utf-8";

/// The media type of the data.
pub const JSON_TYPE: &str = "application/json";

/// What `/json/{id}` answers.
#[derive(Debug, Serialize)]
pub struct User {
    id: u64,
    name: String,
    email: &'static str,
    roles: [&'static str; 3],
}

/// The user with this number.
#[must_use]
pub fn user(id: u64) -> User {
    User {
        id,
        name: format!("user {id}"),
        email: "user@example.org",
        roles: ["reader", "writer", "admin"],
    }
}

/// What `POST /json` reads and gives back.
#[derive(Debug, Serialize, Deserialize)]
pub struct Item {
    id: u64,
    name: String,
    price: f64,
    tags: Vec<String>,
}

/// The body of `/html/{name}`.
#[must_use]
pub fn hello(name: &str) -> String {
    document(
        "Hello",
        &html! {
            h1 { "Hello, " (name) "!" }
            p { "A short page with one parameter, which is escaped." }
        },
    )
}

/// The body of `/page`: a layout, and a component for each of 42 things.
#[must_use]
pub fn page() -> String {
    document(
        "Things",
        &html! {
            header { a href="/" { "Home" } " " a href="/page" { "Things" } }
            main {
                h1 { "Things" }
                @for number in 1..=42 { (card(number)) }
            }
            footer { p { "The end of the page." } }
        },
    )
}

/// A box that describes the thing with this number.
fn card(number: u32) -> Markup {
    html! {
        section.card id={ "thing-" (number) } {
            h2 { "Thing " (number) }
            p { "It costs " (number * 3) " coins, weighs " (number % 7) " pounds & is < others." }
            ul.tags { @for tag in ["new", "small", "blue"] { li { (tag) } } }
            a href={ "/things/" (number) } { "More about thing " (number) }
        }
    }
}

/// The document around a content, as an app of Nova has it.
fn document(title: &str, content: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
            }
            body { (content) }
        }
    }
    .into_string()
}

/// The address of one of the routes that `--routes` adds, with `parameter` where its parameter is.
#[must_use]
pub fn route(number: usize, parameter: &str) -> String {
    format!("/s{}/p{number}/{parameter}", number / 50)
}

/// What it answers.
#[must_use]
pub fn route_text(number: usize, id: u64) -> String {
    format!("route {number}, {id}")
}
