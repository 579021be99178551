use nova::prelude::*;
use serde::Deserialize;

use crate::app::Conduit;
use crate::model::articles::{self, ArticleBody, ArticleUpdate};
use crate::model::users::Auth;

#[derive(Deserialize)]
pub struct Update {
    article: ArticleUpdate,
}

pub async fn get(
    State(app): State<Conduit>,
    viewer: Option<Auth>,
    Path(slug): Path<String>,
) -> Result<Json<ArticleBody>> {
    let viewer = viewer.map(|Auth(user)| user.id);
    Ok(articles::find(&app.db, &slug, viewer).await?.into_body())
}

pub async fn put(
    State(app): State<Conduit>,
    Auth(user): Auth,
    Path(slug): Path<String>,
    Json(sent): Json<Update>,
) -> Result<Json<ArticleBody>> {
    Ok(articles::update(&app.db, &slug, &user, sent.article)
        .await?
        .into_body())
}

pub async fn delete(
    State(app): State<Conduit>,
    Auth(user): Auth,
    Path(slug): Path<String>,
) -> Result<StatusCode> {
    articles::remove(&app.db, &slug, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}
