use nova::prelude::*;

use crate::app::Conduit;
use crate::model::articles::{self, ArticleBody};
use crate::model::users::Auth;

pub async fn post(
    State(app): State<Conduit>,
    Auth(user): Auth,
    Path(slug): Path<String>,
) -> Result<Json<ArticleBody>> {
    Ok(articles::favorite(&app.db, &slug, &user).await?.into_body())
}

pub async fn delete(
    State(app): State<Conduit>,
    Auth(user): Auth,
    Path(slug): Path<String>,
) -> Result<Json<ArticleBody>> {
    Ok(articles::unfavorite(&app.db, &slug, &user)
        .await?
        .into_body())
}
