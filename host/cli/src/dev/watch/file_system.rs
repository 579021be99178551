//! File systems that do not tell of every save: where the files lie on another machine, or are written
//! on the other side of a virtual one, no event comes.

use std::path::Path;

use rustix::fs::statfs;

/// The magic numbers of statfs(2), and what to call the file system.
const SILENT: [(u32, &str); 9] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x0102_1997, "9p"),
    (0x6573_5546, "FUSE"),
    (0x786f_4256, "vboxsf"),
    (0x00c3_6400, "Ceph"),
    (0x5346_414f, "AFS"),
];

/// The name of the file system that `dir` is on, if saves in it may go without an event.
pub(crate) fn without_events(dir: &Path) -> Option<&'static str> {
    name_of(u32::try_from(statfs(dir).ok()?.f_type).ok()?)
}

fn name_of(magic: u32) -> Option<&'static str> {
    SILENT.iter().find(|(known, _)| *known == magic).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_of_other_machines_are_known() {
        for (magic, name) in [
            (0x6969, Some("NFS")),
            (0x0102_1997, Some("9p")),
            (0x6573_5546, Some("FUSE")),
            (0xef53, None),      // ext4
            (0x9123_683e, None), // btrfs
            (0x0102_1994, None), // tmpfs
            (0x794c_7630, None), // overlayfs: an image's own files
        ] {
            assert_eq!(name_of(magic), name, "{magic:x}");
        }
        assert_eq!(without_events(Path::new("/proc")), None);
    }
}
