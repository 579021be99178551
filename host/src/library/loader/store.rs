//! Private, read-only copies: the only files that are ever mapped.
//!
//! They lie in a folder, under the name of their content. Where none can be written to, or the
//! system runs no code from there (`noexec`), they are files without a folder: memory that is
//! sealed once it is written, so that nobody can change it, we included.
//!
//! A copy that is there already is compared with what it is a copy of, byte by byte, before it is
//! mapped: a disk may be damaged, and what has our rights may have written to it.

mod folders;
mod fresh_copy;
mod memory;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

pub use self::folders::{PlaceForCopies, place_for_copies};
use self::folders::{Use, default_folders, usable};
pub(crate) use self::folders::{keep_folders, private_folder, writable_folder};
pub(super) use self::fresh_copy::FreshCopy;
use super::content::{Content, PART, has_bytes, is_same_file};
use super::segments::Segments;
use super::{BuildId, LoadError};
use crate::library::digest::sha256_of;

/// Where copies of libraries are kept.
///
/// A copy in a folder is written once, under a temporary name, synced, renamed, and never written
/// again.
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
            let unwanted = match build_id {
                Some(Ok(build_id)) => copy == path(folder, &build_id) && !wanted(&build_id),
                // What has another name is not ours, or is being written.
                _ => is_left_over(&copy),
            };
            if unwanted && let Err(error) = fs::remove_file(&copy) {
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
            let Ok(copy) = File::open(&copy) else { return Ok(None) };
            if copy.metadata()?.len() != length {
                return Ok(None);
            }
            let is_it = is_same_file(file, &copy)?;
            let content = Content::of_copy(copy)?;
            // Its name alone does not say what is in it.
            Ok((is_it || has_bytes(file, &content)?).then_some((sha256, content)))
        };
        find().map_err(|source| LoadError::Read { path: path.into(), source })
    }

    /// The path of a copy for this process to map, now and for good.
    pub(super) fn put(&self, build_id: &BuildId, bytes: &Content) -> Result<PathBuf, LoadError> {
        match &self.folder {
            Some(folder) => put(folder, build_id, bytes),
            None => {
                let memory = memory::sealed(build_id, bytes).map_err(in_memory)?;
                // Never closed: the dynamic linker knows what it has mapped by this name, and a
                // later library under the same number would be taken for this one.
                Ok(PathBuf::from(format!("/proc/self/fd/{}", memory.into_raw_fd())))
            }
        }
    }

    /// A copy of what this process has mapped already, to be mapped once more.
    pub(super) fn fresh(
        &self,
        build_id: &BuildId,
        bytes: &[u8],
        segments: &Segments,
    ) -> Result<FreshCopy, LoadError> {
        let path = || self.folder.clone().unwrap_or_else(|| "memory".into());
        FreshCopy::write(self.folder(), build_id, bytes, segments)
            .map_err(|source| LoadError::Store { path: path(), source })
    }

    /// A copy for a child process, which makes its own of it.
    pub(super) fn stage(&self, build_id: &BuildId, bytes: &Content) -> Result<Staged, LoadError> {
        match &self.folder {
            Some(folder) => Ok(Staged { path: put(folder, build_id, bytes)?, _memory: None }),
            None => {
                let memory = OwnedFd::from(memory::sealed(build_id, bytes).map_err(in_memory)?);
                let (process, number) = (std::process::id(), memory.as_raw_fd());
                let path = format!("/proc/{process}/fd/{number}").into();
                Ok(Staged { path, _memory: Some(memory) })
            }
        }
    }
}

fn path(folder: &Path, build_id: &BuildId) -> PathBuf {
    folder.join(format!("libnova_routes-{}.so", build_id.as_str()))
}

/// Whether a folder has a file of this length.
fn has_file_of(folder: &Path, length: u64) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).any(|entry| entry.len() == length)
}

fn in_memory(source: io::Error) -> LoadError {
    LoadError::Store { path: "memory".into(), source }
}

/// Whether a copy was being written by a process that is gone: its number ends the name.
fn is_left_over(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let writer = name.strip_prefix('.').and_then(|name| name.rsplit_once('-'));
    let writer = writer.and_then(|(_, writer)| writer.parse::<u32>().ok());
    writer.is_some_and(|writer| !Path::new(&format!("/proc/{writer}")).exists())
}

/// Whether the file at `path` is there and has these bytes; what is there and has others is said.
fn is_copy(path: &Path, bytes: &Content) -> io::Result<bool> {
    let Ok(file) = File::open(path) else { return Ok(false) };
    let is_it = bytes.is_in(&file)?;
    if !is_it {
        let path = path.display();
        tracing::warn!("{path}: is not what was written there; it is written anew");
    }
    Ok(is_it)
}

/// The path of the copy with this build id in a folder; written if it is not there yet.
fn put(folder: &Path, build_id: &BuildId, bytes: &Content) -> Result<PathBuf, LoadError> {
    let path = path(folder, build_id);
    let failed = |source| LoadError::Store { path: path.clone(), source };
    if is_copy(&path, bytes).map_err(failed)? {
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

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn bytes(text: &str) -> Content {
        Content::Memory(text.into())
    }

    #[test]
    fn a_copy_that_is_another_by_now_is_written_again() {
        let temp = tempfile::tempdir().unwrap();
        let store = Store::open(temp.path().join("store")).unwrap();
        let id = BuildId::of(b"library");
        let path = store.put(&id, &bytes("library")).unwrap();
        assert_eq!(store.put(&id, &bytes("library")).unwrap(), path);
        for damage in ["libr", "liberty", "", "library and more"] {
            fs::remove_file(&path).unwrap();
            fs::write(&path, damage).unwrap();
            let file = File::open(store.put(&id, &bytes("library")).unwrap()).unwrap();
            assert!(bytes("library").is_in(&file).unwrap(), "{damage:?}");
        }
    }

    #[test]
    fn what_is_there_is_found_by_its_content() {
        let temp = tempfile::tempdir().unwrap();
        let store = Store::open(temp.path().join("store")).unwrap();
        store.put(&BuildId::of(b"library"), &bytes("library")).unwrap();
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
        // The file has the name and the length of the copy, and not its content.
        let copy = store.path(&BuildId::of(b"library")).unwrap();
        let whole = fs::read(&copy).unwrap();
        fs::remove_file(&copy).unwrap();
        fs::write(&copy, "LIBRARY").unwrap();
        assert!(found("library").is_none());
        fs::write(&copy, whole).unwrap();
        assert!(found("library").is_some());
        // What is mapped stays, also when the store is swept.
        store.sweep(|_| false);
        assert!(found("library").is_none());
        assert_eq!(&content[..], b"library");
    }

    #[test]
    fn what_a_process_has_left_half_written_is_swept() {
        let temp = tempfile::tempdir().unwrap();
        let store = Store::open(temp.path().join("store")).unwrap();
        let file = |name: &str| store.folder().unwrap().join(name);
        let ours = format!(".0f-1-{}", std::process::id());
        // No process has such a number.
        let names = [".0f-4294967295", ".0f-1-4294967295", &ours, ".hidden", "a-4294967295"];
        for name in names {
            fs::write(file(name), name).unwrap();
        }
        store.sweep(|_| true);
        let left = names.map(|name| file(name).exists());
        assert_eq!(left, [false, false, true, true, true]);
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
        let path = store.put(&id, &bytes("library")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"library");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o500);
        // The mode does not stop root; the seal does.
        let written = OpenOptions::new().write(true).open(&path).and_then(|mut it| it.write(b"x"));
        assert!(written.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"library");
        assert_ne!(store.put(&BuildId::of(b"other"), &bytes("other")).unwrap(), path);

        let staged = store.stage(&BuildId::of(b"staged"), &bytes("staged")).unwrap();
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
