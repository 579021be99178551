use nova::prelude::*;

use crate::app::Store;

pub fn get(Path(id): Path<u64>, State(store): State<Store>) -> Result<Html> {
    let user = store
        .user(id)
        .ok_or_else(|| Error::not_found(format!("There is no user {id}.")))?;
    Ok(page(
        user.name.clone(),
        html! {
            article.prose {
                p.eyebrow { a href="/users" { "Users" } " / " (user.id) }
                h1 { (user.name) }
                p.lead { (user.known_for) }
                p { "This page is " code { "pages/users/[id].rs" } ". Its parameter is a number: " a href="/users/ada" { "/users/ada" } " is refused before the page runs." }
            }
        },
    )
    .meta("description", &user.known_for))
}
