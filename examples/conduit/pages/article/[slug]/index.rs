use nova::prelude::*;
use nova::session::Csrf;
use serde::Deserialize;

use crate::app::Conduit;
use crate::components::articles::{byline, tags};
use crate::components::field::{Field, Kind};
use crate::components::markdown::markdown;
use crate::model::articles::{self, Article};
use crate::model::comments::{self, Comment, NewComment};
use crate::model::faults::Faults;
use crate::model::visitor::Visitor;

pub async fn get(
    State(app): State<Conduit>,
    Extension(visitor): Extension<Visitor>,
    Path(slug): Path<String>,
    csrf: Csrf,
) -> Result<Html> {
    show(&app, &visitor, &slug, &csrf, "", &Faults::default()).await
}

/// What the forms of this page ask for.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Wish {
    Comment { body: String },
    DeleteComment { id: i64 },
    Favorite,
    Unfavorite,
    Delete,
}

pub async fn post(
    State(app): State<Conduit>,
    Extension(visitor): Extension<Visitor>,
    Path(slug): Path<String>,
    csrf: Csrf,
    Form(wish): Form<Wish>,
) -> Result<Response> {
    let (db, user) = (&app.db, visitor.user()?);
    match wish {
        Wish::Comment { body } => {
            let new = NewComment {
                body: Some(body.clone()),
            };
            if let Err(error) = comments::add(db, &slug, user, new).await {
                let status = error.status();
                let faults = Faults::of(error)?;
                let page = show(&app, &visitor, &slug, &csrf, &body, &faults).await?;
                return Ok((status, page).into_response());
            }
        }
        Wish::DeleteComment { id } => comments::remove(db, &slug, id, user).await?,
        Wish::Favorite => drop(articles::favorite(db, &slug, user).await?),
        Wish::Unfavorite => drop(articles::unfavorite(db, &slug, user).await?),
        Wish::Delete => {
            articles::remove(db, &slug, user).await?;
            return Ok(Redirect::to("/").into_response());
        }
    }
    Ok(Redirect::to(&format!("/article/{slug}")).into_response())
}

async fn show(
    app: &Conduit,
    visitor: &Visitor,
    slug: &str,
    csrf: &Csrf,
    comment: &str,
    faults: &Faults,
) -> Result<Html> {
    let article = articles::find(&app.db, slug, visitor.id()).await?;
    let comments = comments::of_article(&app.db, slug, visitor.id()).await?;
    let body = article.body.as_deref().unwrap_or_default();
    let content = html! {
        article {
            h1 { (article.title) }
            (byline(&article.author, &article.created_at))
            (actions(&article, visitor, csrf))
            div.prose { (markdown(body)) }
            p { (tags(&article.tag_list)) }
        }
        section aria-labelledby="comments" {
            h2 id="comments" { "Comments" }
            @if visitor.0.is_some() {
                (comment_form(csrf, comment, faults))
            } @else {
                p { a href="/login" { "Log in" } " to say something about it." }
            }
            @for comment in &comments {
                (show_comment(comment, visitor, csrf))
            }
        }
    };
    Ok(page(article.title.as_str(), content).meta("description", article.description.as_str()))
}

/// A form of one button.
fn button(csrf: &Csrf, wish: &str, label: &str, id: Option<i64>) -> Markup {
    html! {
        form method="post" {
            (csrf)
            @if let Some(id) = id {
                input type="hidden" name="id" value=(id);
            }
            button.plain name="do" value=(wish) { (label) }
        }
    }
}

fn actions(article: &Article, visitor: &Visitor, csrf: &Csrf) -> Markup {
    html! {
        div.actions {
            @if visitor.is(&article.author.username) {
                a href={ "/editor/" (article.slug) } { "Edit" }
                (button(csrf, "delete", "Delete", None))
            } @else if visitor.0.is_some() {
                @let (wish, label) = match article.favorited {
                    true => ("unfavorite", "No longer a favourite"),
                    false => ("favorite", "A favourite"),
                };
                (button(csrf, wish, label, None))
            }
            span.quiet { (article.favorites_count) " ♥" }
        }
    }
}

fn comment_form(csrf: &Csrf, value: &str, faults: &Faults) -> Markup {
    let body = Field {
        name: "body",
        label: "Your comment",
        value,
        kind: Kind::Text(3),
    };
    html! {
        form.stack method="post" novalidate {
            (csrf)
            (body.show(faults))
            button name="do" value="comment" { "Say it" }
        }
    }
}

fn show_comment(comment: &Comment, visitor: &Visitor, csrf: &Csrf) -> Markup {
    html! {
        blockquote {
            p { (comment.body) }
            (byline(&comment.author, &comment.created_at))
            @if visitor.is(&comment.author.username) {
                (button(csrf, "delete-comment", "Delete the comment", Some(comment.id)))
            }
        }
    }
}
