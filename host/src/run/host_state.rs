//! The folder of a host's state, and the switch that works with it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tokio::sync::oneshot;

use super::Error;
use crate::process::worker_threads::WorkerThreads;
use crate::release::Release;
use crate::release::ledger::Ledger;
use crate::run::config::Config;
use crate::swap::{SwapError, SwapSettings, Switch};

/// See the [module](self).
pub(super) struct HostState {
    pub(super) switch: Arc<Switch>,
    /// Whether the store is this host's alone; it may be elsewhere, shared with other hosts of this
    /// user.
    pub(super) owns_store: bool,
    /// Keeps other hosts out of the state folder as long as it is open.
    _lock: Option<File>,
}

/// How long a state folder may be held by a host that was killed.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// How often it is tried meanwhile.
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// How a host begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// By itself, with what lies at the paths of its settings.
    Alone,
    /// With the routes that are linked into the program.
    Linked,
    /// In the place of a process that holds its state.
    StandIn,
    /// For a supervisor, which holds the state.
    Worker,
    /// In its own place, with what another process has kept for it.
    Recycled,
}

/// Releases on their way.
pub(super) type ReleaseReading = oneshot::Receiver<Result<Vec<Release>, SwapError>>;

impl HostState {
    /// The state of a host that serves `releases`.
    pub(super) fn open(
        config: &Config,
        workers: &WorkerThreads,
        releases: &[PathBuf],
        beginning: Beginning,
    ) -> Result<Self, Error> {
        let store = config.store()?;
        // Where the routes are linked there is nothing to go back to.
        let state = config.state_folder().filter(|_| beginning != Beginning::Linked);
        let ledger = match (&state, beginning) {
            // The supervisor writes.
            (folder, Beginning::Worker) => Ledger::reader(folder.as_deref()),
            (Some(folder), _) => open_ledger(folder)?,
            (None, Beginning::Alone) => Ledger::temporary(),
            (None, _) => Ledger::default(),
        };
        let ledger = ledger.deployed_at(releases.to_vec());
        // A stand-in and a worker serve beside the process that holds the folder.
        let beside = matches!(beginning, Beginning::StandIn | Beginning::Worker);
        let state = state.filter(|_| !beside);
        let lock = state.as_deref().map(lock).transpose()?;
        let owns_store = store.folder().zip(state.as_deref());
        let owns_store = owns_store.is_some_and(|(store, state)| store.starts_with(state));
        let settings = SwapSettings {
            workers: Some(workers.handle()),
            ..config.swap_settings(std::env::current_exe().ok())
        };
        let switch = Arc::new(Switch::new(settings, store).with_ledger(ledger));
        Ok(Self { switch, owns_store, _lock: lock })
    }

    /// Begins to read the releases that the host starts with, on a thread of its own: a library of
    /// some megabytes is hashed while the runtime is made and the port is bound.
    pub(super) fn read(&self, releases: &[PathBuf]) -> ReleaseReading {
        let (done, reading) = oneshot::channel();
        let (switch, releases) = (Arc::clone(&self.switch), releases.to_vec());
        std::thread::spawn(move || {
            switch.add_kept_stylesheets();
            // Not waited for any more where something else has ended the start.
            drop(done.send(switch.read(&releases)));
        });
        reading
    }
}

/// Holds a state folder for this host alone, as long as the file is open.
fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join("lock");
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = File::create(&path).map_err(failed)?;
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            // A host that was killed while it started a child is gone when that has become another
            // program.
            Err(Errno::WOULDBLOCK) if Instant::now() < deadline => {
                std::thread::sleep(LOCK_PAUSE);
            }
            Err(Errno::WOULDBLOCK) => {
                let folder = folder.display();
                let text = "another host keeps its state here; give each its own --state";
                return Err(format!("{folder}: {text}").into());
            }
            Err(error) => return Err(failed(error.into()).into()),
        }
    }
}

fn open_ledger(folder: &Path) -> Result<Ledger, Error> {
    let failed = |error| format!("{}: the state folder cannot be used: {error}", folder.display());
    Ledger::open(folder).map_err(|error| failed(error).into())
}
