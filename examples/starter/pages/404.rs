use nova::prelude::*;

pub fn get(uri: Uri) -> Html {
    page(
        "Not found",
        html! {
            article.prose {
                p.eyebrow { "404" }
                h1 { "There is nothing here." }
                p { "Neither a page nor what it would show was found at " code { (uri.path()) } "." }
                p { a href="/" { "Go to the home page" } " or look into the " a href="/docs" { "guide" } "." }
            }
        },
    )
}
