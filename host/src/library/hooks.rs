//! The functions of app.rs are strangers' code: each runs on a thread of its own, for as long as it
//! may take.
//!
//! The thread is no worker of the host and none of those that wait for disks: a function that
//! blocks it, or never ends, holds that one thread, which is then left behind.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nova_abi::{App, Failure, FailureKind, OwnedBytes};
use tokio::sync::oneshot;

use crate::library::loader::{Library, signal_handlers};
use crate::process::record::{self, Activity};

/// What came of a function of app.rs.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages say what the fields are.
pub enum HookError {
    #[error("returned an error: {0}")]
    Failed(String),
    #[error("panicked: {0}")]
    Panicked(String),
    #[error("did not finish within {limit:?}")]
    TimedOut { limit: Duration },
    #[error("{0}")]
    Misfit(String),
    #[error("has no thread to run on: {0}")]
    Thread(io::Error),
}

impl From<Failure> for HookError {
    fn from(failure: Failure) -> Self {
        let message = failure.message.into();
        match failure.kind {
            FailureKind::Panic => Self::Panicked(message),
            FailureKind::Misfit => Self::Misfit(message),
            FailureKind::Error | FailureKind::Disconnected => Self::Failed(message),
        }
    }
}

/// What an app saves for the one after it; `None` if it saves nothing.
///
/// # Errors
/// If `export` fails, panics, or takes longer than `limit`.
pub async fn export(app: Arc<App>, limit: Duration) -> Result<Option<OwnedBytes>, HookError> {
    Ok(on_own_thread("nova-export", limit, async move { app.export().await }).await??)
}

/// Says whether `import` of a library can read a saved state.
///
/// # Errors
/// If it cannot, panics, or takes longer than `limit`.
pub async fn fits(library: Arc<Library>, saved: Bytes, limit: Duration) -> Result<(), HookError> {
    Ok(on_own_thread("nova-import", limit, async move { library.fits(&saved) }).await??)
}

/// Runs an app's `shutdown`, and drops the app. What else holds it keeps its state alive.
///
/// # Errors
/// If that takes longer than `limit`; it may then go on, unheard.
pub async fn shut_down(app: Arc<App>, limit: Duration) -> Result<(), HookError> {
    let ended = async move {
        app.shutdown().await;
        // Here, too, code of the app runs: the drop of its state.
        drop(app);
    };
    on_own_thread("nova-shutdown", limit, ended).await
}

/// Runs `hook` on a thread of its own.
///
/// # Errors
/// If it panics or takes longer than `limit`.
pub(super) async fn on_own_thread<T: Send + 'static>(
    name: &str,
    limit: Duration,
    hook: impl Future<Output = T> + Send + 'static,
) -> Result<T, HookError> {
    let (done, result) = oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    let hook_name = name.strip_prefix("nova-").unwrap_or(name).to_owned();
    let run = move || {
        let output = record::run(&Activity::hook(&hook_name), || runtime.block_on(hook));
        signal_handlers::put_back(&format!("`{hook_name}` of app.rs"));
        // Nobody waits any more for what came too late: it is dropped here.
        drop(done.send(output));
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(HookError::Thread)?;
    match tokio::time::timeout(limit, result).await {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(_)) => Err(HookError::Panicked("its thread ended without a word".to_owned())),
        Err(_) => Err(HookError::TimedOut { limit }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hook_may_do_what_it_likes() {
        let patient = Duration::from_secs(60);
        let done = on_own_thread("fine", patient, async { 7 }).await;
        assert!(matches!(done, Ok(7)), "{done:?}");
        let panicked = on_own_thread("panics", patient, async { panic!("no") }).await;
        assert!(matches!(panicked, Err::<(), _>(HookError::Panicked(_))), "{panicked:?}");
        let limit = Duration::from_millis(1);
        let hung = on_own_thread("hangs", limit, std::future::pending::<()>()).await;
        assert!(matches!(hung, Err(HookError::TimedOut { .. })), "{hung:?}");
        let (_open, blocker) = std::sync::mpsc::channel::<()>();
        let blocked = on_own_thread("blocks", limit, async move { blocker.recv().ok() }).await;
        assert!(matches!(blocked, Err(HookError::TimedOut { .. })), "{blocked:?}");
    }
}
