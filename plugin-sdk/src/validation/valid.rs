//! An argument that is checked.

use garde::Validate;

use super::errors::FieldErrors;
use crate::error::{Error, Rejection};
use crate::extract::{Form, FromRequest, Json, OptionalFromRequest, Query};
use crate::request::RequestContext;

/// An argument whose value obeys its rules: `Valid<Form<T>>`, `Valid<Json<T>>`, `Valid<Query<T>>`. What
/// does not is refused with 422 and all that is wrong. See the [module](super).
#[derive(Clone, Copy, Debug, Default)]
pub struct Valid<E>(pub E);

/// An extractor around a value.
pub trait Holds {
    /// The value's type.
    type Value;

    /// The value.
    fn value(&self) -> &Self::Value;
}

macro_rules! holds {
    ($($extractor:ident)*) => {$(
        impl<T> Holds for $extractor<T> {
            type Value = T;

            fn value(&self) -> &T {
                &self.0
            }
        }
    )*};
}

holds!(Form Json Query);

/// Checks a value by its rules.
pub(super) fn check<T: Validate<Context: Default>>(value: &T) -> Result<(), FieldErrors> {
    value.validate().map_err(|report| FieldErrors::of_report(&report))
}

#[diagnostic::do_not_recommend]
impl<S, E> FromRequest<S> for Valid<E>
where
    S: Sync,
    E: FromRequest<S> + Holds<Value: Validate<Context: Default>> + Send,
{
    type Part = E::Part;
    type Rejection = Error;

    async fn from_request(cx: &mut RequestContext<'_, E::Part>, state: &S) -> Result<Self, Error> {
        let taken = E::from_request(cx, state).await.map_err(Into::into)?;
        check(taken.value()).map_err(Rejection::from)?;
        Ok(Valid(taken))
    }
}

#[diagnostic::do_not_recommend]
impl<S, E> OptionalFromRequest<S> for Valid<E>
where
    S: Sync,
    E: OptionalFromRequest<S> + Holds<Value: Validate<Context: Default>> + Send,
{
    fn is_present(head: &RequestContext<'_>) -> bool {
        E::is_present(head)
    }
}
