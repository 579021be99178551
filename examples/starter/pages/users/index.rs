use nova::prelude::*;

use crate::app::Store;
use crate::components::code::terminal;

pub fn get(State(store): State<Store>) -> Html {
    page(
        "Users",
        html! {
            p.eyebrow { "Users" }
            h1 { "People to know" }
            p.lead { "They are kept in the state that " code { "app.rs" } " makes, which every page can ask for." }
            ul.people {
                @for user in store.users() {
                    li {
                        a href=(format!("/users/{}", user.id)) { (user.name) }
                        span { (user.known_for) }
                    }
                }
            }
            h2 { "Add one" }
            p { "The same state is behind the JSON route " a href="/api/users" { "/api/users" } "." }
            (terminal("$ curl localhost:2518/api/users --json '{\"name\": \"Radia Perlman\", \"known_for\": \"Spanning trees.\"}'"))
        },
    )
}
