//! The app's state.

use std::convert::Infallible;

use super::from_request::FromRequest;
use crate::request::{Head, RequestContext};

/// What `init` in `app.rs` made, or a part of it.
///
/// ```
/// use nova::prelude::*;
///
/// #[derive(Clone)]
/// struct Db;
///
/// pub async fn get(State(db): State<Db>) -> Result<Html> {
///     # let _ = db;
///     Ok(page("Users", html! { ul {} }))
/// }
/// ```
///
/// A state of several parts says how each is reached by [`FromRef`].
#[derive(Clone, Copy, Debug, Default)]
pub struct State<T>(pub T);

/// A part of the app's state, for [`State`].
///
/// ```
/// use nova::prelude::*;
///
/// #[derive(Clone)]
/// struct Db;
/// #[derive(Clone)]
/// struct App {
///     db: Db,
/// }
///
/// impl FromRef<App> for Db {
///     fn from_ref(app: &App) -> Db {
///         app.db.clone()
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the app's state is `{S}` and has no `{Self}`",
    label = "no such state",
    note = "`init` in app.rs makes the state; `impl FromRef<{S}> for {Self}` gives a part of it"
)]
pub trait FromRef<S> {
    /// Takes the part, usually by cloning it.
    fn from_ref(state: &S) -> Self;
}

impl<T: Clone> FromRef<T> for T {
    fn from_ref(state: &T) -> T {
        state.clone()
    }
}

/// `FromRef` from the state's side.
///
/// With `T: FromRef<S>` as its bound, the compiler would conclude from an argument `State<T>` that
/// `T` is the app's state, since one implementation fits any `T`, and then complain about the app
/// when the argument is wrong. From this side it has to look at the app first.
#[doc(hidden)]
pub trait Provide<T> {
    fn provide(&self) -> T;
}

impl<S, T: FromRef<S>> Provide<T> for S {
    fn provide(&self) -> T {
        T::from_ref(self)
    }
}

impl<S: Provide<T> + Sync, T> FromRequest<S> for State<T> {
    type Part = Head;
    type Rejection = Infallible;

    async fn from_request(_: &mut RequestContext<'_>, state: &S) -> Result<Self, Infallible> {
        Ok(State(state.provide()))
    }
}
