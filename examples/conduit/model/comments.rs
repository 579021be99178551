//! What readers say about an article.

use nova::prelude::*;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, SqlitePool};

use crate::model::articles;
use crate::model::faults::{Faults, forbidden, not_found};
use crate::model::profiles::Profile;
use crate::model::users::User;

#[derive(Debug, FromRow, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comment {
    pub id: i64,
    pub created_at: String,
    pub updated_at: String,
    pub body: String,
    #[sqlx(flatten)]
    pub author: Profile,
}

/// A comment as the API shows it.
#[derive(Debug, Serialize)]
pub struct CommentBody {
    pub comment: Comment,
}

/// The comments of an article as the API shows them, the newest first.
#[derive(Debug, Serialize)]
pub struct CommentsBody {
    pub comments: Vec<Comment>,
}

#[derive(Debug, Default, Deserialize)]
pub struct NewComment {
    pub body: Option<String>,
}

/// How long a comment may be, in characters.
const BODY: usize = 10_000;

const SELECT: &str = "select comments.id, comments.created_at, comments.updated_at, comments.body, \
    users.username, users.bio, users.image, \
    exists (select 1 from follows where follower = ?1 and followed = users.id) as following \
    from comments join users on users.id = comments.author \
    where comments.article = ?2 and (?3 is null or comments.id = ?3) order by comments.id desc";

pub async fn of_article(db: &SqlitePool, slug: &str, viewer: Option<i64>) -> Result<Vec<Comment>> {
    let article = articles::id_of(db, slug).await?;
    Ok(sqlx::query_as(SELECT)
        .bind(viewer)
        .bind(article)
        .bind(None::<i64>)
        .fetch_all(db)
        .await?)
}

pub async fn add(db: &SqlitePool, slug: &str, author: &User, new: NewComment) -> Result<Comment> {
    let article = articles::id_of(db, slug).await?;
    let mut faults = Faults::default();
    let body = faults.required("body", new.body.as_deref(), BODY);
    faults.check()?;
    let insert = "insert into comments (article, author, body) values (?, ?, ?) returning id";
    let id: i64 = sqlx::query_scalar(insert)
        .bind(article)
        .bind(author.id)
        .bind(body)
        .fetch_one(db)
        .await?;
    Ok(sqlx::query_as(SELECT)
        .bind(author.id)
        .bind(article)
        .bind(id)
        .fetch_one(db)
        .await?)
}

/// Removes a comment; only its author may.
pub async fn remove(db: &SqlitePool, slug: &str, id: i64, user: &User) -> Result<()> {
    let article = articles::id_of(db, slug).await?;
    let author: Option<i64> =
        sqlx::query_scalar("select author from comments where id = ? and article = ?")
            .bind(id)
            .bind(article)
            .fetch_optional(db)
            .await?;
    if author.ok_or_else(|| not_found("comment"))? != user.id {
        return Err(forbidden("comment"));
    }
    sqlx::query("delete from comments where id = ?")
        .bind(id)
        .execute(db)
        .await?;
    Ok(())
}
