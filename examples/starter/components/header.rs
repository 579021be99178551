use nova::prelude::*;

const LINKS: [(&str, &str); 5] = [
    ("/docs", "Guide"),
    ("/users", "Users"),
    ("/guestbook", "Guestbook"),
    ("/stream", "Stream"),
    ("/about", "About"),
];

/// The head of every page. `path` is the page that is shown.
pub fn header(path: &str) -> Markup {
    html! {
        header.site-header {
            a.brand href="/" aria-current=[(path == "/").then_some("page")] {
                img src="/logo.svg" alt="" width="28" height="28";
                "Nova"
            }
            nav aria-label="Main" {
                @for (href, label) in LINKS {
                    a href=(href) aria-current=[current(path, href)] { (label) }
                }
            }
        }
    }
}

/// What assistive technology is told of a link: that it leads to this page, or to its part of
/// the site.
fn current(path: &str, href: &str) -> Option<&'static str> {
    match path.strip_prefix(href)? {
        "" => Some("page"),
        below if below.starts_with('/') => Some("true"),
        _ => None,
    }
}
