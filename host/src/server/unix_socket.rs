//! The file of a Unix socket: made, replaced where a process that was killed has left it, and removed
//! at the end.

use std::fs::{Permissions, remove_file, set_permissions, symlink_metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// What a bound socket leaves in its folder. Dropping it removes that.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and inode: what lies there later may be another process's.
    identity: Option<(u64, u64)>,
}

/// Why a path cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum SocketFileError {
    /// Another process is there.
    #[error("another process answers there")]
    Taken,
    /// Something else is there.
    #[error("it is not a socket")]
    NoSocket,
    /// The system refuses.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl SocketFile {
    /// Listens at `path`, for those whom `mode` lets in.
    ///
    /// # Errors
    /// When a process answers there already, or the path cannot be used.
    pub fn bind(path: &Path, mode: u32) -> Result<(UnixListener, Self), SocketFileError> {
        clear(path)?;
        let listener = UnixListener::bind(path)?;
        let file = Self::of(path)?;
        set_permissions(path, Permissions::from_mode(mode))?;
        Ok((listener, file))
    }

    /// The file of a socket that is bound at `path`.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(path: &Path) -> io::Result<Self> {
        let metadata = symlink_metadata(path)?;
        let identity = Some((metadata.dev(), metadata.ino()));
        Ok(Self { path: path.to_owned(), identity })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves it to another process, which has the socket.
    pub fn leave(&mut self) {
        self.identity = None;
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let found = symlink_metadata(&self.path);
        let found = found.ok().map(|metadata| (metadata.dev(), metadata.ino()));
        if found.is_some() && found == self.identity {
            remove_file(&self.path).ok();
        }
    }
}

/// Makes room at `path`, if what is there is a socket without a listener.
fn clear(path: &Path) -> Result<(), SocketFileError> {
    let metadata = match symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if !metadata.file_type().is_socket() {
        return Err(SocketFileError::NoSocket);
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(SocketFileError::Taken),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(remove_file(path)?),
        Err(error) => Err(error.into()),
    }
}
