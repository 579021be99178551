//! The file: whose it is, and its bytes.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use super::LoadError;
use super::place::{self, Guard};

/// Reads a library file whose owner and mode can be trusted, and its folder's.
pub(super) fn read(path: &Path, guard: Guard) -> Result<Vec<u8>, LoadError> {
    read_all(&mut open(path, guard)?, path)
}

/// All of an open library file, from its beginning.
pub(super) fn read_all(file: &mut File, path: &Path) -> Result<Vec<u8>, LoadError> {
    let mut bytes = Vec::new();
    file.rewind()
        .and_then(|()| file.read_to_end(&mut bytes))
        .map_err(|source| failed(path, source))?;
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

/// Opens a library file whose owner and mode can be trusted, and its folder's.
pub(super) fn open(path: &Path, guard: Guard) -> Result<File, LoadError> {
    let failed = |source| failed(path, source);
    // A fifo would block the open for ever, so what it is comes first.
    let kind = std::fs::metadata(path).map_err(failed)?.file_type();
    if !kind.is_file() {
        let found = if kind.is_dir() { "folder" } else { "special file" };
        return Err(LoadError::NotAFile { path: path.into(), found });
    }
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    place::check_file(path, &metadata, guard)?;
    if guard == Guard::Folder {
        place::check_folder(path)?;
    }
    Ok(file)
}
