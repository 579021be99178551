//! Which file systems answer from memory, or from a disk of this machine.

use std::path::Path;

use rustix::fs::{FsWord, statfs};

/// By their numbers (statfs(2)). What is not here may wait for another machine, or not know at once what
/// that has changed: NFS, SMB, 9p, FUSE.
const LOCAL: [FsWord; 11] = [
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683e, // Btrfs
    0x2fc1_2fc1, // ZFS
    0xca45_1a4e, // bcachefs
    0xf2f5_2010, // F2FS
    0x794c_7630, // overlayfs: images of containers
    0x7371_7368, // SquashFS
    0xe0f5_e1e2, // EROFS
    0x0102_1994, // tmpfs
    0x8584_58f6, // ramfs
];

/// Whether a thread that must not wait may look at the file at `path`. This blocks.
pub(super) fn is_local(path: &Path) -> bool {
    statfs(path).is_ok_and(|found| LOCAL.contains(&found.f_type))
}
