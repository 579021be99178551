//! The error of a page on its way through code that wants a [`std::error::Error`], and back.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use super::rejection::BoxError;
use super::{Error, Rejection};

/// An [`Error`] that is a [`std::error::Error`].
#[derive(Debug)]
struct Carried(Error);

impl Error {
    /// The same as a [`std::error::Error`], for code that wants one: an `io::Error`, a multipart
    /// parser. When `?` makes an [`Error`] of what such code fails with, it has the status and the
    /// message of this one again.
    ///
    /// ```
    /// use nova::prelude::*;
    ///
    /// fn parse() -> std::io::Result<()> {
    ///     let too_large = Error::new(StatusCode::PAYLOAD_TOO_LARGE, "too long");
    ///     Err(std::io::Error::other(too_large.into_std()))
    /// }
    ///
    /// fn page() -> Result<()> {
    ///     Ok(parse()?)
    /// }
    /// assert_eq!(page().unwrap_err().status(), StatusCode::PAYLOAD_TOO_LARGE);
    /// ```
    #[must_use]
    pub fn into_std(self) -> impl StdError + Send + Sync + 'static {
        Carried(self)
    }
}

/// Keeps the error: see [`Error::into_std`].
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        io::Error::other(error.into_std())
    }
}

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.message())
    }
}

impl StdError for Carried {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

/// The error that `source` carries, itself or somewhere behind it, and where that leaves `source`.
pub(super) fn unwrap(source: BoxError) -> Result<Error, BoxError> {
    let source = match source.downcast::<Carried>() {
        Ok(carried) => return Ok(carried.0),
        Err(source) => source,
    };
    let source = match source.downcast::<Rejection>() {
        Ok(rejection) => return Ok(super::from_rejection(*rejection)),
        Err(source) => source,
    };
    #[cfg(feature = "validation")]
    let source = match source.downcast::<crate::validation::FieldErrors>() {
        Ok(errors) => return Ok(super::from_rejection((*errors).into())),
        Err(source) => source,
    };
    match source.downcast::<io::Error>() {
        // It adds nothing to what is in it.
        Ok(error) if error.get_ref().is_some_and(carries) => match error.into_inner() {
            Some(inner) => unwrap(inner),
            None => unreachable!("there is an error in it"),
        },
        Ok(error) => behind(error),
        Err(source) => behind(source),
    }
}

/// The error that is this very one and carries a response.
pub(super) fn with_response(source: BoxError) -> Result<Error, BoxError> {
    match source.downcast::<Carried>() {
        Ok(carried) if carried.0.inner.response.is_some() => Ok(carried.0),
        Ok(carried) => Err(carried),
        Err(source) => Err(source),
    }
}

/// Whether this is the error of a page, perhaps in more than one `io::Error`.
fn carries(error: &(dyn StdError + Send + Sync + 'static)) -> bool {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.is::<Carried>() || error.is::<Rejection>() || inner.is_some_and(carries)
}

/// What an error behind `source` says to the client, said with `source` as the cause.
fn behind(source: BoxError) -> Result<Error, BoxError> {
    let said = {
        let mut causes =
            std::iter::successors(Some(&*source as &(dyn StdError + 'static)), |&error| {
                // An `io::Error` says what is behind the error in it, and not that one.
                match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
                    Some(inner) => Some(inner as _),
                    None => error.source(),
                }
            });
        causes.find_map(|cause| match cause.downcast_ref::<Carried>() {
            Some(Carried(error)) => Some(error.without_source()),
            None => cause.downcast_ref::<Rejection>().map(Rejection::without_source),
        })
    };
    match said {
        Some(error) => Ok(error.with_source(source)),
        None => Err(source),
    }
}
