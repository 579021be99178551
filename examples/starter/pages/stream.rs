use nova::prelude::*;

pub fn get() -> Html {
    page(
        "Stream",
        html! {
            article.prose {
                p.eyebrow { "Stream" }
                h1 { "An answer in pieces" }
                p.lead {
                    "The route below sends one line, waits, and sends the next. Nothing is held back, \
                    and if the code is swapped meanwhile, the answer ends on the version that \
                    began it."
                }
                pre.output data-stream="/api/stream" role="log" aria-label="The answer" tabindex="0" {}
                p.actions {
                    button type="button" data-start { "Ask again" }
                    a href="/api/stream" { "Open /api/stream" }
                }
            }
        },
    )
    .head(html! { script src="/stream.js" defer {} })
}
