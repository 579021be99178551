//! The CPU time that a process has used.

use std::fs;
use std::path::{Path, PathBuf};

/// Nanoseconds of CPU that the threads of a process have used, from the scheduler's own count.
///
/// # Panics
/// If the process is gone, or the kernel keeps no such count (`CONFIG_SCHED_INFO`).
#[must_use]
pub fn used_ns(pid: u32) -> u64 {
    if_there(pid).expect("a running process")
}

/// The same of a process and of all that descend from it, those included that have ended: these to a
/// tick of the clock, a hundredth of a second.
///
/// # Panics
/// As [`used_ns`].
#[must_use]
pub fn used_ns_of_tree(pid: u32) -> u64 {
    tree_if_there(pid).expect("a running process")
}

/// A child may end while we look; then its parent has its time.
fn tree_if_there(pid: u32) -> Option<u64> {
    let of_children: u64 = children(pid).into_iter().filter_map(tree_if_there).sum();
    Some(if_there(pid)? + ended_ns(pid) + of_children)
}

fn if_there(pid: u32) -> Option<u64> {
    let tasks = fs::read_dir(proc(pid).join("task")).ok()?;
    let of_task = |task: fs::DirEntry| {
        // A thread may end while we look.
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    Some(tasks.filter_map(|task| of_task(task.ok()?)).sum())
}

fn proc(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

/// The processes that the threads of a process have started (`CONFIG_PROC_CHILDREN`).
fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(proc(pid).join("task")).into_iter().flatten().flatten();
    let mut found = Vec::new();
    for task in tasks {
        // A thread may end while we look.
        let list = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        found.extend(list.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    found
}

/// What the children had used that have ended and been waited for: `cutime` and `cstime` of proc(5).
fn ended_ns(pid: u32) -> u64 {
    let text = fs::read_to_string(proc(pid).join("stat")).unwrap_or_default();
    // The name of a program may hold spaces and parentheses.
    let after_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let times = after_name.split_whitespace().skip(13).take(2);
    let ticks: u64 = times.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    ticks * 1_000_000_000 / rustix::param::clock_ticks_per_second()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};

    use super::*;

    /// A shell whose child counts for some tenths of a second; both say how far they are, and go on
    /// when they are told.
    const PARENT: &str = "sh -c \"$CHILD\"; echo ended; read end";
    const CHILD: &str = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo counted; read end";

    #[test]
    fn children_count_while_they_live_and_after_they_have_ended() {
        let mut parent = Command::new("sh")
            .args(["-c", PARENT])
            .env("CHILD", CHILD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut stdin = parent.stdin.take().expect("stdin is piped");
        let mut lines = BufReader::new(parent.stdout.take().expect("stdout is piped")).lines();
        let mut line = || lines.next().expect("a line").expect("a text");

        assert_eq!(line(), "counted");
        let (own, alive) = (used_ns(parent.id()), used_ns_of_tree(parent.id()));
        assert!(alive > 50_000_000 && own < alive / 2, "{own} of {alive}");

        stdin.write_all(b"\n").expect("the child reads");
        assert_eq!(line(), "ended");
        // A tick of user time and one of the system's may be missing.
        let ended = used_ns_of_tree(parent.id());
        assert!(ended + 20_000_000 >= alive, "{ended} after {alive}");

        stdin.write_all(b"\n").expect("the parent reads");
        assert!(parent.wait().expect("an end").success());
    }
}
