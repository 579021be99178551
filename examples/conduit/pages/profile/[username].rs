use nova::prelude::*;
use nova::session::Csrf;
use serde::Deserialize;

use crate::app::Conduit;
use crate::components::articles::{list, portrait};
use crate::components::links;
use crate::model::articles::{self, Page, Wanted};
use crate::model::profiles;
use crate::model::visitor::Visitor;

#[derive(Deserialize)]
pub struct Wish {
    /// Whether the favourites are wanted, instead of what the user wrote.
    #[serde(default)]
    favorites: bool,
    #[serde(default)]
    offset: u32,
}

/// How many articles are on a page.
const LENGTH: u32 = 10;

pub async fn get(
    State(app): State<Conduit>,
    Extension(visitor): Extension<Visitor>,
    Path(username): Path<String>,
    Query(wish): Query<Wish>,
    csrf: Csrf,
) -> Result<Html> {
    let profile = profiles::find(&app.db, &username, visitor.id()).await?;
    let name = Some(profile.username.as_str());
    let wanted = match wish.favorites {
        true => Wanted {
            favorited: name,
            ..Wanted::default()
        },
        false => Wanted {
            author: name,
            ..Wanted::default()
        },
    };
    let part = Page {
        limit: LENGTH,
        offset: wish.offset,
    };
    let (found, count) = articles::list(&app.db, &wanted, part, visitor.id()).await?;
    let address = links::profile(&profile.username);
    let base = format!(
        "{address}?{}",
        if wish.favorites {
            "favorites=true&"
        } else {
            ""
        }
    );
    let current = |is: bool| is.then_some("page");
    let content = html! {
        h1 { (profile.username) }
        (portrait(profile.image.as_deref()))
        @if let Some(bio) = &profile.bio {
            p { (bio) }
        }
        @if visitor.is(&profile.username) {
            p { a href="/settings" { "Edit your settings" } }
        } @else if visitor.0.is_some() {
            form method="post" {
                (csrf)
                @if profile.following {
                    button name="follow" value="false" { "Follow no longer" }
                } @else {
                    button name="follow" value="true" { "Follow" }
                }
            }
        }
        nav.tabs aria-label="Lists" {
            a href=(address) aria-current=[current(!wish.favorites)] { "Articles" }
            a href={ (address) "?favorites=true" } aria-current=[current(wish.favorites)] { "Favourites" }
        }
        (list(&found, count, part, &base))
    };
    Ok(page(profile.username.as_str(), content))
}

#[derive(Deserialize)]
pub struct Sent {
    follow: bool,
}

pub async fn post(
    State(app): State<Conduit>,
    Extension(visitor): Extension<Visitor>,
    Path(username): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Redirect> {
    let follower = visitor.user()?.id;
    let profile = match sent.follow {
        true => profiles::follow(&app.db, &username, follower).await?,
        false => profiles::unfollow(&app.db, &username, follower).await?,
    };
    Ok(Redirect::to(&links::profile(&profile.username)))
}
