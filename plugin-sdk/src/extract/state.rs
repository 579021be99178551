//! The app's state.

use std::convert::Infallible;

use super::{FromRequest, RequestContext};

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

impl<S: Sync, T: FromRef<S>> FromRequest<S> for State<T> {
    type Rejection = Infallible;

    async fn from_request(_: &mut RequestContext<'_>, state: &S) -> Result<Self, Infallible> {
        Ok(State(T::from_ref(state)))
    }
}
