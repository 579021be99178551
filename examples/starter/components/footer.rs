use nova::prelude::*;

/// The foot of every page. It names the library that made the page, which changes with every
/// save.
pub fn footer() -> Markup {
    let build = nova::build_id();
    html! {
        footer.site-footer {
            p { "Made with Nova. Edit " code { "pages/index.rs" } " to begin." }
            @if !build.is_empty() {
                p { "This page comes from route library " code { (build.get(..8).unwrap_or(build)) } "." }
            }
        }
    }
}
