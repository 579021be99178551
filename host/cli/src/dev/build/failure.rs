//! Why a build comes to nothing.

use nova_route_template::{CargoError, PrepareError};

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
