//! Starting an application: `init` of its library, on a thread that it may block, time-limited.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nova_abi::{
    App, Failure, FailureKind, HostServices, InitContext, OwnedBytes, Purpose, Services,
};
use serde::{Deserialize, Serialize};

use crate::library::loader::Library;

/// What `init` is told besides its purpose.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct StartInfo {
    /// Whether a developer is watching.
    pub dev: bool,
    /// The URL of the stylesheet, for the page shell.
    pub stylesheet: Option<String>,
    /// The URL of the favicon, for the page shell.
    pub favicon: Option<String>,
    /// The URLs of public files, each with that of the copy whose name carries a hash: what
    /// `nova::asset` links.
    #[serde(default)]
    pub public: BTreeMap<String, String>,
}

/// Why an application did not start.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the fields are.
pub enum StartError {
    #[error("`init` of app.rs returned an error: {0}")]
    Failed(String),
    #[error("`init` of app.rs panicked: {0}")]
    Panicked(String),
    #[error(
        "`init` of app.rs did not finish within {limit:?}; \
         give it longer with --init-timeout, or do the work in a task of its own"
    )]
    TimedOut { limit: Duration },
}

/// Runs a library's `init`.
///
/// # Errors
/// If `init` fails, panics or takes longer than `limit`; its thread may then go on, unheard.
pub async fn start(
    library: &Arc<Library>,
    purpose: Purpose,
    info: StartInfo,
    saved: Option<OwnedBytes>,
    limit: Duration,
) -> Result<App, StartError> {
    let services = HostServices::new(Services {
        log: crate::library::log_bridge::log_sink(),
        dev: info.dev,
        build_id: library.build_id.as_str().into(),
        stylesheet: info.stylesheet,
        favicon: info.favicon,
        public: info.public.into_iter().collect(),
    });
    let context = InitContext { purpose, saved: saved.into(), services };
    // A thread of its own: an `init` that blocks must not hold a worker that serves.
    let library = library.clone();
    let runtime = tokio::runtime::Handle::current();
    let init = tokio::task::spawn_blocking(move || runtime.block_on(library.init(context)));
    match tokio::time::timeout(limit, init).await {
        Ok(Ok(Ok(app))) => Ok(app),
        Ok(Ok(Err(Failure { kind: FailureKind::Panic, message }))) => {
            Err(StartError::Panicked(message.into()))
        }
        Ok(Ok(Err(failure))) => Err(StartError::Failed(failure.message.into())),
        Ok(Err(joined)) => Err(StartError::Panicked(joined.to_string())),
        Err(_) => Err(StartError::TimedOut { limit }),
    }
}
