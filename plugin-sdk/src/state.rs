//! The app's state without its type.
//!
//! What carries requests knows nothing of the type of the state, so it is compiled once, with this
//! crate, and not again with every app. The functions that were written for a type get it back.

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// The state that `init` made.
pub(crate) struct AnyState(Arc<dyn Any + Send + Sync>);

impl AnyState {
    pub(crate) fn new<S: Send + Sync + 'static>(state: S) -> Self {
        AnyState(Arc::new(state))
    }

    /// Whether it is of this type.
    pub(crate) fn is(&self, wanted: StateType) -> bool {
        (*self.0).type_id() == wanted.id
    }

    /// The state as what it is.
    ///
    /// # Panics
    /// If it is of another type. `App<S>`, `Hooks<S>` and `Handler<S>` of one app have one `S`, and
    /// [`Pages`](crate::parts::Pages) compares it, so it never is.
    pub(crate) fn get<S: 'static>(&self) -> &S {
        match self.0.downcast_ref() {
            Some(state) => state,
            None => wrong_type(type_name::<S>()),
        }
    }
}

#[cold]
fn wrong_type(wanted: &str) -> ! {
    panic!("the app's state is not of the type `{wanted}`")
}

/// That a value belongs to an app with state of the type `S`, and to no other.
pub(crate) type StateMarker<S> = PhantomData<fn(S) -> S>;

/// A type of state.
#[derive(Clone, Copy)]
pub(crate) struct StateType {
    id: TypeId,
    name: &'static str,
}

impl StateType {
    pub(crate) fn of<S: 'static>() -> Self {
        StateType { id: TypeId::of::<S>(), name: type_name::<S>() }
    }
}

impl PartialEq for StateType {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl fmt::Display for StateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
