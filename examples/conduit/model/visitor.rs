//! Who looks at the site: the user of the session, or a stranger.

use nova::prelude::*;
use nova::session::Session;
use sqlx::SqlitePool;

use crate::model::users::{self, User};

/// The key in the session of who has logged in.
const USER: &str = "user";

/// Who looks at the site; `pages/_middleware.rs` finds out.
#[derive(Clone, Debug)]
pub struct Visitor(pub Option<User>);

impl Visitor {
    pub async fn of(session: &Session, db: &SqlitePool) -> Result<Self> {
        match session.get(USER)? {
            Some(login) => Ok(Visitor(users::logged_in(db, login).await?)),
            None => Ok(Visitor(None)),
        }
    }

    pub fn id(&self) -> Option<i64> {
        self.0.as_ref().map(|user| user.id)
    }

    pub fn is(&self, username: &str) -> bool {
        self.0
            .as_ref()
            .is_some_and(|user| user.username == username)
    }

    /// The user; a stranger is sent to log in first.
    pub fn user(&self) -> Result<&User, Redirect> {
        self.0.as_ref().ok_or_else(|| Redirect::to("/login"))
    }
}

/// The session is this user's from now on.
pub fn log_in(session: &Session, user: &User) -> Result<()> {
    session.renew()?;
    session.insert(USER, user.log_in())
}
