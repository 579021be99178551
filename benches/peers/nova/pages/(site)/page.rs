//! A page of 10 KB: a layout, and a component for each of 42 things.

use nova::prelude::*;

use crate::components::card::card;

pub fn get() -> Html {
    page(
        "Things",
        html! {
            h1 { "Things" }
            @for number in 1..=42 { (card(number)) }
        },
    )
}
