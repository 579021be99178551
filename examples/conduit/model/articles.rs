//! What users write.

use nova::prelude::*;
use serde::{Deserialize, Serialize};
use sqlx::types::Json as SqlJson;
use sqlx::{FromRow, Sqlite, SqlitePool, Transaction};

use crate::model::faults::{Faults, forbidden, not_found};
use crate::model::profiles::Profile;
use crate::model::users::{User, present};

#[derive(Debug, FromRow, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Article {
    pub slug: String,
    pub title: String,
    pub description: String,
    /// Lists leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// By the alphabet.
    #[sqlx(json)]
    pub tag_list: Vec<String>,
    pub created_at: String,
    pub updated_at: String,
    pub favorited: bool,
    pub favorites_count: i64,
    #[sqlx(flatten)]
    pub author: Profile,
}

/// An article as the API shows it.
#[derive(Debug, Serialize)]
pub struct ArticleBody {
    pub article: Article,
}

impl Article {
    pub fn into_body(self) -> Json<ArticleBody> {
        Json(ArticleBody { article: self })
    }
}

/// A part of a list of articles as the API shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ArticlesBody {
    pub articles: Vec<Article>,
    /// How many the whole list has.
    pub articles_count: i64,
}

impl ArticlesBody {
    /// A list leaves out what the articles say.
    pub fn new((mut articles, articles_count): (Vec<Article>, i64)) -> Json<Self> {
        articles.iter_mut().for_each(|article| article.body = None);
        Json(Self {
            articles,
            articles_count,
        })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewArticle {
    pub title: Option<String>,
    pub description: Option<String>,
    pub body: Option<String>,
    pub tag_list: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArticleUpdate {
    #[serde(default, deserialize_with = "present")]
    pub title: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    pub description: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    pub body: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    pub tag_list: Option<Option<Vec<String>>>,
}

/// How long texts of articles may be, in characters, and how many tags one has.
const TITLE: usize = 200;
const DESCRIPTION: usize = 500;
const BODY: usize = 100_000;
const TAG: usize = 40;
const TAGS: usize = 20;

fn check_tags(faults: &mut Faults, tags: &[String]) {
    tags.iter()
        .for_each(|tag| faults.at_most("tagList", tag, TAG));
    if tags.len() > TAGS {
        faults.add("tagList", "has too many tags");
    }
}

/// Which articles are wanted; without a word all of them.
#[derive(Debug, Default)]
pub struct Wanted<'a> {
    pub tag: Option<&'a str>,
    /// By the name of their author.
    pub author: Option<&'a str>,
    /// By the name of one whose favourites they are.
    pub favorited: Option<&'a str>,
    /// By the id of one who follows their author.
    pub feed_of: Option<i64>,
    pub slug: Option<&'a str>,
}

/// A part of a list.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Page {
    #[serde(default = "twenty")]
    pub limit: u32,
    #[serde(default)]
    pub offset: u32,
}

fn twenty() -> u32 {
    20
}

/// The most articles of one answer.
const MOST: u32 = 100;

macro_rules! where_wanted {
    () => {
        " from articles join users on users.id = articles.author \
         where (?1 is null or exists (select 1 from article_tags where article = articles.id and tag = ?1)) \
         and (?2 is null or users.username = ?2) \
         and (?3 is null or exists (select 1 from favorites join users as fans on fans.id = favorites.user \
              where favorites.article = articles.id and fans.username = ?3)) \
         and (?4 is null or exists (select 1 from follows where follower = ?4 and followed = users.id)) \
         and (?5 is null or articles.slug = ?5)"
    };
}

const COUNT: &str = concat!("select count(*)", where_wanted!());

const SELECT: &str = concat!(
    "select articles.slug, articles.title, articles.description, articles.body, \
     articles.created_at, articles.updated_at, users.username, users.bio, users.image, \
     (select json_group_array(tag) from (select tag from article_tags where article = articles.id order by tag)) as tag_list, \
     (select count(*) from favorites where article = articles.id) as favorites_count, \
     exists (select 1 from favorites where article = articles.id and user = ?6) as favorited, \
     exists (select 1 from follows where follower = ?6 and followed = users.id) as following",
    where_wanted!(),
    " order by articles.created_at desc, articles.id desc limit ?7 offset ?8"
);

/// Articles, the newest first, and how many there are in all.
pub async fn list(
    db: &SqlitePool,
    wanted: &Wanted<'_>,
    page: Page,
    viewer: Option<i64>,
) -> Result<(Vec<Article>, i64)> {
    let Wanted {
        tag,
        author,
        favorited,
        feed_of,
        slug,
    } = *wanted;
    let articles = sqlx::query_as(SELECT)
        .bind(tag)
        .bind(author)
        .bind(favorited)
        .bind(feed_of)
        .bind(slug)
        .bind(viewer)
        .bind(page.limit.min(MOST))
        .bind(page.offset)
        .fetch_all(db)
        .await?;
    let count = sqlx::query_scalar(COUNT)
        .bind(tag)
        .bind(author)
        .bind(favorited)
        .bind(feed_of)
        .bind(slug);
    Ok((articles, count.fetch_one(db).await?))
}

pub async fn find(db: &SqlitePool, slug: &str, viewer: Option<i64>) -> Result<Article> {
    let wanted = Wanted {
        slug: Some(slug),
        ..Wanted::default()
    };
    let (articles, _) = list(
        db,
        &wanted,
        Page {
            limit: 1,
            offset: 0,
        },
        viewer,
    )
    .await?;
    articles
        .into_iter()
        .next()
        .ok_or_else(|| not_found("article"))
}

/// The id of the article of this address.
pub async fn id_of(db: &SqlitePool, slug: &str) -> Result<i64> {
    let id = sqlx::query_scalar("select id from articles where slug = ?")
        .bind(slug)
        .fetch_optional(db)
        .await?;
    id.ok_or_else(|| not_found("article"))
}

pub async fn create(db: &SqlitePool, author: &User, new: NewArticle) -> Result<Article> {
    let mut faults = Faults::default();
    let title = faults.required("title", new.title.as_deref(), TITLE);
    let description = faults.required("description", new.description.as_deref(), DESCRIPTION);
    let body = faults.required("body", new.body.as_deref(), BODY);
    check_tags(&mut faults, new.tag_list.as_deref().unwrap_or_default());
    faults.check()?;
    let mut transaction = db.begin_with("begin immediate").await?;
    let slug = free_slug(&mut transaction, title, None).await?;
    let insert = "insert into articles (slug, title, description, body, author) values (?, ?, ?, ?, ?) returning id";
    let id: i64 = sqlx::query_scalar(insert)
        .bind(&slug)
        .bind(title)
        .bind(description)
        .bind(body)
        .bind(author.id)
        .fetch_one(&mut *transaction)
        .await?;
    set_tags(&mut transaction, id, &new.tag_list.unwrap_or_default()).await?;
    transaction.commit().await?;
    find(db, &slug, Some(author.id)).await
}

/// Changes an article; only its author may.
pub async fn update(
    db: &SqlitePool,
    slug: &str,
    user: &User,
    update: ArticleUpdate,
) -> Result<Article> {
    let id = own(db, slug, user).await?;
    let mut faults = Faults::default();
    let ArticleUpdate {
        title,
        description,
        body,
        tag_list,
    } = &update;
    let title = title
        .as_ref()
        .map(|it| faults.required("title", it.as_deref(), TITLE));
    let description = description
        .as_ref()
        .map(|it| faults.required("description", it.as_deref(), DESCRIPTION));
    let body = body
        .as_ref()
        .map(|it| faults.required("body", it.as_deref(), BODY));
    if matches!(tag_list, Some(None)) {
        faults.add("tagList", "can't be blank");
    }
    if let Some(Some(tags)) = tag_list {
        check_tags(&mut faults, tags);
    }
    faults.check()?;
    let mut transaction = db.begin_with("begin immediate").await?;
    let slug = match title {
        Some(title) => free_slug(&mut transaction, title, Some(id)).await?,
        None => slug.to_owned(),
    };
    let sql = "update articles set slug = ?, title = coalesce(?, title), \
               description = coalesce(?, description), body = coalesce(?, body), \
               updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') where id = ?";
    sqlx::query(sql)
        .bind(&slug)
        .bind(title)
        .bind(description)
        .bind(body)
        .bind(id)
        .execute(&mut *transaction)
        .await?;
    if let Some(Some(tags)) = tag_list {
        set_tags(&mut transaction, id, tags).await?;
    }
    transaction.commit().await?;
    find(db, &slug, Some(user.id)).await
}

/// Removes an article with all that belongs to it; only its author may.
pub async fn remove(db: &SqlitePool, slug: &str, user: &User) -> Result<()> {
    let id = own(db, slug, user).await?;
    sqlx::query("delete from articles where id = ?")
        .bind(id)
        .execute(db)
        .await?;
    Ok(())
}

pub async fn favorite(db: &SqlitePool, slug: &str, user: &User) -> Result<Article> {
    let id = id_of(db, slug).await?;
    let sql = "insert into favorites (user, article) values (?, ?) on conflict do nothing";
    sqlx::query(sql).bind(user.id).bind(id).execute(db).await?;
    find(db, slug, Some(user.id)).await
}

pub async fn unfavorite(db: &SqlitePool, slug: &str, user: &User) -> Result<Article> {
    let id = id_of(db, slug).await?;
    sqlx::query("delete from favorites where user = ? and article = ?")
        .bind(user.id)
        .bind(id)
        .execute(db)
        .await?;
    find(db, slug, Some(user.id)).await
}

/// The tags of all articles, the commonest first.
pub async fn tags(db: &SqlitePool) -> Result<Vec<String>> {
    let sql = "select tag from article_tags group by tag order by count(*) desc, tag";
    Ok(sqlx::query_scalar(sql).fetch_all(db).await?)
}

/// The id of an article that this user has written.
async fn own(db: &SqlitePool, slug: &str, user: &User) -> Result<i64> {
    let found: Option<(i64, i64)> =
        sqlx::query_as("select id, author from articles where slug = ?")
            .bind(slug)
            .fetch_optional(db)
            .await?;
    let (id, author) = found.ok_or_else(|| not_found("article"))?;
    if author == user.id {
        Ok(id)
    } else {
        Err(forbidden("article"))
    }
}

/// The address for this title: with a number behind it where another article has the plain one.
async fn free_slug(
    db: &mut Transaction<'_, Sqlite>,
    title: &str,
    own: Option<i64>,
) -> Result<String> {
    let plain = match slug::slugify(title) {
        // A title of signs alone.
        empty if empty.is_empty() => "article".to_owned(),
        slug => slug,
    };
    let mut slug = plain.clone();
    for number in 2_u32.. {
        let sql = "select exists (select 1 from articles where slug = ? and id is not ?)";
        if !sqlx::query_scalar::<_, bool>(sql)
            .bind(&slug)
            .bind(own)
            .fetch_one(&mut **db)
            .await?
        {
            break;
        }
        slug = format!("{plain}-{number}");
    }
    Ok(slug)
}

async fn set_tags(db: &mut Transaction<'_, Sqlite>, article: i64, tags: &[String]) -> Result<()> {
    sqlx::query("delete from article_tags where article = ?")
        .bind(article)
        .execute(&mut **db)
        .await?;
    let tags: Vec<&str> = tags
        .iter()
        .map(|tag| tag.trim())
        .filter(|tag| !tag.is_empty())
        .collect();
    let sql = "insert into article_tags (article, tag) select ?, value from json_each(?) where true \
               on conflict do nothing";
    sqlx::query(sql)
        .bind(article)
        .bind(SqlJson(tags))
        .execute(&mut **db)
        .await?;
    Ok(())
}
