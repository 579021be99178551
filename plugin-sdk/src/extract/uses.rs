//! What the arguments of a function take from middleware and leave for what is behind them, known
//! when an app is put together.

use std::any::{TypeId, type_name};
use std::fmt;

/// What extractors say of the values that middleware hands to pages; see
/// [`FromRequest::uses`](super::FromRequest::uses).
#[derive(Debug, Default)]
pub struct Uses {
    takes: Vec<ExtensionType>,
    leaves: Vec<ExtensionType>,
    leaves_behind: Vec<ExtensionType>,
    leaves_anything: bool,
}

/// A type of value in the extensions of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExtensionType {
    id: TypeId,
    name: &'static str,
}

impl Uses {
    /// The extractor fails unless a middleware, or an extractor before it, has left a `T`.
    pub fn takes<T: 'static>(&mut self) {
        let ty = ExtensionType::of::<T>();
        if !self.leaves.contains(&ty) {
            self.takes.push(ty);
        }
    }

    /// The extractor leaves a `T` for what is behind it: the arguments after it, too.
    pub fn leaves<T: 'static>(&mut self) {
        self.leaves.push(ExtensionType::of::<T>());
    }

    /// The function leaves a `T` for what is behind the function, and none of its arguments finds it.
    pub(crate) fn leaves_behind<T: 'static>(&mut self) {
        self.leaves_behind.push(ExtensionType::of::<T>());
    }

    /// What is left is not known by its type.
    #[cfg(feature = "tower")]
    pub(crate) fn leaves_anything(&mut self) {
        self.leaves_anything = true;
    }

    /// The first that is taken and that none of these leaves.
    pub(crate) fn missing_from(&self, before: &[Uses]) -> Option<ExtensionType> {
        if before.iter().any(|it| it.leaves_anything) {
            return None;
        }
        let is_left = |ty: &ExtensionType| {
            before.iter().any(|it| it.leaves.contains(ty) || it.leaves_behind.contains(ty))
        };
        self.takes.iter().find(|ty| !is_left(ty)).copied()
    }
}

impl ExtensionType {
    fn of<T: 'static>() -> Self {
        ExtensionType { id: TypeId::of::<T>(), name: type_name::<T>() }
    }
}

impl PartialEq for ExtensionType {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl fmt::Display for ExtensionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
