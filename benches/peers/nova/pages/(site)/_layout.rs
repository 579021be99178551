//! What surrounds the page of things.

use nova::prelude::*;

pub fn layout(page: Html) -> Html {
    page.map(|content| {
        html! {
            header { a href="/" { "Home" } " " a href="/page" { "Things" } }
            main { (content) }
            footer { p { "The end of the page." } }
        }
    })
}
