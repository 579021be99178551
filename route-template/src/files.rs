//! Writing files so that a reader sees the old one or the new one, never a part; and reading
//! some that may have gone.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes a file beside its place and renames it there. Folders on the way are made.
///
/// What is open or mapped of an earlier file stays as it was. The file is readable for all,
/// and executable if the earlier one was.
pub(crate) fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mode = fs::metadata(path).map_or(0o644, |old| old.permissions().mode() & 0o777 | 0o644);
    let mut file = tempfile::Builder::new().prefix(".nova-").tempfile_in(folder)?;
    file.write_all(content)?;
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Whether the cause is a file that was deleted or renamed during the scan: the next will tell.
pub(crate) fn is_gone(error: Option<&io::Error>) -> bool {
    error.is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}
