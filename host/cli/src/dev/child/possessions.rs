//! What a process has that no other one can have beside it: a lock on a file, a port.
//!
//! An app that does not start beside the one that serves may only want what that one has. What the
//! kernel says of the process tells; what `init` says in its error does not.

use std::collections::HashSet;
use std::fs;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::path::Path;

/// Whether the process `pid` holds a lock on a file, or listens on a port besides `sockets`.
pub(super) fn are_there(pid: u32, sockets: &[TcpListener]) -> bool {
    holds_lock(&fs::read_to_string("/proc/locks").unwrap_or_default(), pid) || listens(pid, sockets)
}

/// Whether these lines of `/proc/locks` have a lock of the process.
fn holds_lock(locks: &str, pid: u32) -> bool {
    let pid = pid.to_string();
    // `1: FLOCK  ADVISORY  WRITE 4711 fd:00:131 0 EOF`; one that waits has an arrow after its number.
    locks.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        words.next() != Some("->") && words.nth(2) == Some(&pid)
    })
}

fn listens(pid: u32, sockets: &[TcpListener]) -> bool {
    let ours: HashSet<String> = sockets
        .iter()
        .filter_map(|socket| {
            inode(&Path::new("/proc/self/fd").join(socket.as_raw_fd().to_string()))
        })
        .collect();
    let listening: HashSet<String> = ["tcp", "tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(format!("/proc/{pid}/net/{table}")).ok())
        .flat_map(|table| listening(&table))
        .collect();
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let mut inodes = descriptors.flatten().filter_map(|descriptor| inode(&descriptor.path()));
    inodes.any(|inode| listening.contains(&inode) && !ours.contains(&inode))
}

/// The number of the socket that a descriptor leads to.
fn inode(descriptor: &Path) -> Option<String> {
    let target = fs::read_link(descriptor).ok()?;
    Some(target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
}

/// The numbers of the sockets that listen, of a table of the kernel.
fn listening(table: &str) -> Vec<String> {
    const LISTEN: &str = "0A";
    let rows = table.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
    let listening = rows.filter(|row| row.get(3) == Some(&LISTEN));
    listening.filter_map(|row| row.get(9).map(|inode| (*inode).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use rustix::fs::{FlockOperation, flock};

    use super::*;

    #[test]
    fn a_lock_is_its_holders() {
        let locks = "1: FLOCK  ADVISORY  WRITE 4711 fd:00:131 0 EOF\n\
                     1: -> FLOCK  ADVISORY  WRITE 4712 fd:00:131 0 EOF\n\
                     2: POSIX  ADVISORY  READ 4713 fd:00:132 0 EOF\n";
        let holders = [4711, 4712, 4713, 471].map(|pid| holds_lock(locks, pid));
        assert_eq!(holders, [true, false, true, false]);
    }

    #[test]
    fn what_this_process_has_is_seen() {
        let pid = std::process::id();
        let ours = TcpListener::bind("127.0.0.1:0").expect("a port");
        assert!(listens(pid, &[]));
        let other = TcpListener::bind("127.0.0.1:0").expect("a port");
        let sockets = [ours, other];
        let others = std::iter::once(&sockets[0]).map(|it| it.try_clone().expect("a descriptor"));
        assert!(listens(pid, &others.collect::<Vec<_>>()));
        let file = tempfile::NamedTempFile::new().expect("a file");
        flock(file.as_file(), FlockOperation::LockExclusive).expect("a lock");
        assert!(are_there(pid, &sockets));
    }
}
