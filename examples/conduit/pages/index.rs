use nova::prelude::*;
use serde::Deserialize;

use crate::app::Conduit;
use crate::components::{articles as lists, links};
use crate::model::articles::{self, Page, Wanted};
use crate::model::visitor::Visitor;

#[derive(Deserialize)]
pub struct Wish {
    tag: Option<String>,
    /// Whether only those are wanted whom the visitor follows.
    #[serde(default)]
    feed: bool,
    #[serde(default)]
    offset: u32,
}

/// How many articles are on a page.
const LENGTH: u32 = 10;

pub async fn get(
    State(app): State<Conduit>,
    Extension(visitor): Extension<Visitor>,
    Query(wish): Query<Wish>,
) -> Result<Html> {
    let feed_of = wish
        .feed
        .then(|| visitor.user())
        .transpose()?
        .map(|user| user.id);
    let tag = wish.tag.as_deref();
    let wanted = Wanted {
        tag,
        feed_of,
        ..Wanted::default()
    };
    let part = Page {
        limit: LENGTH,
        offset: wish.offset,
    };
    let (found, count) = articles::list(&app.db, &wanted, part, visitor.id()).await?;
    let tags = articles::tags(&app.db).await?;
    let base = match tag {
        Some(tag) => format!("{}&", links::tagged(tag)),
        None if wish.feed => "/?feed=true&".to_owned(),
        None => "/?".to_owned(),
    };
    let current = |is: bool| is.then_some("page");
    Ok(page(
        "Conduit",
        html! {
            h1 { "A place to write and to read." }
            nav.tabs aria-label="Lists" {
                @if visitor.0.is_some() {
                    a href="/?feed=true" aria-current=[current(wish.feed)] { "Your feed" }
                }
                a href="/" aria-current=[current(!wish.feed && tag.is_none())] { "Everything" }
                @if let Some(tag) = tag {
                    a href=(links::tagged(tag)) aria-current="page" { "#" (tag) }
                }
            }
            (lists::list(&found, count, part, &base))
            aside aria-labelledby="tags" {
                h2 id="tags" { "Tags" }
                p { (lists::tags(&tags)) }
            }
        },
    ))
}
