//! Why a build comes to nothing.

use nova_route_template::{CargoError, PrepareError, Problem, Problems};

use crate::dev::wire::protocol::Refusal;

/// Why nothing new serves.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildFailure {
    /// The app's own files: names, routes, the manifest.
    #[error(transparent)]
    App(#[from] PrepareError),
    /// cargo or rustc.
    #[error(transparent)]
    Cargo(#[from] CargoError),
    /// The library was built and did not start.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl BuildFailure {
    /// These mistakes in the app's files, if there are any.
    pub(crate) fn of_mistakes(problems: Vec<Problem>) -> Option<Self> {
        let is_any = !problems.is_empty();
        is_any.then(|| PrepareError::Problems(Problems(problems)).into())
    }
}
