use nova::prelude::*;
use serde::Deserialize;

use crate::app::Conduit;
use crate::model::comments::{self, CommentBody, CommentsBody, NewComment};
use crate::model::users::Auth;

#[derive(Deserialize)]
pub struct Sent {
    comment: NewComment,
}

pub async fn get(
    State(app): State<Conduit>,
    viewer: Option<Auth>,
    Path(slug): Path<String>,
) -> Result<Json<CommentsBody>> {
    let viewer = viewer.map(|Auth(user)| user.id);
    let comments = comments::of_article(&app.db, &slug, viewer).await?;
    Ok(Json(CommentsBody { comments }))
}

pub async fn post(
    State(app): State<Conduit>,
    Auth(user): Auth,
    Path(slug): Path<String>,
    Json(sent): Json<Sent>,
) -> Result<(StatusCode, Json<CommentBody>)> {
    let comment = comments::add(&app.db, &slug, &user, sent.comment).await?;
    Ok((StatusCode::CREATED, Json(CommentBody { comment })))
}
