//! Who writes and reads.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use nova::prelude::*;
use nova::tokio::task::spawn_blocking;
use serde::{Deserialize, Deserializer, Serialize};
use sqlx::{FromRow, SqlitePool};

use crate::app::Conduit;
use crate::model::faults::{Faults, fault, taken};

#[derive(Clone, Debug, FromRow)]
pub struct User {
    pub id: i64,
    pub username: String,
    pub email: String,
    pub bio: Option<String>,
    pub image: Option<String>,
}

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
    pub fn into_body(self, app: &Conduit) -> Result<Json<UserBody>> {
        let token = app.tokens.issue(self.id)?;
        let User {
            id: _,
            username,
            email,
            bio,
            image,
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

const COLUMNS: &str = "select id, username, email, bio, image from users where id = ?";

pub async fn find(db: &SqlitePool, id: i64) -> Result<Option<User>> {
    Ok(sqlx::query_as(COLUMNS).bind(id).fetch_optional(db).await?)
}

pub async fn register(db: &SqlitePool, new: NewUser) -> Result<User> {
    let mut faults = Faults::default();
    let username = faults.required("username", new.username.as_deref());
    let email = required_email(&mut faults, new.email.as_deref());
    let password = faults.required("password", new.password.as_deref());
    faults.check()?;
    let hash = hash(password.to_owned()).await?;
    let insert = "insert into users (username, email, password_hash) values (?, ?, ?) \
                  returning id, username, email, bio, image";
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
        .map(|it| faults.required("username", it.as_deref()));
    let email = email
        .as_ref()
        .map(|it| required_email(&mut faults, it.as_deref()));
    let password = password
        .as_ref()
        .map(|it| faults.required("password", it.as_deref()));
    faults.check()?;
    let hash = match password {
        Some(password) => Some(hash(password.to_owned()).await?),
        None => None,
    };
    // An empty text is none.
    let text = |new: &Option<Option<String>>, old: &Option<String>| {
        new.clone()
            .unwrap_or_else(|| old.clone())
            .filter(|text| !text.is_empty())
    };
    let sql = "update users set username = coalesce(?, username), email = coalesce(?, email), \
               password_hash = coalesce(?, password_hash), bio = ?, image = ? where id = ? \
               returning id, username, email, bio, image";
    let row = sqlx::query_as(sql)
        .bind(username)
        .bind(email)
        .bind(hash)
        .bind(text(bio, &user.bio))
        .bind(text(image, &user.image))
        .bind(user.id)
        .fetch_one(db);
    row.await.map_err(|error| taken(error, &UNIQUE))
}

/// The user with this address and this password. Whether it is the one or the other that is wrong is
/// not said, nor can it be told from the time that the answer takes.
pub async fn login(db: &SqlitePool, login: Login) -> Result<User> {
    let mut faults = Faults::default();
    let email = faults.required("email", login.email.as_deref());
    let password = faults.required("password", login.password.as_deref());
    faults.check()?;
    let found: Option<(i64, String)> =
        sqlx::query_as("select id, password_hash from users where email = ?")
            .bind(email)
            .fetch_optional(db)
            .await?;
    let (id, hash) = found.map_or((None, None), |(id, hash)| (Some(id), Some(hash)));
    let is_right = verify(password.to_owned(), hash).await?;
    let user = match id.filter(|_| is_right) {
        Some(id) => find(db, id).await?,
        None => None,
    };
    user.ok_or_else(|| fault(StatusCode::UNAUTHORIZED, "credentials", "invalid"))
}

fn required_email<'a>(faults: &mut Faults, email: Option<&'a str>) -> &'a str {
    let email = faults.required("email", email);
    let is_address = email
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    if !email.is_empty() && !is_address {
        faults.add("email", "is invalid");
    }
    email
}

/// Hashes on a thread that may be busy for some milliseconds.
async fn hash(password: String) -> Result<String> {
    let hashed = spawn_blocking(move || {
        Argon2::default()
            .hash_password(password.as_bytes())
            .map(|it| it.to_string())
    });
    hashed
        .await?
        .map_err(|error| Error::internal(error.to_string()))
}

/// Whether it is the password with this hash. Without a hash one is made all the same, which takes as
/// long.
async fn verify(password: String, hash: Option<String>) -> Result<bool> {
    let Some(expected) = hash else {
        self::hash(password).await?;
        return Ok(false);
    };
    let verified = spawn_blocking(move || {
        let expected = PasswordHash::new(&expected)?;
        Ok::<_, argon2::password_hash::Error>(
            Argon2::default()
                .verify_password(password.as_bytes(), &expected)
                .is_ok(),
        )
    });
    verified
        .await?
        .map_err(|error| Error::internal(error.to_string()))
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
        let id = token
            .and_then(|token| app.tokens.read(token.trim()))
            .ok_or_else(missing)?;
        find(&app.db, id).await?.map(Auth).ok_or_else(missing)
    }
}

impl OptionalFromRequest<Conduit> for Auth {
    fn is_present(head: &RequestContext<'_>) -> bool {
        head.header("authorization").is_some()
    }
}
