use nova::prelude::*;

/// What went wrong, for people.
pub fn handler(error: Error) -> Html {
    let status = error.status();
    let title = status.canonical_reason().unwrap_or("Error");
    page(
        title,
        html! {
            h1 { (title) }
            @if status.is_server_error() {
                p { "It is not your fault, and it is in our log. Please try again in a moment." }
            } @else {
                p { (error.message()) }
            }
            p { a href="/" { "To the front page" } }
        },
    )
}
