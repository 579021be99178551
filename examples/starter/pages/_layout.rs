use nova::prelude::*;

use crate::components::{footer, header};

/// What surrounds every page.
pub fn layout(page: Html, uri: Uri) -> Html {
    page.meta("color-scheme", "light dark")
        // For pages without a description of their own.
        .meta(
            "description",
            "A site made with Nova, where a route is a file.",
        )
        .map(|content| {
            html! {
                a.skip href="#content" { "Skip to the content" }
                (header::header(uri.path()))
                main id="content" { (content) }
                (footer::footer())
            }
        })
}
