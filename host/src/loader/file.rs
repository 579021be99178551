//! The file: whose it is, and its bytes, read once.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

use super::LoadError;

/// Writable by others than owner and group.
const OTHERS_WRITE: u32 = 0o002;

/// Reads a library file whose owner and mode can be trusted.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let mut file = open(path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|source| failed(path, source))?;
    if bytes.is_empty() {
        return Err(LoadError::Empty { path: path.into() });
    }
    Ok(bytes)
}

fn failed(path: &Path, source: io::Error) -> LoadError {
    match source.kind() {
        io::ErrorKind::NotFound => LoadError::Missing { path: path.into() },
        _ => LoadError::Read { path: path.into(), source },
    }
}

/// Opens a library file whose owner and mode can be trusted.
pub(super) fn open(path: &Path) -> Result<File, LoadError> {
    let failed = |source| failed(path, source);
    // A fifo would block the open for ever, so what it is comes first.
    let kind = std::fs::metadata(path).map_err(failed)?.file_type();
    if !kind.is_file() {
        let found = if kind.is_dir() { "folder" } else { "special file" };
        return Err(LoadError::NotAFile { path: path.into(), found });
    }
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.mode() & OTHERS_WRITE != 0 {
        return Err(LoadError::Writable { path: path.into(), mode: metadata.mode() & 0o7777 });
    }
    let us = rustix::process::geteuid().as_raw();
    if us != 0 && metadata.uid() != 0 && metadata.uid() != us {
        return Err(LoadError::Owner { path: path.into(), owner: metadata.uid(), us });
    }
    Ok(file)
}
