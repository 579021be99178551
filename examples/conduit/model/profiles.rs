//! A user as others see them.

use nova::prelude::*;
use serde::Serialize;
use sqlx::{FromRow, SqlitePool};

use crate::model::faults::not_found;

#[derive(Clone, Debug, FromRow, Serialize)]
pub struct Profile {
    pub username: String,
    pub bio: Option<String>,
    pub image: Option<String>,
    /// Whether the one who asks follows them.
    pub following: bool,
}

#[derive(Debug, Serialize)]
pub struct ProfileBody {
    pub profile: Profile,
}

impl Profile {
    pub fn into_body(self) -> Json<ProfileBody> {
        Json(ProfileBody { profile: self })
    }
}

/// The profile of this name, as `viewer` sees it.
pub async fn find(db: &SqlitePool, username: &str, viewer: Option<i64>) -> Result<Profile> {
    let sql = "select username, bio, image, \
               exists (select 1 from follows where follower = ? and followed = users.id) as following \
               from users where username = ?";
    let found = sqlx::query_as(sql)
        .bind(viewer)
        .bind(username)
        .fetch_optional(db)
        .await?;
    found.ok_or_else(|| not_found("profile"))
}

pub async fn follow(db: &SqlitePool, username: &str, follower: i64) -> Result<Profile> {
    let sql = "insert into follows (follower, followed) \
               select ?, id from users where username = ? on conflict do nothing";
    sqlx::query(sql)
        .bind(follower)
        .bind(username)
        .execute(db)
        .await?;
    find(db, username, Some(follower)).await
}

pub async fn unfollow(db: &SqlitePool, username: &str, follower: i64) -> Result<Profile> {
    let sql = "delete from follows where follower = ? \
               and followed = (select id from users where username = ?)";
    sqlx::query(sql)
        .bind(follower)
        .bind(username)
        .execute(db)
        .await?;
    find(db, username, Some(follower)).await
}
