//! Files in memory.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;

use crate::library::loader::BuildId;

/// An empty file without a folder, from which code may run.
pub(super) fn file(build_id: &BuildId) -> io::Result<File> {
    let name = format!("libnova_routes-{}.so", build_id.as_str());
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // A kernel before 6.3 does not know the flag, and needs none.
    let memory = match memfd_create(&name, flags | MemfdFlags::EXEC) {
        Err(Errno::INVAL) => memfd_create(&name, flags)?,
        created => created?,
    };
    let file = File::from(memory);
    file.set_permissions(Permissions::from_mode(0o500))?;
    Ok(file)
}

/// Lets nobody change a file any more.
pub(super) fn seal(file: &File) -> io::Result<()> {
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    Ok(fcntl_add_seals(file, seals)?)
}

/// A file with this content that nobody can change.
pub(super) fn sealed(build_id: &BuildId, bytes: &[u8]) -> io::Result<File> {
    let mut file = file(build_id)?;
    file.write_all(bytes)?;
    seal(&file)?;
    Ok(file)
}
