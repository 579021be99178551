//! Who writes and reads.

use nova::auth::Password;
use nova::prelude::*;
use serde::{Deserialize, Deserializer, Serialize};
use sqlx::{FromRow, SqlitePool};

use crate::app::Conduit;
use crate::model::faults::{Faults, fault, taken};
use crate::model::tokens::LogIn;

#[derive(Clone, Debug, FromRow)]
pub struct User {
    pub id: i64,
    pub username: String,
    pub email: String,
    pub bio: Option<String>,
    pub image: Option<String>,
    pub password_changes: i64,
}

/// How long texts of users may be, in characters.
const NAME: usize = 40;
const EMAIL: usize = 254;
const PASSWORD: usize = 256;
const BIO: usize = 2000;
const IMAGE: usize = 2000;

/// Which field of a table has to be unlike all others, and what the API calls it.
const UNIQUE: [(&str, &str); 2] = [("users.username", "username"), ("users.email", "email")];

/// What a new user says of themselves.
#[derive(Debug, Default, Deserialize)]
pub struct NewUser {
    pub username: Option<String>,
    pub email: Option<String>,
    pub password: Option<String>,
}

/// What of a user changes. A field that may be empty is told apart from one that is not there.
#[derive(Debug, Default, Deserialize)]
pub struct UserUpdate {
    #[serde(default, deserialize_with = "present")]
    pub username: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    pub email: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    pub password: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    pub bio: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    pub image: Option<Option<String>>,
}

/// `null` is a value; a field that is missing is none.
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[derive(Debug, Default, Deserialize)]
pub struct Login {
    pub email: Option<String>,
    pub password: Option<String>,
}

/// A user, with a token, as the API shows them to themselves.
#[derive(Debug, Serialize)]
pub struct UserBody {
    pub user: Account,
}

#[derive(Debug, Serialize)]
pub struct Account {
    pub email: String,
    pub token: String,
    pub username: String,
    pub bio: Option<String>,
    pub image: Option<String>,
}

impl User {
    /// What a session or a token of this user holds.
    pub fn log_in(&self) -> LogIn {
        let User {
            id,
            password_changes,
            ..
        } = *self;
        LogIn {
            user: id,
            password_changes,
        }
    }

    pub fn into_body(self, app: &Conduit) -> Result<Json<UserBody>> {
        let token = app.tokens.issue(self.log_in())?;
        let User {
            username,
            email,
            bio,
            image,
            ..
        } = self;
        Ok(Json(UserBody {
            user: Account {
                email,
                token,
                username,
                bio,
                image,
            },
        }))
    }
}

macro_rules! columns {
    () => {
        "id, username, email, bio, image, password_changes"
    };
}

async fn find(db: &SqlitePool, id: i64) -> Result<Option<User>> {
    let sql = concat!("select ", columns!(), " from users where id = ?");
    Ok(sqlx::query_as(sql).bind(id).fetch_optional(db).await?)
}

/// Who has logged in, unless the password was changed since.
pub async fn logged_in(db: &SqlitePool, login: LogIn) -> Result<Option<User>> {
    let user = find(db, login.user).await?;
    Ok(user.filter(|user| user.log_in() == login))
}

pub async fn register(db: &SqlitePool, new: NewUser) -> Result<User> {
    let mut faults = Faults::default();
    let username = faults.required("username", new.username.as_deref(), NAME);
    let email = required_email(&mut faults, new.email.as_deref());
    let password = faults.secret("password", new.password.as_deref(), PASSWORD);
    faults.check()?;
    let hash = Password::hash(password).await?;
    let insert = concat!(
        "insert into users (username, email, password_hash) values (?, ?, ?) returning ",
        columns!()
    );
    let row = sqlx::query_as(insert)
        .bind(username)
        .bind(email)
        .bind(hash)
        .fetch_one(db);
    row.await.map_err(|error| taken(error, &UNIQUE))
}

pub async fn update(db: &SqlitePool, user: &User, update: UserUpdate) -> Result<User> {
    let mut faults = Faults::default();
    let UserUpdate {
        username,
        email,
        password,
        bio,
        image,
    } = &update;
    let username = username
        .as_ref()
        .map(|it| faults.required("username", it.as_deref(), NAME));
    let email = email
        .as_ref()
        .map(|it| required_email(&mut faults, it.as_deref()));
    let password = password
        .as_ref()
        .map(|it| faults.secret("password", it.as_deref(), PASSWORD));
    // An empty text is none.
    let text = |new: &Option<Option<String>>, old: &Option<String>| {
        new.clone()
            .unwrap_or_else(|| old.clone())
            .filter(|text| !text.is_empty())
    };
    let (bio, image) = (text(bio, &user.bio), text(image, &user.image));
    faults.at_most("bio", bio.as_deref().unwrap_or_default(), BIO);
    faults.at_most("image", image.as_deref().unwrap_or_default(), IMAGE);
    faults.check()?;
    let hash = match password {
        Some(password) => Some(Password::hash(password).await?),
        None => None,
    };
    let sql = concat!(
        "update users set username = coalesce(?1, username), email = coalesce(?2, email), \
         password_hash = coalesce(?3, password_hash), \
         password_changes = password_changes + (?3 is not null), bio = ?4, image = ?5 \
         where id = ?6 returning ",
        columns!()
    );
    let row = sqlx::query_as(sql)
        .bind(username)
        .bind(email)
        .bind(hash)
        .bind(bio)
        .bind(image)
        .bind(user.id)
        .fetch_one(db);
    row.await.map_err(|error| taken(error, &UNIQUE))
}

/// The user with this address and this password. Whether it is the one or the other that is wrong is
/// not said, nor can it be told from the time that the answer takes.
pub async fn login(db: &SqlitePool, login: Login) -> Result<User> {
    let mut faults = Faults::default();
    let email = faults.required("email", login.email.as_deref(), EMAIL);
    let password = faults.secret("password", login.password.as_deref(), PASSWORD);
    faults.check()?;
    let sql = "select id, password_hash from users where email = ?";
    let found: Option<(i64, String)> = sqlx::query_as(sql).bind(email).fetch_optional(db).await?;
    let hash = found.as_ref().map(|(_, hash)| hash.as_str());
    let user = match (Password::verify(password, hash).await?, &found) {
        (true, Some((id, _))) => find(db, *id).await?,
        _ => None,
    };
    user.ok_or_else(|| fault(StatusCode::UNAUTHORIZED, "credentials", "invalid"))
}

/// Whether this is the password of the user.
pub async fn has_password(db: &SqlitePool, user: &User, password: &str) -> Result<bool> {
    let sql = "select password_hash from users where id = ?";
    let hash: String = sqlx::query_scalar(sql).bind(user.id).fetch_one(db).await?;
    Password::verify(password, Some(&hash)).await
}

fn required_email<'a>(faults: &mut Faults, email: Option<&'a str>) -> &'a str {
    let email = faults.required("email", email, EMAIL);
    let is_address = email
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    if !email.is_empty() && !is_address {
        faults.add("email", "is invalid");
    }
    email
}

/// The user who sends a request to the API, by the token of the header `authorization`.
pub struct Auth(pub User);

impl FromRequest<Conduit> for Auth {
    type Part = Head;
    type Rejection = Error;

    async fn from_request(cx: &mut RequestContext<'_>, app: &Conduit) -> Result<Self> {
        let missing = || {
            fault(StatusCode::UNAUTHORIZED, "token", "is missing")
                .with_header("www-authenticate", "Token")
        };
        let header = cx.header("authorization").ok_or_else(missing)?;
        let token = header
            .strip_prefix("Token ")
            .or_else(|| header.strip_prefix("Bearer "));
        let login = token
            .and_then(|token| app.tokens.read(token.trim()))
            .ok_or_else(missing)?;
        logged_in(&app.db, login)
            .await?
            .map(Auth)
            .ok_or_else(missing)
    }
}

impl OptionalFromRequest<Conduit> for Auth {
    fn is_present(head: &RequestContext<'_>) -> bool {
        head.header("authorization").is_some()
    }
}
