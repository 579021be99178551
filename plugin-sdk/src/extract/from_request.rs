//! The trait that makes a type an argument.

use std::future::Future;

use super::uses::Uses;
use crate::error::Error;
use crate::request::{RequestContext, RequestPart};

/// A type that can be an argument of a page's function.
///
/// `S` is the app's state. [`Part`](Self::Part) says how much of the request it takes:
///
/// * [`Head`](super::Head): it is handed a `RequestContext<'_>`, from which it cannot take the
///   body. It can stand beside every other argument.
/// * [`Whole`](super::Whole): it takes the request over, and is handed a
///   `RequestContext<'_, Whole>`. A function has at most one such argument.
///
/// ```
/// use nova::prelude::*;
///
/// struct ApiKey(String);
///
/// impl<S: Sync> FromRequest<S> for ApiKey {
///     type Part = Head;
///     type Rejection = Error;
///
///     async fn from_request(cx: &mut RequestContext<'_>, _state: &S) -> Result<Self> {
///         let key = cx.header("x-api-key").ok_or(Error::unauthorized("no API key"))?;
///         Ok(ApiKey(key.to_owned()))
///     }
/// }
///
/// pub fn get(ApiKey(key): ApiKey) -> String {
///     key
/// }
/// ```
///
/// One that takes the whole request can ask one that takes the head, for it dereferences to it:
///
/// ```
/// use nova::prelude::*;
///
/// /// A body with a signature in a header.
/// struct Signed {
///     signature: String,
///     body: Bytes,
/// }
///
/// impl<S: Sync> FromRequest<S> for Signed {
///     type Part = Whole;
///     type Rejection = Error;
///
///     async fn from_request(cx: &mut RequestContext<'_, Whole>, state: &S) -> Result<Self> {
///         let headers = HeaderMap::from_request(cx, state).await?;
///         let signature = headers.get("signature").ok_or(Error::bad_request("no signature"))?;
///         let signature = signature.to_str()?.to_owned();
///         Ok(Signed { signature, body: Bytes::from_request(cx, state).await? })
///     }
/// }
/// ```
// The plain implementations here are `do_not_recommend`: after a mistake the compiler lists those
// that are not, the ones around a type of the page.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a page",
    label = "`{Self}` is not an extractor",
    note = "the docs of `nova::extract` list every kind of argument"
)]
pub trait FromRequest<S = ()>: Sized {
    /// How much of the request it takes: [`Head`](super::Head) or [`Whole`](super::Whole).
    type Part: RequestPart;

    /// Why the request may be refused.
    type Rejection: Into<Error>;

    /// Takes it from its part of the request.
    ///
    /// # Errors
    /// When the request does not have it, or what it has is not right.
    fn from_request(
        cx: &mut RequestContext<'_, Self::Part>,
        state: &S,
    ) -> impl Future<Output = Result<Self, Self::Rejection>> + Send;

    /// What it takes of what middleware has left. An app is not started when a page takes what no
    /// middleware above it leaves.
    ///
    /// An extractor that asks another one hands this on:
    ///
    /// ```
    /// use nova::extract::Uses;
    /// use nova::prelude::*;
    ///
    /// #[derive(Clone)]
    /// pub struct User {
    ///     is_admin: bool,
    /// }
    ///
    /// pub struct Admin(User);
    ///
    /// impl<S: Sync> FromRequest<S> for Admin {
    ///     type Part = Head;
    ///     type Rejection = Error;
    ///
    ///     async fn from_request(cx: &mut RequestContext<'_>, state: &S) -> Result<Self> {
    ///         let Extension(user) = Extension::<User>::from_request(cx, state).await?;
    ///         if user.is_admin { Ok(Admin(user)) } else { Err(Error::forbidden("admins alone")) }
    ///     }
    ///
    ///     fn uses(uses: &mut Uses) {
    ///         <Extension<User> as FromRequest<S>>::uses(uses);
    ///     }
    /// }
    /// ```
    fn uses(uses: &mut Uses) {
        let _ = uses;
    }
}
