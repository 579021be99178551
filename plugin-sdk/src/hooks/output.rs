//! What the functions of `app.rs` may return: a value, or a `Result` of one.
//!
//! The marker parameter lets both be implemented side by side; it is always inferred.

use serde_core::Serialize;
use tracing::{Dispatch, Subscriber};

use crate::error::Error;
use crate::response::Result;

/// Marks a plain value.
#[derive(Debug)]
pub struct Plain;

/// Marks a `Result`.
#[derive(Debug)]
pub struct Fallible;

/// What `init` and `import` may return: the state, or a `Result` of it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the state of an app",
    note = "`init` returns the state or a `Result` of it; the state is `Clone + Send + Sync`"
)]
pub trait StateOutput<S, M> {
    /// The state, if it could be made.
    ///
    /// # Errors
    /// When the function failed.
    fn into_result(self) -> Result<S>;
}

impl<S: Clone + Send + Sync + 'static> StateOutput<S, Plain> for S {
    fn into_result(self) -> Result<S> {
        Ok(self)
    }
}

impl<S: Clone + Send + Sync + 'static, E: Into<Error>> StateOutput<S, Fallible> for Result<S, E> {
    fn into_result(self) -> Result<S> {
        self.map_err(Into::into)
    }
}

/// What `export` may return: something to serialise, or a `Result` of it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be saved",
    note = "`export` returns a `Serialize` or a `Result` of one"
)]
pub trait ExportOutput<M> {
    /// The value as JSON.
    ///
    /// # Errors
    /// When the function failed, or the value has no form in JSON.
    fn into_bytes(self) -> Result<Vec<u8>>;
}

impl<T: Serialize> ExportOutput<Plain> for T {
    fn into_bytes(self) -> Result<Vec<u8>> {
        Ok(serde_json::to_vec(&self)?)
    }
}

impl<T: Serialize, E: Into<Error>> ExportOutput<Fallible> for Result<T, E> {
    fn into_bytes(self) -> Result<Vec<u8>> {
        self.map_err(Into::into)?.into_bytes()
    }
}

/// What `shutdown` may return: nothing, or a `Result` of nothing.
#[diagnostic::on_unimplemented(
    message = "`shutdown` cannot return `{Self}`",
    note = "it returns nothing or a `Result<()>`"
)]
pub trait ShutdownOutput {
    /// Whether it went well.
    ///
    /// # Errors
    /// When the function failed.
    fn into_result(self) -> Result<()>;
}

impl ShutdownOutput for () {
    fn into_result(self) -> Result<()> {
        Ok(())
    }
}

impl<E: Into<Error>> ShutdownOutput for Result<(), E> {
    fn into_result(self) -> Result<()> {
        self.map_err(Into::into)
    }
}

/// What `subscriber` may return: a subscriber of `tracing`, or a `Result` of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot take what an app logs",
    note = "`subscriber` returns `impl tracing::Subscriber + Send + Sync` or a `Result` of one"
)]
pub trait SubscriberOutput<M> {
    /// The subscriber, without its type.
    ///
    /// # Errors
    /// When the function failed.
    fn into_dispatch(self) -> Result<Dispatch>;
}

impl<S: Subscriber + Send + Sync + 'static> SubscriberOutput<Plain> for S {
    fn into_dispatch(self) -> Result<Dispatch> {
        Ok(Dispatch::new(self))
    }
}

impl<S, E> SubscriberOutput<Fallible> for Result<S, E>
where
    S: Subscriber + Send + Sync + 'static,
    E: Into<Error>,
{
    fn into_dispatch(self) -> Result<Dispatch> {
        self.map(Dispatch::new).map_err(Into::into)
    }
}
