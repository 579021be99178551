//! A program with the routes and files of one release inside: no library is loaded, and no folder
//! is needed beside it. `nova build --static` makes it.

use std::path::Path;

use nova_abi::LibraryRef;
use tempfile::TempDir;

use super::Error;
use crate::library::loader::{BuildId, Library, LoadError};
use crate::release::Release;
use crate::swap::{SwapError, Switch};

/// A release that is part of this program.
#[derive(Clone, Copy)]
pub struct LinkedRelease {
    /// What the app's `nova_library()` gives.
    pub library: LibraryRef,
    /// The app's name and version, such as `my-app 0.1.0`.
    pub app: &'static str,
    /// The build id in the release's manifest.
    pub build_id: &'static str,
    /// The files of the release but its library: each path in it, with its content.
    pub files: &'static [(&'static str, &'static [u8])],
}

impl LinkedRelease {
    /// Puts the files where a server of files finds them; the folder goes with the handle.
    pub(super) fn unpack(&self) -> Result<Option<TempDir>, Error> {
        if self.files.is_empty() {
            return Ok(None);
        }
        let failed = |error: std::io::Error| {
            format!(
                "the files in this program cannot be unpacked: {error}; is TMPDIR a folder that can be written?"
            )
        };
        let folder = tempfile::Builder::new().prefix("nova-release-").tempdir().map_err(failed)?;
        for (path, content) in self.files {
            let file = folder.path().join(path);
            let parent = file.parent().unwrap_or(folder.path());
            std::fs::create_dir_all(parent)
                .and_then(|()| std::fs::write(&file, content))
                .map_err(failed)?;
        }
        Ok(Some(folder))
    }

    /// The release, as if it had been read and loaded.
    pub(super) fn release(
        &self,
        switch: &Switch,
        folder: Option<&Path>,
    ) -> Result<Release, SwapError> {
        let build_id = self.build_id.parse::<BuildId>();
        let build_id =
            build_id.map_err(|cause| LoadError::BuildId { path: self.app.into(), cause })?;
        let candidate = switch.link(Library::linked(self.library, self.app, build_id)?);
        Ok(Release::of_linked(candidate, folder)?)
    }
}
