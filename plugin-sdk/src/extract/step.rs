//! What only one kind of function may take: layouts the page so far, error pages the error,
//! middleware the rest of the way.

use super::from_request::FromRequest;
use super::optional::OptionalFromRequest;
use super::uses::Uses;
use crate::error::{Error, Rejection, RejectionKind};
use crate::html::document::Html;
use crate::middleware::Next;
use crate::request::{Head, RequestContext, StepInput};

macro_rules! step_input {
    ($($value:ty, $input:ident, $where:literal;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<S: Sync> FromRequest<S> for $value {
            type Part = Head;
            type Rejection = Rejection;

            async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Rejection> {
                match cx.take_step_input() {
                    StepInput::$input(value) => Ok(value),
                    _ => Err(Rejection::of(
                        RejectionKind::Unavailable,
                        concat!("`", stringify!($value), "` is an argument of ", $where, " alone"),
                    )),
                }
            }
        }

        #[diagnostic::do_not_recommend]
        impl<S: Sync> OptionalFromRequest<S> for $value {
            fn is_present(head: &RequestContext<'_>) -> bool {
                matches!(head.step_input(), StepInput::$input(_))
            }
        }
    )*};
}

step_input! {
    Html, Page, "`layout`";
    Error, Error, "an error page";
}

#[diagnostic::do_not_recommend]
impl<S: Sync, T: Clone + Send + Sync + 'static> FromRequest<S> for Next<T> {
    type Part = Head;
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self, Rejection> {
        match cx.take_step_input() {
            StepInput::Next(next) => Ok(next.leaving()),
            _ => Err(Rejection::of(
                RejectionKind::Unavailable,
                "`Next` is an argument of `middleware` alone",
            )),
        }
    }

    fn uses(uses: &mut Uses) {
        uses.leaves_behind::<T>();
    }
}
