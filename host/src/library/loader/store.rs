//! Private, read-only copies: the only files that are ever mapped.
//!
//! They lie in a folder, under the name of their content. Where none can be written to, or the
//! system runs no code from there (`noexec`), they are files without a folder: memory that is
//! sealed once it is written, so that nobody can change it, we included.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, BufReader, Write};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{
    Access, MemfdFlags, SealFlags, StatVfsMountFlags, access, fcntl_add_seals, memfd_create,
    statvfs,
};
use rustix::io::Errno;

use super::content::Content;
use super::{BuildId, LoadError};
use crate::library::digest::sha256_of;
use crate::process::service_folders;

/// The group, or others, may write.
const WRITABLE: u32 = 0o022;

/// How much of a file is read at a time, in bytes.
const PART: usize = 64 * 1024;

/// Where copies of libraries are kept.
///
/// A copy in a folder is written once, under a temporary name, synced, renamed, and never written
/// again. So one that has the right length has the right content.
#[derive(Debug, Clone)]
pub struct Store {
    /// A folder that only we can enter; none: memory.
    folder: Option<PathBuf>,
}

/// A copy for another process to load. One in memory is gone when this is dropped.
#[derive(Debug)]
pub struct Staged {
    path: PathBuf,
    _memory: Option<OwnedFd>,
}

impl Staged {
    /// Where a process of this user finds it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// What a folder is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Copies can be written there and mapped.
    Libraries,
    /// The system maps no code from there.
    NoCode,
}

impl Store {
    /// Opens the store in `folder`, which is made (mode 0700) if it is not there. A folder from
    /// which the system runs no code leaves the copies in memory.
    ///
    /// # Errors
    /// If the folder cannot be made or written to, or belongs to somebody else.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, LoadError> {
        let folder = folder.into();
        match usable(&folder) {
            Ok(Use::Libraries) => Ok(Self { folder: Some(folder) }),
            Ok(Use::NoCode) => {
                let folder = folder.display();
                tracing::info!(
                    "{folder} is mounted noexec; copies of libraries are kept in memory"
                );
                Ok(Self::in_memory())
            }
            Err(source) => Err(LoadError::Store { path: folder, source }),
        }
    }

    /// The store of a host that was told of no state folder: the service manager's, or the one
    /// that hosts of this user share, or memory.
    #[must_use]
    pub fn open_default() -> Self {
        Self::first_of(default_folders())
    }

    fn first_of(folders: impl IntoIterator<Item = PathBuf>) -> Self {
        for folder in folders {
            let folder = folder.join("libraries");
            match usable(&folder) {
                Ok(Use::Libraries) => return Self { folder: Some(folder) },
                Ok(Use::NoCode) => tracing::debug!("{} is mounted noexec", folder.display()),
                Err(error) => tracing::debug!("{}: {error}", folder.display()),
            }
        }
        tracing::info!("no folder for copies of libraries can be used; they are kept in memory");
        Self::in_memory()
    }

    /// A store without a folder.
    #[must_use]
    pub fn in_memory() -> Self {
        Self { folder: None }
    }

    /// The folder, if there is one.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Removes the copies in the folder that `wanted` does not want. Those that are mapped stay
    /// mapped, and are written anew when they are loaded anew.
    pub(crate) fn sweep(&self, wanted: impl Fn(&BuildId) -> bool) {
        let Some(folder) = &self.folder else { return };
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let copy = entry.path();
            let name = copy.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            let build_id = name.strip_prefix("libnova_routes-").map(str::parse::<BuildId>);
            // What has another name is not ours, or is being written.
            let Some(Ok(build_id)) = build_id else { continue };
            if copy == path(folder, &build_id)
                && !wanted(&build_id)
                && let Err(error) = fs::remove_file(&copy)
            {
                tracing::debug!("{}: not removed: {error}", copy.display());
            }
        }
    }

    /// Where the copy with this build id is, if there is one in a folder.
    #[must_use]
    pub fn path(&self, build_id: &BuildId) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| path(folder, build_id))
    }

    /// The copy of what `file` contains, if there is one, with the SHA-256 of both; `path` is where
    /// the file is, for messages.
    ///
    /// The file is read in parts: memory for all of a library costs more than to hash it.
    pub(super) fn find(
        &self,
        file: &File,
        path: &Path,
    ) -> Result<Option<(String, Content)>, LoadError> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let find = || -> io::Result<_> {
            if !has_file_of(folder, file.metadata()?.len()) {
                return Ok(None);
            }
            let (sha256, length) = sha256_of(&mut BufReader::with_capacity(PART, file))?;
            let copy = self::path(folder, &BuildId::from_sha256(&sha256));
            let Some(copy) = open_copy(&copy, length) else { return Ok(None) };
            Ok(Some((sha256, Content::of_copy(&copy)?)))
        };
        find().map_err(|source| LoadError::Read { path: path.into(), source })
    }

    /// The path of a copy for this process to map, now and for good.
    pub(super) fn put(&self, build_id: &BuildId, bytes: &[u8]) -> Result<PathBuf, LoadError> {
        match &self.folder {
            Some(folder) => put(folder, build_id, bytes),
            None => {
                let memory = sealed(build_id, bytes)?;
                // Never closed: the dynamic linker knows what it has mapped by this name, and a
                // later library under the same number would be taken for this one.
                Ok(PathBuf::from(format!("/proc/self/fd/{}", memory.into_raw_fd())))
            }
        }
    }

    /// A copy for a child process, which makes its own of it.
    pub(super) fn stage(&self, build_id: &BuildId, bytes: &[u8]) -> Result<Staged, LoadError> {
        match &self.folder {
            Some(folder) => Ok(Staged { path: put(folder, build_id, bytes)?, _memory: None }),
            None => {
                let memory = sealed(build_id, bytes)?;
                let (process, number) = (std::process::id(), memory.as_raw_fd());
                let path = format!("/proc/{process}/fd/{number}").into();
                Ok(Staged { path, _memory: Some(memory) })
            }
        }
    }
}

/// Where copies go if nobody says it, the first that can be used.
fn default_folders() -> Vec<PathBuf> {
    let us = rustix::process::geteuid().as_raw();
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let runtime = runtime.filter(|runtime| runtime.is_absolute()).map(|it| it.join("nova"));
    let temporary = std::env::temp_dir().join(format!("nova-{us}"));
    let named = [service_folders::state_folder(), service_folders::runtime_folder(), runtime];
    named.into_iter().flatten().chain([temporary]).collect()
}

/// The first folder of ours that can be written to, whether or not code may be run from it.
pub(crate) fn writable_folder(name: &str) -> Option<PathBuf> {
    let folders = default_folders().into_iter().map(|folder| folder.join(name));
    folders.into_iter().find(|folder| usable(folder).is_ok())
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
fn usable(folder: &Path) -> io::Result<Use> {
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

fn path(folder: &Path, build_id: &BuildId) -> PathBuf {
    folder.join(format!("libnova_routes-{}.so", build_id.as_str()))
}

/// Whether a folder has a file of this length.
fn has_file_of(folder: &Path, length: u64) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).any(|entry| entry.len() == length)
}

/// Opens a copy, if it is there. Its name is the hash of its bytes, but a damaged file system may
/// have cut it short.
fn open_copy(path: &Path, length: u64) -> Option<File> {
    let file = File::open(path).ok()?;
    file.metadata().is_ok_and(|metadata| metadata.len() == length).then_some(file)
}

/// The path of the copy with this build id in a folder; written if it is not there yet.
fn put(folder: &Path, build_id: &BuildId, bytes: &[u8]) -> Result<PathBuf, LoadError> {
    let path = path(folder, build_id);
    let failed = |source| LoadError::Store { path: path.clone(), source };
    if open_copy(&path, bytes.len() as u64).is_some() {
        return Ok(path);
    }
    let temporary = folder.join(format!(".{}-{}", build_id.as_str(), std::process::id()));
    let _ = fs::remove_file(&temporary);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o500)
        .open(&temporary)
        .map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    drop(file);
    fs::rename(&temporary, &path).map_err(failed)?;
    // The rename itself must reach the disk too.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(path)
}

/// A file in memory that nobody can change any more.
fn sealed(build_id: &BuildId, bytes: &[u8]) -> Result<OwnedFd, LoadError> {
    let name = format!("libnova_routes-{}.so", build_id.as_str());
    let write = || -> io::Result<OwnedFd> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        // A kernel before 6.3 does not know the flag, and needs none.
        let memory = match memfd_create(&name, flags | MemfdFlags::EXEC) {
            Err(Errno::INVAL) => memfd_create(&name, flags)?,
            created => created?,
        };
        let mut file = File::from(memory);
        file.write_all(bytes)?;
        file.set_permissions(Permissions::from_mode(0o500))?;
        fcntl_add_seals(
            &file,
            SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL,
        )?;
        Ok(file.into())
    };
    write().map_err(|source| LoadError::Store { path: "memory".into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_cut_short_is_written_again() {
        let temp = tempfile::tempdir().unwrap();
        let store = Store::open(temp.path().join("store")).unwrap();
        let id = BuildId::of(b"library");
        let path = store.put(&id, b"library").unwrap();
        assert_eq!(store.put(&id, b"library").unwrap(), path);
        fs::remove_file(&path).unwrap();
        fs::write(&path, b"libr").unwrap();
        assert_eq!(fs::read(store.put(&id, b"library").unwrap()).unwrap(), b"library");
    }

    #[test]
    fn what_is_there_is_found_by_its_content() {
        let temp = tempfile::tempdir().unwrap();
        let store = Store::open(temp.path().join("store")).unwrap();
        store.put(&BuildId::of(b"library"), b"library").unwrap();
        let found = |text: &str| {
            let path = temp.path().join("named");
            fs::write(&path, text).unwrap();
            store.find(&File::open(&path).unwrap(), &path).unwrap()
        };
        let (sha256, content) = found("library").unwrap();
        assert_eq!(sha256, crate::library::digest::sha256(b"library"));
        assert_eq!(&content[..], b"library");
        assert!(found("liberty").is_none());
        assert!(found("").is_none());
        // What is mapped stays, also when the store is swept.
        store.sweep(|_| false);
        assert!(found("library").is_none());
        assert_eq!(&content[..], b"library");
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_no_store() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("store");
        Store::open(&folder).unwrap();
        for (mode, fits) in [(0o755, true), (0o770, false), (0o707, false), (0o700, true)] {
            fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
            assert_eq!(Store::open(&folder).is_ok(), fits, "{mode:o}");
        }
    }

    #[test]
    fn a_copy_in_memory_cannot_be_changed() {
        let store = Store::in_memory();
        let id = BuildId::of(b"library");
        let path = store.put(&id, b"library").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"library");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o500);
        // The mode does not stop root; the seal does.
        let written = OpenOptions::new().write(true).open(&path).and_then(|mut it| it.write(b"x"));
        assert!(written.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"library");
        assert_ne!(store.put(&BuildId::of(b"other"), b"other").unwrap(), path);

        let staged = store.stage(&BuildId::of(b"staged"), b"staged").unwrap();
        let path = staged.path().to_owned();
        assert_eq!(fs::read(&path).unwrap(), b"staged");
        drop(staged);
        assert_ne!(fs::read(&path).ok().as_deref(), Some(&b"staged"[..]));
    }

    #[test]
    fn the_first_folder_that_can_be_used_is_taken() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("file");
        fs::write(&file, "").unwrap();
        let [good, other] = ["good", "other"].map(|name| temp.path().join(name));
        let store = Store::first_of([file.clone(), good.clone(), other.clone()]);
        assert_eq!(store.folder(), Some(good.join("libraries").as_path()));
        assert!(!other.exists());
        assert_eq!(Store::first_of([file]).folder(), None);
        // Linux mounts it so; nothing can be made there, either.
        assert_eq!(Store::first_of(["/proc".into()]).folder(), None);
    }
}
