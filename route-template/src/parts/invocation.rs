//! How cargo calls the compiler for the app, remembered from one session to the next.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::write_atomically;
use crate::parts::cache_keys::CacheKeys;
use crate::parts::capture::{CaptureOutput, RustcCall};
use crate::parts::image::{SysImage, is_member};
use crate::parts::package_env;
use crate::project::Project;

/// The call for an app, as long as nothing changes that decides about it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Invocation {
    /// Of everything that decides about it.
    pub(crate) key: String,
    pub(crate) call: RustcCall,
    /// The folders of the app's dependencies that are the user's own.
    pub(crate) local: Vec<PathBuf>,
}

impl Invocation {
    /// What cargo was seen to call.
    pub(crate) fn of(key: String, captured: CaptureOutput) -> Self {
        let local = captured.artifacts.iter().filter(|it| it.is_local && !is_member(it));
        let mut local: Vec<PathBuf> = local.map(|it| it.folder.clone()).collect();
        local.sort();
        local.dedup();
        Self { key, call: captured.call, local }
    }

    /// What was remembered, or what follows from the call for another app of the same image; none
    /// if cargo has to be asked: a build script, or a crate in a folder, may be out of date, and
    /// only cargo knows.
    pub(crate) fn recall(
        memory: &Path,
        keys: &CacheKeys,
        image: &SysImage,
        project: &Project,
    ) -> Option<Self> {
        if keys.needs_cargo {
            return None;
        }
        let remembered = std::fs::read(memory).ok();
        let remembered = remembered.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        if let Some(invocation) = remembered.filter(|invocation| invocation.key == keys.app) {
            return Some(invocation);
        }
        let call = package_env::call(&image.call, project, &keys.manifest)?;
        let invocation = Self { key: keys.app.clone(), call, local: Vec::new() };
        // Without a memory it is found the same way the next time.
        let _ = invocation.remember(memory);
        Some(invocation)
    }

    /// Writes it to the file from which [`recall`](Self::recall) reads it.
    pub(crate) fn remember(&self, memory: &Path) -> io::Result<()> {
        write_atomically(memory, &serde_json::to_vec(self)?)
    }
}
