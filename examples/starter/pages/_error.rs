use nova::prelude::*;

/// Every other error, in the design of the site. What a program asked for is left to Nova, which
/// answers with problem details (RFC 9457).
pub fn handler(error: Error, headers: HeaderMap) -> Result<Html> {
    let accept = headers.get("accept").and_then(|value| value.to_str().ok());
    if !accept.is_some_and(|types| types.contains("text/html")) {
        return Err(error);
    }
    let status = error.status();
    let is_ours = status.is_server_error();
    Ok(page(
        status.canonical_reason().unwrap_or("Error"),
        html! {
            article.prose {
                p.eyebrow { (status.as_u16()) }
                @if is_ours {
                    h1 { "Something went wrong on our side." }
                    p { "It is not your fault, and it is in our log. Please try again in a moment." }
                } @else {
                    h1 { "That did not work." }
                    p { (error.message()) }
                }
                p { a href="/" { "Go to the home page" } " or look into the " a href="/docs" { "guide" } "." }
            }
        },
    ))
}
