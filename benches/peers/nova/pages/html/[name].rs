//! A short page with one parameter.

use nova::prelude::*;

pub fn get(Path(name): Path<String>) -> Html {
    page(
        "Hello",
        html! {
            h1 { "Hello, " (name) "!" }
            p { "A short page with one parameter, which is escaped." }
        },
    )
}
