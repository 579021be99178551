use nova::prelude::*;
use serde::Deserialize;

use crate::app::Conduit;
use crate::model::articles::{self, ArticleBody, ArticlesBody, NewArticle, Page, Wanted};
use crate::model::users::Auth;

#[derive(Deserialize)]
pub struct Filter {
    tag: Option<String>,
    author: Option<String>,
    favorited: Option<String>,
    #[serde(flatten)]
    page: Page,
}

#[derive(Deserialize)]
pub struct Draft {
    article: NewArticle,
}

pub async fn get(
    State(app): State<Conduit>,
    viewer: Option<Auth>,
    Query(filter): Query<Filter>,
) -> Result<Json<ArticlesBody>> {
    let wanted = Wanted {
        tag: filter.tag.as_deref(),
        author: filter.author.as_deref(),
        favorited: filter.favorited.as_deref(),
        ..Wanted::default()
    };
    let viewer = viewer.map(|Auth(user)| user.id);
    Ok(ArticlesBody::new(
        articles::list(&app.db, &wanted, filter.page, viewer).await?,
    ))
}

pub async fn post(
    State(app): State<Conduit>,
    Auth(user): Auth,
    Json(draft): Json<Draft>,
) -> Result<(StatusCode, Json<ArticleBody>)> {
    let article = articles::create(&app.db, &user, draft.article).await?;
    Ok((StatusCode::CREATED, article.into_body()))
}
