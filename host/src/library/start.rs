//! Starting an application: `init` of its library, on a thread of its own, time-limited.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nova_abi::{App, HostServices, InitContext, OwnedBytes, Purpose, Rooms, Services};
use serde::{Deserialize, Serialize};

use crate::library::hooks::{HookError, on_own_thread};
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
    #[error("`init` of app.rs {0}")]
    Hook(HookError),
    #[error(
        "`init` of app.rs did not finish within {limit:?}; \
         give it longer with --init-timeout, or do the work in a task of its own"
    )]
    TimedOut { limit: Duration },
    #[error("the saved state does not fit: {0}")]
    Misfit(String),
}

impl From<HookError> for StartError {
    fn from(error: HookError) -> Self {
        match error {
            HookError::TimedOut { limit } => Self::TimedOut { limit },
            HookError::Misfit(reason) => Self::Misfit(reason),
            other => Self::Hook(other),
        }
    }
}

/// Runs a library's `init`, or its `import` with what was saved.
///
/// # Errors
/// If it fails, panics or takes longer than `limit`; its thread may then go on, unheard.
pub async fn start(
    library: &Arc<Library>,
    purpose: Purpose,
    info: StartInfo,
    rooms: Rooms,
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
        rooms,
    });
    let context = InitContext { purpose, saved: saved.into(), services };
    let library = library.clone();
    let init = async move { library.init(context).await };
    Ok(on_own_thread("nova-init", limit, init).await?.map_err(HookError::from)?)
}
