use nova::prelude::*;

use crate::components::links;
use crate::model::users::User;

/// The head of every page. `path` is the page that is shown.
pub fn header(path: &str, visitor: Option<&User>) -> Markup {
    let current = |href: &str| (path == href).then_some("page");
    html! {
        header.site {
            a.brand href="/" { "conduit" }
            nav aria-label="Main" {
                a href="/" aria-current=[current("/")] { "Home" }
                @if let Some(user) = visitor {
                    a href="/editor" aria-current=[current("/editor")] { "New article" }
                    a href="/settings" aria-current=[current("/settings")] { "Settings" }
                    @let profile = links::profile(&user.username);
                    a href=(profile) aria-current=[current(&profile)] { (user.username) }
                } @else {
                    a href="/login" aria-current=[current("/login")] { "Log in" }
                    a href="/register" aria-current=[current("/register")] { "Register" }
                }
            }
        }
    }
}
