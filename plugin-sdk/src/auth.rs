//! Logging in: passwords, and the way to the login and back.
//!
//! Who a visitor is stands in the [session](crate::session); an extractor of the app's own reads it:
//!
//! ```
//! use nova::auth;
//! use nova::prelude::*;
//!
//! /// Who is logged in. A page that takes it is for them alone.
//! pub struct CurrentUser {
//!     pub id: u64,
//! }
//!
//! impl<S: Sync> FromRequest<S> for CurrentUser {
//!     type Part = Head;
//!     type Rejection = Error;
//!
//!     async fn from_request(cx: &mut RequestContext<'_>, state: &S) -> Result<Self> {
//!         let session = Session::from_request(cx, state).await?;
//!         match session.get("user")? {
//!             Some(id) => Ok(CurrentUser { id }),
//!             None => Err(auth::login_at("/login", cx)),
//!         }
//!     }
//! }
//!
//! pub fn get(user: CurrentUser) -> String {
//!     format!("you are user {}", user.id)
//! }
//! ```
//!
//! `/login` checks the password, gives the session another key, and goes back to where the visitor
//! wanted to go:
//!
//! ```
//! use nova::auth::Password;
//! use nova::prelude::*;
//!
//! #[derive(serde::Deserialize)]
//! pub struct Login {
//!     name: String,
//!     password: String,
//! }
//!
//! #[derive(serde::Deserialize)]
//! pub struct Target {
//!     #[serde(default)]
//!     next: String,
//! }
//! # #[derive(Clone)]
//! # pub struct Users;
//! # pub struct User { id: u64, hash: String }
//! # impl Users { async fn find(&self, _: &str) -> Result<Option<User>> { Ok(None) } }
//!
//! pub async fn post(
//!     session: Session,
//!     State(users): State<Users>,
//!     Query(target): Query<Target>,
//!     Form(login): Form<Login>,
//! ) -> Result<Redirect> {
//!     let user = users.find(&login.name).await?;
//!     // Asked in any case: a name that nobody has takes as long as a wrong password.
//!     let is_right = Password::verify(login.password, user.as_ref().map(|user| &*user.hash)).await?;
//!     let Some(user) = user.filter(|_| is_right) else {
//!         session.flash("error", "Wrong name or password.")?;
//!         return Ok(Redirect::to("/login"));
//!     };
//!     session.renew()?;
//!     session.insert("user", user.id)?;
//!     Ok(Redirect::local(&target.next, "/"))
//! }
//! ```

mod password;

use http::StatusCode;
use http::header::LOCATION;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

pub use self::password::Password;
use crate::error::Error;
use crate::pipeline::Wants;
use crate::request::RequestContext;

/// What a visitor who is not logged in is answered with: the way to the login page, with the address
/// that was asked for as `next`. A program, which does not ask for HTML, gets 401 instead.
///
/// What was posted is not carried along: after the login the visitor is where `next` says, which is said
/// of GET alone.
#[track_caller]
pub fn login_at(login: &str, head: &RequestContext<'_>) -> Error {
    let message = "you have to log in";
    if !Wants::of(head).prefers_html() {
        return Error::unauthorized(message);
    }
    let mut location = login.to_owned();
    if matches!(head.method_name(), "GET" | "HEAD") {
        let query = head.query().map(|query| format!("?{query}")).unwrap_or_default();
        let target = format!("{}{query}", head.path());
        let between = if login.contains('?') { '&' } else { '?' };
        let target = utf8_percent_encode(&target, NON_ALPHANUMERIC);
        location = format!("{login}{between}next={target}");
    }
    Error::new(StatusCode::SEE_OTHER, message).with_header(LOCATION, location)
}
