//! The guide: every path below `/docs`, and `/docs` itself.

use nova::prelude::*;

// A name that begins with `_` is no page, but a page can take it in.
mod _articles;

use _articles::ARTICLES;

pub fn get(Path(path): Path<String>) -> Result<Html> {
    let position = ARTICLES.iter().position(|article| article.path == path);
    let position = position.ok_or_else(|| Error::not_found("There is no such article."))?;
    let article = &ARTICLES[position];
    let before = position.checked_sub(1).map(|index| &ARTICLES[index]);
    let after = ARTICLES.get(position + 1);
    Ok(page(
        format!("{} · Guide", article.title),
        html! {
            div.guide {
                nav aria-label="Guide" {
                    ul {
                        @for other in &ARTICLES {
                            @let current = (other.path == path).then_some("page");
                            li { a href=(other.href()) aria-current=[current] { (other.title) } }
                        }
                    }
                }
                article.prose {
                    p.eyebrow { "Guide" }
                    h1 { (article.title) }
                    ((article.body)())
                    nav.turn aria-label="Before and after" {
                        @if let Some(before) = before {
                            a rel="prev" href=(before.href()) { "← " (before.title) }
                        }
                        @if let Some(after) = after {
                            a rel="next" href=(after.href()) { (after.title) " →" }
                        }
                    }
                }
            }
        },
    ))
}
