//! The folders that copies may lie in: private, writable, and whether code may run from them.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};

use crate::process::service_folders;

/// The group, or others, may write.
const WRITABLE: u32 = 0o022;

/// What a folder is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Copies can be written there and mapped.
    Libraries,
    /// The system maps no code from there.
    NoCode,
}

/// Where copies go if nobody says it, the first that can be used.
pub(super) fn default_folders() -> Vec<PathBuf> {
    let us = rustix::process::geteuid().as_raw();
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let runtime = runtime.filter(|runtime| runtime.is_absolute()).map(|it| it.join("nova"));
    let temporary = std::env::temp_dir().join(format!("nova-{us}"));
    let named = [service_folders::state_folder(), service_folders::runtime_folder(), runtime];
    named.into_iter().flatten().chain([temporary]).collect()
}

/// The first folder of ours that can be written to, whether or not code may be run from it. A
/// machine whose disks cannot be written to has shared memory.
pub(crate) fn writable_folder(name: &str) -> Option<PathBuf> {
    let us = rustix::process::geteuid().as_raw();
    let memory = PathBuf::from(format!("/dev/shm/nova-{us}"));
    let folders = default_folders().into_iter().chain([memory]);
    folders.map(|folder| folder.join(name)).find(|folder| usable(folder).is_ok())
}

/// Where the copies of a host of this user would go, without making anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceForCopies {
    /// Into a folder.
    Folder(PathBuf),
    /// Into memory; of the folders that can be written to, this one runs no code.
    Memory {
        /// The folder that was tried last, which does not let code run.
        noexec: Option<PathBuf>,
    },
    /// There is none.
    Nowhere,
}

/// Looks for the [`PlaceForCopies`].
pub fn place_for_copies() -> PlaceForCopies {
    let mut noexec = None;
    for folder in default_folders() {
        // What would be made is made in the nearest folder that is there.
        let Some(there) = folder.ancestors().find(|folder| folder.is_dir()) else { continue };
        match purpose(there) {
            Ok(Use::Libraries) => return PlaceForCopies::Folder(folder),
            Ok(Use::NoCode) => noexec = noexec.or(Some(folder)),
            Err(_) => {}
        }
    }
    let forbidden = fs::read_to_string("/proc/sys/vm/memfd_noexec");
    match forbidden.as_deref().map(str::trim) {
        Ok("2") => PlaceForCopies::Nowhere,
        _ => PlaceForCopies::Memory { noexec },
    }
}

/// Removes the folders in `folder` that are not `wanted`.
pub(crate) fn keep_folders(folder: &Path, wanted: impl Fn(&Path) -> bool) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if !wanted(&path)
            && let Err(error) = fs::remove_dir_all(&path)
        {
            tracing::warn!("{}: cannot be removed: {error}", path.display());
        }
    }
}

/// Makes a folder that only we can enter, if it is not there.
pub(crate) fn private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let metadata = fs::symlink_metadata(folder)?;
    let us = rustix::process::geteuid().as_raw();
    let owner = std::os::unix::fs::MetadataExt::uid(&metadata);
    if !metadata.is_dir() || owner != us {
        let text = format!("the folder belongs to user {owner}, this host runs as {us}");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    Ok(())
}

/// Makes a private folder, and says what it is good for. What lies in it is trusted by its name, so
/// one that was there before must not be open to others.
pub(super) fn usable(folder: &Path) -> io::Result<Use> {
    private_folder(folder)?;
    let mode = fs::metadata(folder)?.permissions().mode() & 0o777;
    if mode & WRITABLE != 0 {
        let text = format!("others can write to it (mode {mode:o}); chmod 700 it");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    purpose(folder)
}

/// What a folder that is there is good for.
fn purpose(folder: &Path) -> io::Result<Use> {
    access(folder, Access::WRITE_OK | Access::EXEC_OK)?;
    let noexec = statvfs(folder)?.f_flag.contains(StatVfsMountFlags::NOEXEC);
    Ok(if noexec { Use::NoCode } else { Use::Libraries })
}
