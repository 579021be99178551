use nova::prelude::*;

/// Any address without a page, and any page that answers 404: its message says what is missing.
pub fn get(error: Error, uri: Uri) -> Html {
    page(
        "Not found",
        html! {
            article.prose {
                p.eyebrow { "404" }
                h1 { "There is nothing here." }
                // What a page has made has a place in it.
                @if error.location().is_none() {
                    p { "No page has the address " code { (uri.path()) } "." }
                } @else {
                    p { (error.message()) }
                }
                p { a href="/" { "Go to the home page" } " or look into the " a href="/docs" { "guide" } "." }
            }
        },
    )
}
