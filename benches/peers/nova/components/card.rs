use nova::prelude::*;

/// A box that describes the thing with this number.
pub fn card(number: u32) -> Markup {
    html! {
        section.card id={ "thing-" (number) } {
            h2 { "Thing " (number) }
            p { "It costs " (number * 3) " coins, weighs " (number % 7) " pounds & is < others." }
            ul.tags { @for tag in ["new", "small", "blue"] { li { (tag) } } }
            a href={ "/things/" (number) } { "More about thing " (number) }
        }
    }
}
