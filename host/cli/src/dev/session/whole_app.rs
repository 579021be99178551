//! An app that cannot be compiled in parts, and is built as a whole instead.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nova_host::library::start::StartInfo;

use super::store::SessionStore;
use crate::dev::build::builder::{BuildEvent, BuildSuccess, Builder};
use crate::dev::settings::Environment;
use crate::dev::watch::change::Change;

/// The builder, and what it has left.
pub(crate) struct WholeApp {
    builder: Builder,
    store: SessionStore,
    /// The files that the compiler read the last time.
    inputs: BTreeSet<PathBuf>,
}

impl WholeApp {
    /// Nothing is built before [`start`](Self::start).
    pub(crate) fn new(builder: Builder, store: SessionStore) -> Self {
        Self { builder, store, inputs: BTreeSet::new() }
    }

    /// Builds the app as it is now; see [`Builder::start`].
    pub(crate) fn start(
        &mut self,
        changes: Vec<Change>,
        since: Instant,
        environment: Environment,
        info: StartInfo,
    ) {
        self.builder.start(changes, since, environment, info);
    }

    /// The next thing to report. A call that is given up loses nothing.
    pub(crate) async fn next_event(&mut self) -> BuildEvent {
        self.builder.next_event().await
    }

    /// A build serves.
    pub(crate) fn serves(&mut self, success: &BuildSuccess) {
        self.inputs.clone_from(&success.inputs);
        if let Some(swapped) = &success.swapped {
            self.store.prune(swapped.build_id.as_str());
        }
    }

    /// Whether the compiler has read a file of the app.
    pub(crate) fn reads(&self, path: &Path) -> bool {
        self.inputs.contains(path)
    }

    /// Whether a build goes on.
    pub(crate) fn is_building(&self) -> bool {
        self.builder.is_building()
    }

    /// Stops the build that goes on, and waits until its processes are gone.
    pub(crate) async fn stop(&mut self) {
        self.builder.stop().await;
    }
}
