//! What the pages say: the same for each server that is compared, so that only the way there differs.

use maud::{Markup, html};
use serde::{Deserialize, Serialize};

/// What `GET /json/{id}` answers.
#[derive(Debug, Serialize)]
pub struct User {
    id: u64,
    name: String,
    email: &'static str,
    roles: [&'static str; 3],
}

impl User {
    /// The user of this number.
    #[must_use]
    pub fn of(id: u64) -> Self {
        Self {
            id,
            name: format!("user {id}"),
            email: "user@example.org",
            roles: ["reader", "writer", "admin"],
        }
    }
}

/// What `POST /order` takes and gives back.
#[derive(Debug, Deserialize, Serialize)]
pub struct Order {
    id: u64,
    customer: String,
    items: Vec<Item>,
}

/// A line of an [`Order`].
#[derive(Debug, Deserialize, Serialize)]
pub struct Item {
    name: String,
    count: u32,
}

/// An [`Order`] as a client sends it.
pub const ORDER: &[u8] =
    br#"{"id":7,"customer":"Ada","items":[{"name":"lamp","count":1},{"name":"chair","count":4}]}"#;

/// What `GET /hello/{name}` answers.
#[must_use]
pub fn hello(name: &str) -> Markup {
    html! { p { "Hello, " b { (name) } "!" } }
}

/// What stands between the head and the foot of `GET /catalog/page`, about 9 KB.
#[must_use]
pub fn catalog() -> Markup {
    html! {
        h1 { "Catalog" }
        section.grid {
            @for number in 1..=48 {
                (card(number, &html! { p { "Made of wood, in " (number * 3) " days." } }))
            }
        }
    }
}

/// A component.
fn card(number: u32, content: &Markup) -> Markup {
    html! {
        article.card id={ "thing-" (number) } {
            h2 { a href={ "/things/" (number) } { "Thing number " (number) } }
            (content)
            p.price { (number * 17) " EUR" }
        }
    }
}

/// What surrounds the pages of the catalog.
#[must_use]
pub fn layout(content: &Markup) -> Markup {
    html! {
        header { nav { a href="/" { "Home" } " " a href="/catalog/page" { "Catalog" } } }
        main { (content) }
        footer { "No cookies." }
    }
}
