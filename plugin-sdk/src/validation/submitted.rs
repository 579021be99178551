//! A form that is shown again.

use std::fmt;

use garde::Validate;
use serde_core::de::DeserializeOwned;

use super::errors::FieldErrors;
use super::valid::check;
use crate::error::Rejection;
use crate::extract::{FromRequest, form_pairs, read_pairs};
use crate::request::{RequestContext, Whole};

/// A form as it was sent: the value, if it is right, and what to show again, if it is not.
///
/// ```
/// use garde::Validate;
/// use nova::prelude::*;
///
/// #[derive(serde::Deserialize, Validate)]
/// pub struct Signup {
///     #[garde(length(min = 3))]
///     name: String,
///     #[garde(range(min = 18))]
///     age: u8,
/// }
///
/// fn form(state: &FormState) -> Html {
///     page("Sign up", html! {
///         form method="post" {
///             @for (name, kind) in [("name", "text"), ("age", "number")] {
///                 label {
///                     (name)
///                     input name=(name) type=(kind) value=(state.value(name))
///                         aria-invalid=[state.error(name).map(|_| "true")];
///                 }
///                 @if let Some(error) = state.error(name) { p.error { (error) } }
///             }
///             button { "Sign up" }
///         }
///     })
/// }
///
/// pub fn get() -> Html {
///     form(&FormState::default())
/// }
///
/// pub async fn post(submitted: Submitted<Signup>) -> Result<Response> {
///     let signup = match submitted.into_result() {
///         Ok(signup) => signup,
///         Err(state) => return Ok((StatusCode::UNPROCESSABLE_ENTITY, form(&state)).into_response()),
///     };
///     # let _ = (signup.name, signup.age);
///     Ok(Redirect::to("/welcome").into_response())
/// }
/// ```
///
/// A body of another type is refused with 415, as by [`Form`](crate::extract::Form). A field that is not
/// of its type, such as a number with letters in it, is the one that is named: the rules of the others are
/// checked once all have their types.
#[derive(Clone)]
pub struct Submitted<T> {
    value: Option<T>,
    state: FormState,
}

/// What is in a form, and what is wrong with it. The default is a form that nobody has filled in.
///
/// One for something that is there already is collected from names and values:
///
/// ```
/// use nova::prelude::*;
///
/// let state: FormState = [("name", "Ada")].into_iter().collect();
/// assert_eq!((state.value("name"), state.value("age")), ("Ada", ""));
/// ```
#[derive(Clone, Default)]
pub struct FormState {
    values: Vec<(String, String)>,
    errors: FieldErrors,
}

impl<T> Submitted<T> {
    /// The value, or the form to show again.
    ///
    /// # Errors
    /// When something is wrong: the form with that.
    pub fn into_result(self) -> Result<T, FormState> {
        self.value.ok_or(self.state)
    }

    /// The value, with the form: for what is found out later, as that a name is taken, which is then
    /// [added](FormState::add_error) to the form.
    ///
    /// # Errors
    /// When something is wrong already: the form with that.
    pub fn into_parts(self) -> Result<(T, FormState), FormState> {
        match self.value {
            Some(value) => Ok((value, self.state)),
            None => Err(self.state),
        }
    }
}

impl FormState {
    /// What was typed into a field; the first, if there are several of the name. Empty if there is none.
    #[must_use]
    pub fn value(&self, field: &str) -> &str {
        let found = self.values.iter().find(|(name, _)| name == field);
        found.map_or("", |(_, value)| value)
    }

    /// All that was sent under a name, as by boxes that are ticked.
    pub fn values(&self, field: &str) -> impl Iterator<Item = &str> {
        self.values.iter().filter(move |(name, _)| name == field).map(|(_, value)| value.as_str())
    }

    /// Whether this value was sent under the name: for `checked` and `selected`.
    #[must_use]
    pub fn has(&self, field: &str, value: &str) -> bool {
        self.values(field).any(|it| it == value)
    }

    /// What is wrong with a field; the first, if there is more. The empty name is that of the whole form.
    #[must_use]
    pub fn error(&self, field: &str) -> Option<&str> {
        self.errors.of(field).first().map(String::as_str)
    }

    /// All that is wrong.
    #[must_use]
    pub fn errors(&self) -> &FieldErrors {
        &self.errors
    }

    /// Adds something that is wrong with a field, or with the whole form, which has the empty name.
    pub fn add_error(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.errors.add(field, message);
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for FormState {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter().map(|(name, value)| (name.into(), value.into()));
        FormState { values: pairs.collect(), errors: FieldErrors::default() }
    }
}

/// Names alone: a value may be a password.
impl fmt::Debug for FormState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<&str> = self.values.iter().map(|(name, _)| &**name).collect();
        let wrong: Vec<&str> = self.errors.iter().map(|(name, _)| name).collect();
        f.debug_struct("FormState").field("fields", &fields).field("wrong", &wrong).finish()
    }
}

/// Names alone: a value may be a password.
impl<T> fmt::Debug for Submitted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Submitted").field(&self.state).finish()
    }
}

#[diagnostic::do_not_recommend]
impl<S, T> FromRequest<S> for Submitted<T>
where
    S: Sync,
    T: DeserializeOwned + Validate<Context: Default>,
{
    type Part = Whole;
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_, Whole>, _: &S) -> Result<Self, Rejection> {
        let pairs = form_pairs(cx).await?;
        let mut state: FormState = form_urlencoded::parse(&pairs).collect();
        let value = match read_pairs::<T>(&pairs) {
            Ok(value) => check(&value).map(|()| value),
            Err((field, message)) => Err(FieldErrors::one(field.unwrap_or_default(), message)),
        };
        let value = value.map_err(|errors| state.errors = errors).ok();
        Ok(Submitted { value, state })
    }
}
