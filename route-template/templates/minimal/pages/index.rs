use nova::prelude::*;

pub fn get() -> Html {
    page(
        "nova-minimal",
        html! {
            h1 { "Hello" }
            p { "This is " code { "pages/index.rs" } ". Change it, save it, and look again." }
        },
    )
}
