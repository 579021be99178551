use nova::prelude::*;

use crate::components::links;
use crate::model::articles::{Article, Page};
use crate::model::profiles::Profile;

/// A list of articles, and the way to its other parts. `base` is the address of the list with a query
/// that `offset` can be added to.
pub fn list(articles: &[Article], count: i64, page: Page, base: &str) -> Markup {
    let (limit, offset) = (i64::from(page.limit), i64::from(page.offset));
    html! {
        @if articles.is_empty() {
            p.quiet { "There are no articles here yet." }
        }
        @for article in articles {
            article.preview {
                (byline(&article.author, &article.created_at))
                a href=(links::article(article)) { h2 { (article.title) } }
                p { (article.description) }
                p.quiet {
                    (article.favorites_count) " ♥"
                    (tags(&article.tag_list))
                }
            }
        }
        @if offset > 0 || offset + limit < count {
            nav.pages aria-label="Pages" {
                @if offset > 0 {
                    a rel="prev" href={ (base) "offset=" ((offset - limit).max(0)) } { "Newer" }
                }
                @if offset + limit < count {
                    a rel="next" href={ (base) "offset=" (offset + limit) } { "Older" }
                }
            }
        }
    }
}

/// Who wrote something, and when.
pub fn byline(author: &Profile, created_at: &str) -> Markup {
    html! {
        p.byline {
            (portrait(author.image.as_deref()))
            a href=(links::profile(&author.username)) { (author.username) }
            " "
            time datetime=(created_at) { (created_at.get(..10).unwrap_or(created_at)) }
        }
    }
}

/// The picture of a user, whose address they chose themselves.
pub fn portrait(image: Option<&str>) -> Markup {
    let image = image.filter(|image| image.starts_with("https://") || image.starts_with('/'));
    html! {
        img.portrait src=(image.unwrap_or("/portrait.svg")) alt="" width="32" height="32";
    }
}

pub fn tags(tags: &[String]) -> Markup {
    html! {
        @for tag in tags {
            " "
            a.tag href=(links::tagged(tag)) { (tag) }
        }
    }
}
