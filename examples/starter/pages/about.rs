use nova::prelude::*;

use crate::components::code::listing;

pub fn get() -> Html {
    page(
        "About",
        html! {
            article.prose {
                p.eyebrow { "About" }
                h1 { "One server, one library, swapped while it runs." }
                p.lead {
                    "A Nova app has two parts. The " em { "host" } " listens, speaks HTTP and \
                    serves files. The " em { "route library" } " holds your pages, compiled. The \
                    host can hold two libraries at once, and that is the whole trick."
                }
                h2 { "What happens when you save" }
                ol.steps {
                    li { strong { "Build." } " Cargo compiles the pages into a shared library. If that fails, the browser shows what rustc said, and the last good version goes on." }
                    li { strong { "Check." } " A child process loads the new library and calls its pages, reading only. If it crashes or hangs, only the child is lost." }
                    li { strong { "Load." } " The host maps the library beside the old one, and your " code { "init" } " makes its state, or takes over what the old one exported." }
                    li { strong { "Publish." } " One pointer changes. New requests get the new code, on the connections that are already open." }
                    li { strong { "Drain." } " Requests that began on the old code end on it, to their last byte. Then it is retired." }
                }
                p { "A deployment takes the same way. So does going back: the old library is still there." }
                h2 { "What it costs" }
                p {
                    "A page is compiled, optimised Rust, and calling it across the library's border \
                    copies nothing that it need not. A loaded library is never unmapped, because \
                    code that is still referred to must not go away; each one keeps \
                    about a hundred kilobytes of its own, and the host counts them."
                }
                h2 { "A page" }
                (listing("pages/hello/[name].rs", "use nova::prelude::*;

pub fn get(Path(name): Path<String>) -> Html {
    page(\"Hello\", html! {
        h1 { \"Hello, \" (name) \"!\" }
    })
}"))
                p { "Its arguments are what it needs of the request. What it returns is the response. Text in " code { "html!" } " is escaped." }
            }
        },
    )
}
